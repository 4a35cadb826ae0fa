"""Runs the examples of the documentation. CONTRIBUTING.md describes the notation for those who write pages."""

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pages

RUN = frozenset({"python", "bash", "console"})
UNCLEAR = frozenset({"sh", "shell", "zsh", "py", "python3", "pycon", "shell-session", "yml"})
_ILLUSTRATION = re.compile(r"illustration,\s*\S+")
_SAME_ENOUGH = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_TIMEOUT_S = 20.0


class ExampleError(AssertionError):
    """An example that does not do what its page says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One block that is run, with what it needs from the page above it.

    `files` are (name, text) of earlier blocks with a title; `before` is the Python it continues; `output` is what it
    must print, `...` standing for anything; None if the page does not say.
    """

    page: str
    line: int
    language: str
    code: str
    files: tuple[tuple[str, str], ...] = ()
    before: str = ""
    output: str | None = None
    fails: bool = False

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def _is_example(block: pages.Block) -> bool:
    return block.language in RUN or (block.language == "yaml" and block.code.startswith("version: 1"))


def _checked_note(page: pages.Page, block: pages.Block) -> str:
    where = f"{page.name}:{block.line}"
    if block.language in UNCLEAR:
        raise ExampleError(f"{where}: a block of language {block.language!r}; use python, bash, console or yaml")
    if block.note and block.note not in {"continues", "fails", "output"} and not _ILLUSTRATION.match(block.note):
        raise ExampleError(f"{where}: {block.note!r}; expected continues, fails, output, or illustration, REASON")
    return block.note


def examples(page: pages.Page) -> list[Example]:
    """The blocks of a page that run, in order."""
    found: list[Example] = []
    files: dict[str, str] = {}
    before = ""
    for block in pages.blocks(page):
        note = _checked_note(page, block)
        if note == "output":
            if not found:
                raise ExampleError(f"{page.name}:{block.line}: an output without an example before it")
            found[-1] = replace(found[-1], output=block.code)
        elif _is_example(block) and not note.startswith("illustration"):
            before = before if note == "continues" else ""
            found.append(
                Example(
                    page=page.name,
                    line=block.line,
                    language=block.language,
                    code=block.code,
                    files=tuple(files.items()),
                    before=before,
                    fails=note == "fails",
                )
            )
            before += block.code if block.language == "python" else ""
        if block.title:
            files[Path(block.title).name] = block.code
    return found


def run(example: Example, folder: Path) -> None:
    """Runs it with `folder` as the current folder; raises `ExampleError` where the page is wrong."""
    for name, text in example.files:
        (folder / name).write_text(text, encoding="utf-8")
    match example.language:
        case "python":
            printed = _run_python(example)
        case "yaml":
            printed = _check_configuration(example, folder)
        case "console":
            printed = _run_console(example, folder)
        case _:
            printed = _run_bash(example, folder)
    if example.output is not None:
        _compare(example, example.output, printed)


def _run_python(example: Example) -> str:
    # In this process: the network stays off, warnings stay errors, and it costs no start of an interpreter.
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed = io.StringIO()
    if example.before:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(example.before, example.page, "exec", dont_inherit=True), namespace)
    # Line feeds in front, so that a traceback names the line of the page.
    code = compile("\n" * (example.line - 1) + example.code, example.page, "exec", dont_inherit=True)
    with contextlib.redirect_stdout(printed):
        exec(code, namespace)
    return printed.getvalue()


def _environment(folder: Path) -> dict[str, str]:
    """What a new user has: our command on the path, an empty home, no key of any provider."""
    passed = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "PYTHON"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return passed | {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "120"}


def _shell(example: Example, command: str, folder: Path) -> str:
    # `make` itself would start all tests again: it is enough that the target exists.
    in_repository = all(line.startswith(("make ", "#")) or not line for line in command.splitlines())
    if in_repository:
        command = re.sub(r"^make ", "make --dry-run ", command, flags=re.MULTILINE)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=pages.ROOT if in_repository else folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    if (done.returncode != 0) != example.fails:
        raise ExampleError(f"{example}: exit status {done.returncode} of\n{command}\n{done.stdout}")
    return done.stdout


def _run_bash(example: Example, folder: Path) -> str:
    return _shell(example, example.code, folder)


def _run_console(example: Example, folder: Path) -> str:
    """Each `$ command` with the output that follows it; `> ` continues a command."""
    if not example.code.startswith("$ "):
        raise ExampleError(f"{example}: a console block starts with `$ `")
    for part in re.split(r"^\$ ", example.code, flags=re.MULTILINE)[1:]:
        command, _, rest = part.partition("\n")
        while rest.startswith("> "):
            more, _, rest = rest[2:].partition("\n")
            command += "\n" + more
        printed = _shell(example, command, folder)
        if rest.strip():
            _compare(example, rest, printed)
    return ""


def _check_configuration(example: Example, folder: Path) -> str:
    file = folder / "example.yaml"
    file.write_text(example.code, encoding="utf-8")
    return _shell(example, "quorate config check example.yaml", folder)


def _compare(example: Example, expected: str, printed: str) -> None:
    if not doctest.OutputChecker().check_output(expected, printed, _SAME_ENOUGH):
        raise ExampleError(f"{example}: the page says\n{expected}\nbut it printed\n{printed}")
