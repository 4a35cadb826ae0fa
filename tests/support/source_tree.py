"""The package's source files, parsed once, for the tests that hold the house rules."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "quorate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One Python file: its path from the root of the repository (with `/`), its text and its syntax tree."""

    name: str
    text: str
    tree: ast.Module

    @property
    def folder(self) -> str:
        """The package under quorate that holds it: `core`, `cli`; empty for a file of quorate itself."""
        parts = self.name.split("/")  # src, quorate, folder..., file
        return parts[2] if len(parts) > 3 else ""

    def at(self, node: ast.expr | ast.stmt) -> str:
        return f"{self.name}:{node.lineno}"


def parse(name: str, text: str) -> Source:
    return Source(name=name, text=text, tree=ast.parse(text, filename=name))


@cache
def package_sources() -> tuple[Source, ...]:
    paths = sorted(PACKAGE.rglob("*.py"))
    assert paths, f"no Python file under {PACKAGE}"
    return tuple(parse(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths)


def dotted(node: ast.AST) -> str:
    """`a.b.c` for such an expression, `` for any other."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            inner = dotted(value)
            return f"{inner}.{attr}" if inner else ""
        case _:
            return ""
