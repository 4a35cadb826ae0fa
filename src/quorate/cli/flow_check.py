"""What is wrong with flows, with the lines it is in."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from quorate.cli.code_frame import code_frame
from quorate.cli.printable import printable, printable_json
from quorate.config import load_settings
from quorate.config.flow_shelf import open_shelf
from quorate.config.flow_target import FlowTarget, place_of
from quorate.config.load import Settings
from quorate.core.errors import InvalidRequest
from quorate.flows.plan import FlowPlan
from quorate.source.place import BadConfiguration, Problem, dotted


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The flows that can be run, and everything that is wrong with the others."""

    plans: tuple[FlowPlan, ...]
    problems: tuple[Problem, ...]


def check_flows(targets: Sequence[str], config: Path | None) -> Checked:
    """Return what became of the flows that are named, of all of the folder if none is. Blocking."""
    settings = load_settings(config, probe=False)
    plans: list[FlowPlan] = []
    problems: list[Problem] = []
    for found in [_checked(target, settings) for target in targets] or [_folder(None, settings)]:
        plans += (plan for plan in found.plans if plan not in plans)
        problems += (problem for problem in found.problems if problem not in problems)
    return Checked(plans=tuple(plans), problems=tuple(problems))


def print_checked(checked: Checked, *, json_output: bool) -> None:
    """Print what is wrong, each with its line, and how many flows are right."""
    if json_output:
        found = {
            "flows": [{"name": plan.name, "version": plan.version, "file": plan.file} for plan in checked.plans],
            "problems": [_as_json(problem) for problem in checked.problems],
        }
        typer.echo(printable_json(json.dumps(found, indent=2, ensure_ascii=False)))
        return
    for text in _told(checked.problems):
        typer.echo(printable(text))
    right, wrong = len(checked.plans), len(checked.problems)
    flows = f"{right} flow{'' if right == 1 else 's'} right"
    typer.echo(f"{flows}, {wrong} problem{'' if wrong == 1 else 's'}" if wrong else flows, err=bool(wrong))


def _checked(target: str, settings: Settings) -> Checked:
    if Path(target).is_dir() and not (Path(target) / "flow.yaml").is_file():
        return _folder(Path(target), settings)
    found = FlowTarget.of(target, settings)
    book = open_shelf(settings, folder=found.folder).book
    try:
        return Checked(plans=(found.plan(book),), problems=())
    except BadConfiguration as error:
        return Checked(plans=(), problems=error.problems)


def _folder(folder: Path | None, settings: Settings) -> Checked:
    shelf = open_shelf(settings, folder=folder)
    book = shelf.book
    plans = tuple(book.resolve(name, version) for name in book.names() for version in book.versions(name))
    problems = book.problems()
    if not plans and not problems:
        raise InvalidRequest(f"there are no flows in {str(shelf.folder)!r}; `quorate flow new NAME` makes one")
    return Checked(plans=plans, problems=problems)


def _told(problems: Iterable[Problem]) -> Iterable[str]:
    files: dict[str, list[str]] = {}
    for problem in problems:
        file, line, column = place_of(problem)
        if file not in files:
            files[file] = _lines(Path(file))
        frame = code_frame(files[file], line, column)
        yield f"{problem}\n{frame}\n" if frame else f"{problem}\n"


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # what is wrong with it says so
        return []


def _as_json(problem: Problem) -> dict[str, Any]:
    file, line, column = place_of(problem)
    return {
        "file": file,
        "line": line or None,
        "column": column or None,
        "path": dotted(problem.path),
        "message": problem.message,
    }
