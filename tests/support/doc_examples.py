"""Runs the examples of the documentation. CONTRIBUTING.md describes the notation for those who write pages."""

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pages
from background_server import BackgroundServer

RUN = frozenset({"python", "bash", "console"})
UNCLEAR = frozenset({"sh", "shell", "zsh", "py", "python3", "pycon", "shell-session", "yml"})
_ILLUSTRATION = re.compile(r"illustration,\s*\S+")
_NOTES = frozenset({"continues", "fails", "output", "server", "client"})
_SAME_ENOUGH = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_TIMEOUT_S = 80.0
_START_S = 60.0


class ExampleError(AssertionError):
    """An example that does not do what its page says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One block that is run, with what it needs from the page above it.

    `files` are (name, text) of earlier blocks with a title; `before` is the Python it continues; `output` is what it
    must print, `...` standing for anything; None if the page does not say. `role` is `server`, `client` or empty.
    """

    page: str
    line: int
    language: str
    code: str
    files: tuple[tuple[str, str], ...] = ()
    before: str = ""
    output: str | None = None
    fails: bool = False
    role: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where examples run: the current folder, and the variables that a server told its clients to set."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict[str, str])


def _is_example(block: pages.Block) -> bool:
    return block.language in RUN or (block.language == "yaml" and block.code.startswith("version: 1"))


def _checked_note(page: pages.Page, block: pages.Block) -> str:
    where = f"{page.name}:{block.line}"
    if block.language in UNCLEAR:
        raise ExampleError(f"{where}: a block of language {block.language!r}; use python, bash, console or yaml")
    if block.note and block.note not in _NOTES and not _ILLUSTRATION.match(block.note):
        expected = ", ".join(sorted(_NOTES))
        raise ExampleError(f"{where}: {block.note!r}; expected {expected}, or illustration, REASON")
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
                    role=note if note in {"server", "client"} else "",
                )
            )
            before += block.code if block.language == "python" else ""
        if block.title:
            files[block.title] = block.code
    return found


def sittings(page: pages.Page) -> list[tuple[Example, ...]]:
    """The examples of a page as they run: one that starts a server with all that ask it, every other one by itself."""
    found: list[tuple[Example, ...]] = []
    with_server: list[Example] = []
    for example in examples(page):
        if example.role == "client" and not with_server:
            raise ExampleError(f"{example}: a client without a server above it")
        if example.role:
            with_server.append(example)
        else:
            found.append((example,))
    return [*found, *([tuple(with_server)] if with_server else [])]


def run(sitting: tuple[Example, ...], folder: Path) -> None:
    """Runs examples in order with `folder` as the current folder; raises `ExampleError` where the page is wrong."""
    place = Place(folder=folder)
    with contextlib.ExitStack() as stack:
        for example in sitting:
            for name, text in example.files:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
            if example.role == "server":
                stack.close()  # a second server takes the place of the first, as on the reader's screen
                place = Place(folder=folder, variables={**place.variables, **_start(example, folder, stack)})
            else:
                _run_one(example, place)


def _start(example: Example, folder: Path, stack: contextlib.ExitStack) -> Mapping[str, str]:
    """Start the server of a console block and return what its clients are to set, once it has said what it must."""
    [(command, expected)] = _commands(example)
    environment = {**_environment(Place(folder=folder)), "QUORATE_SERVER__PORT": "0"}  # whatever else listens here
    server = stack.enter_context(BackgroundServer(command, folder, environment))
    if not server.printed_within(_START_S, lambda printed: _says(expected, _as_on_pages(printed, server.variables()))):
        raise ExampleError(f"{example}: the page says\n{expected}\nbut it printed\n{server.printed}\n{server.log}")
    return server.variables()


def _run_one(example: Example, place: Place) -> None:
    match example.language:
        case "python":
            printed = _run_python(example, place)
        case "yaml":
            printed = _check_configuration(example, place)
        case "console":
            printed = _run_console(example, place)
        case _:
            printed = _run_bash(example, place)
    if example.output is not None:
        _compare(example, example.output, _as_on_pages(printed, place.variables))


def _run_python(example: Example, place: Place) -> str:
    # In this process: the network stays off, warnings stay errors, and it costs no start of an interpreter.
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed = io.StringIO()
    if example.before:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(example.before, example.page, "exec", dont_inherit=True), namespace)
    # Line feeds in front, so that a traceback names the line of the page.
    code = compile("\n" * (example.line - 1) + example.code, example.page, "exec", dont_inherit=True)
    with contextlib.redirect_stdout(printed), _set(place.variables):
        exec(code, namespace)
    return printed.getvalue()


@contextmanager
def _set(variables: Mapping[str, str]) -> Generator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
        os.environ.update(before)


def _environment(place: Place) -> dict[str, str]:
    """What a new user has: our command on the path, an empty home, no key of any provider, no Ollama."""
    passed = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "PYTHON"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    told = {"PATH": path, "HOME": str(place.folder), "LANG": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "120"}
    return {**passed, **told, "OLLAMA_HOST": "127.0.0.1:1", **place.variables}


def _shell(example: Example, command: str, place: Place) -> str:
    # `make` itself would start all tests again: it is enough that the target exists.
    in_repository = all(line.startswith(("make ", "#")) or not line for line in command.splitlines())
    if in_repository:
        command = re.sub(r"^make ", "make --dry-run ", command, flags=re.MULTILINE)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=pages.ROOT if in_repository else place.folder,
        env=_environment(place),
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


def _run_bash(example: Example, place: Place) -> str:
    return _shell(example, example.code, place)


def _commands(example: Example) -> Generator[tuple[str, str]]:
    """Each `$ command` with the output that follows it; `> ` continues a command."""
    if not example.code.startswith("$ "):
        raise ExampleError(f"{example}: a console block starts with `$ `")
    for part in re.split(r"^\$ ", example.code, flags=re.MULTILINE)[1:]:
        command, _, rest = part.partition("\n")
        while rest.startswith("> "):
            more, _, rest = rest[2:].partition("\n")
            command += "\n" + more
        yield command, rest


def _run_console(example: Example, place: Place) -> str:
    for command, rest in _commands(example):
        printed = _shell(example, command, place)
        if rest.strip():
            _compare(example, rest, _as_on_pages(printed, place.variables))
    return ""


def _check_configuration(example: Example, place: Place) -> str:
    file = place.folder / "example.yaml"
    file.write_text(example.code, encoding="utf-8")
    return _shell(example, "quorate config check example.yaml", place)


def _says(expected: str, printed: str) -> bool:
    return doctest.OutputChecker().check_output(expected, printed, _SAME_ENOUGH)


def _as_on_pages(printed: str, variables: Mapping[str, str]) -> str:
    """What a server or its client printed; whatever the free port is, pages say 8080."""
    url = variables.get("OPENAI_BASE_URL", "").removesuffix("/v1")
    return printed.replace(url, "http://127.0.0.1:8080") if url else printed


def _compare(example: Example, expected: str, printed: str) -> None:
    if not _says(expected, printed):
        raise ExampleError(f"{example}: the page says\n{expected}\nbut it printed\n{printed}")
