"""Inputs of a run from the command line: `name=value`, values and files from disk, JSON from a file or a pipe."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from quorate.core.errors import InvalidRequest
from quorate.core.ids import RunId
from quorate.flows.files import FileRef
from quorate.flows.flows import Flows
from quorate.flows.inputs import read_text
from quorate.flows.plan import FlowPlan
from quorate.source.document import parse_document
from quorate.source.place import did_you_mean, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenInputs:
    """What was given: `values` as JSON or as it was written, `files` by input, `lists` are those of many."""

    values: dict[str, Any]
    files: dict[str, list[Path]]
    lists: frozenset[str] = frozenset()


def given_inputs(plan: FlowPlan, *, pairs: Sequence[str], whole: str | None, files: Sequence[str]) -> GivenInputs:
    """Return what the flags say: `whole` first, then single ones. Blocking: reads files, or stdin for `-`.

    `name=@file` is the text of a file. Raises `InvalidRequest`; whether the inputs fit is checked when the run begins.
    """
    known = {each.name: each for each in plan.inputs}
    values: dict[str, Any] = {} if whole is None else _whole(whole)
    paths: dict[str, list[Path]] = {}
    for pair in pairs:
        name, value = split_pair(pair, "input")
        if name not in known:
            raise InvalidRequest(
                f"the flow {plan.name!r} has no input {name!r}{did_you_mean(name, known)} (inputs: {listed(known)})",
                param="input",
            )
        if known[name].takes_files:
            _give(plan, paths, name, Path(value.removeprefix("@")))
        else:
            text = text_of(Path(value[1:])) if value.startswith("@") else value
            values[name] = read_text(text, known[name].schema.get("type"))
    for pair in files:
        name, value = split_pair(pair, "file")
        _give(plan, paths, name, Path(value))
    return GivenInputs(values=values, files=paths, lists=_lists(plan))


async def kept_inputs(given: GivenInputs, flows: Flows, run: RunId) -> dict[str, Any]:
    """Return the inputs of a run, its files kept; raises `InvalidRequest` for one that cannot be read."""
    found = dict(given.values)
    for name, paths in given.files.items():
        kept = [await _kept(path, flows, run) for path in paths]
        found[name] = kept if name in given.lists else kept[-1]
    return found


async def _kept(path: Path, flows: Flows, run: RunId) -> FileRef:
    try:
        content = await asyncio.to_thread(path.read_bytes)
    except OSError as error:
        raise InvalidRequest(f"{str(path)!r} cannot be read: {error.strerror}", param="file") from None
    return await flows.files.keep(run, content, name=path.name, max_bytes=flows.max_file_bytes)


def _lists(plan: FlowPlan) -> frozenset[str]:
    return frozenset(each.name for each in plan.inputs if each.is_files)


def _give(plan: FlowPlan, paths: dict[str, list[Path]], name: str, path: Path) -> None:
    """Note a file; of an input that is one file the last one counts."""
    paths[name] = [*(paths.get(name, ()) if name in _lists(plan) else ()), path]


def _whole(source: str) -> dict[str, Any]:
    """Return inputs from a file with a JSON or YAML object, or from stdin."""
    text = sys.stdin.read() if source == "-" else text_of(Path(source))
    found = cast("object", parse_document(text, "stdin" if source == "-" else source).tree)
    return cast("dict[str, Any]", found)


def split_pair(pair: str, flag: str) -> tuple[str, str]:
    """Return the two sides of `NAME=VALUE`; raise `InvalidRequest` for anything else."""
    name, equals, value = pair.partition("=")
    if not equals or not name:
        raise InvalidRequest(f"--{flag} {pair!r}: expected NAME=VALUE", param=flag)
    return name.strip(), value


def text_of(path: Path) -> str:
    """Return the text of a file; raise `InvalidRequest` where that is not possible. Blocking."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise InvalidRequest(f"{str(path)!r} cannot be read: {told}", param="input") from None
