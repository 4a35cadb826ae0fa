"""A file or function that no longer fits in a reader's head is split."""

import ast
from collections.abc import Iterator

from source_tree import Source, package_sources, parse

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60


def too_long(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if lines > MAX_FILE_LINES:
        yield f"{source.name}: {lines} lines (at most {MAX_FILE_LINES})"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{source.at(node)}: {node.name}: {lines} lines (at most {MAX_FUNCTION_LINES})"


def test_files_and_functions_are_short() -> None:
    assert [line for source in package_sources() for line in too_long(source)] == []


def test_long_ones_are_found() -> None:
    function = "async def f() -> None:\n" + "    await g()\n" * MAX_FUNCTION_LINES
    assert list(too_long(parse("a.py", function))) == ["a.py:1: f: 61 lines (at most 60)"]
    assert list(too_long(parse("b.py", "x = 1\n" * 501))) == ["b.py: 501 lines (at most 500)"]
    assert list(too_long(parse("c.py", "x = 1\n" * 500))) == []
