"""What the package never does: run text as code, unpickle, read the environment anywhere, start loose tasks."""

import ast
from collections.abc import Callable, Iterator

import pytest

from source_tree import Source, dotted, package_sources, parse

RUNS_TEXT = frozenset({"exec", "eval", "compile", "__import__"})
UNPICKLES = frozenset({"pickle", "marshal", "shelve", "dill", "cloudpickle"})
ENVIRONMENT = frozenset({"environ", "environb", "getenv", "getenvb", "putenv"})
# The configuration reads the environment; the command line asks the terminal what it can show.
MAY_READ_ENVIRONMENT = frozenset({"config", "cli"})


def imported(tree: ast.Module) -> Iterator[tuple[ast.stmt, str, str]]:
    """(statement, module, name) of every import; the name is empty for `import module`."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node, alias.name, "") for alias in names)
            case ast.ImportFrom(module=module, names=names):
                yield from ((node, module or "", alias.name) for alias in names)
            case _:
                pass


def runs_text(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and dotted(node.func).removeprefix("builtins.") in RUNS_TEXT:
            yield f"{source.at(node)}: {dotted(node.func)}"


def unpickles(source: Source) -> Iterator[str]:
    for node, module, _ in imported(source.tree):
        if module.partition(".")[0] in UNPICKLES:
            yield f"{source.at(node)}: {module}"


def reads_environment(source: Source) -> Iterator[str]:
    if source.folder in MAY_READ_ENVIRONMENT:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and dotted(node) in {f"os.{name}" for name in ENVIRONMENT}:
            yield f"{source.at(node)}: {dotted(node)}"
    for node, module, name in imported(source.tree):
        if module == "os" and name in ENVIRONMENT:
            yield f"{source.at(node)}: from os import {name}"


def task_groups(tree: ast.Module) -> set[str]:
    """Names that are bound to a task group: `async with TaskGroup() as group`, or a parameter annotated as one."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.withitem(context_expr=ast.Call(func=function), optional_vars=ast.Name(id=name)):
                if dotted(function).endswith("TaskGroup"):
                    names.add(name)
            case ast.arg(arg=name, annotation=ast.expr() as annotation):
                if dotted(annotation).endswith("TaskGroup"):
                    names.add(name)
            case _:
                pass
    return names


def starts_loose_task(source: Source) -> Iterator[str]:
    groups = task_groups(source.tree)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            owner, _, name = dotted(node.func).rpartition(".")
            if name in {"create_task", "ensure_future"} and owner not in groups:
                yield f"{source.at(node)}: {dotted(node.func)}"


@pytest.mark.parametrize("rule", [runs_text, unpickles, reads_environment])
def test_package_never(rule: Callable[[Source], Iterator[str]]) -> None:
    assert [line for source in package_sources() for line in rule(source)] == []


def test_loose_tasks_start_in_one_file() -> None:
    """A task outside a task group needs an owner that awaits it; one file knows how."""
    places = [line for source in package_sources() for line in starts_loose_task(source)]
    assert len({place.partition(":")[0] for place in places}) <= 1, places


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (runs_text, "eval('1')"),
        (runs_text, "import builtins\nbuiltins.exec('x = 1')"),
        (unpickles, "import pickle"),
        (unpickles, "def f():\n    from shelve import open"),
        (reads_environment, "import os\nos.environ['A']"),
        (reads_environment, "import os\nos.getenv('A')"),
        (reads_environment, "from os import environ"),
        (starts_loose_task, "import asyncio\nasyncio.create_task(f())"),
        (starts_loose_task, "loop.create_task(f())"),
        (starts_loose_task, "from asyncio import ensure_future\nensure_future(f())"),
    ],
)
def test_bad_samples_are_found(rule: Callable[[Source], Iterator[str]], code: str) -> None:
    assert len(list(rule(parse("src/quorate/core/sample.py", code)))) == 1


@pytest.mark.parametrize(
    ("rule", "name", "code"),
    [
        (runs_text, "core/a.py", "import re\nre.compile('a')\nmodel.eval()"),
        (reads_environment, "config/a.py", "import os\nos.environ['A']"),
        (
            starts_loose_task,
            "core/a.py",
            "async def f():\n    async with asyncio.TaskGroup() as g:\n        g.create_task(h())",
        ),
        (starts_loose_task, "core/a.py", "def f(group: asyncio.TaskGroup):\n    group.create_task(h())"),
    ],
)
def test_good_samples_pass(rule: Callable[[Source], Iterator[str]], name: str, code: str) -> None:
    assert list(rule(parse(f"src/quorate/{name}", code))) == []
