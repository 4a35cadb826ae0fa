"""Checks the functions that users wrote before anything runs: is it Python, does the sandbox know it."""

import ast
import keyword
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from quorate.templating.place import nearest
from quorate.templating.template import TemplateError

_MAX_SOURCE: Final = 64 << 10
_RESERVED: Final = "quorate_"
#: What the sandbox can import; found by trying every module of the standard library (pydantic-monty 1.4.0).
MODULES: Final = frozenset(
    {
        "asyncio",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "copy",
        "csv",
        "dataclasses",
        "datetime",
        "decimal",
        "functools",
        "hashlib",
        "itertools",
        "json",
        "math",
        "os",
        "pathlib",
        "posixpath",
        "random",
        "re",
        "sys",
        "time",
        "tomllib",
        "typing",
        "unicodedata",
    }
)
_UNKNOWN: Final[Mapping[type[ast.AST], str]] = {
    ast.AsyncFor: "async for",
    ast.AsyncWith: "async with",
    ast.Delete: "del",
    ast.TryStar: "except*",
    ast.Yield: "yield",
    ast.YieldFrom: "yield from",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionProblem:
    """What is wrong with a function, and in which line of its source."""

    function: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"functions.{self.function}:{self.line}: {self.message}"


def check_functions(functions: Mapping[str, str]) -> tuple[FunctionProblem, ...]:
    """Return everything that is wrong with functions, by name. Nothing of them is run."""
    return tuple(problem for name, source in functions.items() for problem in _problems(name, source))


def require_functions(problems: Iterable[FunctionProblem]) -> None:
    """Raise `TemplateError` with all problems, if there are any."""
    found = [str(problem) for problem in problems]
    if found:
        raise TemplateError("\n".join(found))


def _problems(name: str, source: str) -> Iterator[FunctionProblem]:
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith(("_", _RESERVED)):
        yield FunctionProblem(function=name, line=1, message=f"{name!r} cannot be the name of a function")
        return
    if len(source) > _MAX_SOURCE:
        message = f"the source has {len(source)} characters; at most {_MAX_SOURCE}"
        yield FunctionProblem(function=name, line=1, message=message)
        return
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        yield FunctionProblem(function=name, line=error.lineno or 1, message=f"this is not Python: {error.msg}")
        return
    except (ValueError, RecursionError, MemoryError) as error:
        message = f"this is not Python that can be read ({error or 'nested too deep'})"
        yield FunctionProblem(function=name, line=1, message=message)
        return
    yield from _definition(name, tree)
    for node in ast.walk(tree):
        for message in _unsupported(node):
            yield FunctionProblem(function=name, line=getattr(node, "lineno", 1), message=message)


def _definition(name: str, tree: ast.Module) -> Iterator[FunctionProblem]:
    defined = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    if isinstance(defined.get(name), ast.AsyncFunctionDef):
        yield FunctionProblem(function=name, line=defined[name].lineno, message="it is async; write 'def' alone")
    elif name not in defined:
        message = f"it defines no 'def {name}(...)'{nearest(name, defined)}"
        yield FunctionProblem(function=name, line=1, message=message)


def _unsupported(node: ast.AST) -> Iterator[str]:
    word = _UNKNOWN.get(type(node))
    if word is not None:
        yield f"not supported by the sandbox: {word}"
    elif isinstance(node, ast.comprehension) and node.is_async:
        yield "not supported by the sandbox: async comprehensions"
    elif isinstance(node, ast.ClassDef) and (node.bases or node.keywords):
        yield "not supported by the sandbox: classes that inherit"
    elif isinstance(node, ast.Import):
        yield from (_module(alias.name) for alias in node.names if alias.name not in MODULES)
    elif isinstance(node, ast.ImportFrom):
        if node.level or node.module not in MODULES:
            yield _module(node.module or ".")
        if any(alias.name == "*" for alias in node.names):
            yield "not supported by the sandbox: import *"


def _module(name: str) -> str:
    return f"the sandbox has no module {name!r}; it has: {', '.join(sorted(MODULES))}"
