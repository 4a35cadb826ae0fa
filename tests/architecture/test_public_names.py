"""`__all__` says what a package offers: complete, without repetition, and in the order the linter keeps."""

import ast
import importlib
import re
from collections.abc import Iterator

import pytest

from source_tree import Source, package_sources, parse

PACKAGES = [source for source in package_sources() if source.name.endswith("/__init__.py")]


def module_name(source: Source) -> str:
    return source.name.removeprefix("src/").removesuffix("/__init__.py").replace("/", ".")


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If | ast.Try):  # imports for the type checker only, optional ones
            yield from _top_level(node.body)
            yield from _top_level(node.orelse)
        else:
            yield node


def public_names(source: Source) -> set[str]:
    """Every name without a leading underscore that the file binds itself or takes from its own package."""
    names: set[str] = set()
    for node in _top_level(source.tree.body):
        match node:
            case ast.ImportFrom(module=str(module), names=aliases) if module.startswith("quorate"):
                names.update(alias.asname or alias.name for alias in aliases)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case _:
                pass
    return {name for name in names if not name.startswith("_")}


def declared(source: Source) -> list[str] | None:
    """The names in `__all__`; None if there is none. It must be a literal, or no tool can read it."""
    for node in source.tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return list(ast.literal_eval(value))
            case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value):
                return list(ast.literal_eval(value))
            case _:
                pass
    return None


def order(name: str) -> tuple[object, ...]:
    """Constants, then classes, then the rest; numbers inside a name by their value."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return (kind, [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d+)", name)])


def wrong(source: Source) -> Iterator[str]:
    names, bound = declared(source), public_names(source)
    if names is None:
        if bound:
            yield f"{source.name}: binds {sorted(bound)} but has no __all__"
        return
    if missing := bound - set(names):
        yield f"{source.name}: not in __all__: {sorted(missing)}"
    if len(set(names)) != len(names):
        yield f"{source.name}: __all__ names something twice"
    if names != sorted(names, key=order):
        yield f"{source.name}: __all__ is not sorted"


@pytest.mark.parametrize("source", PACKAGES, ids=module_name)
def test_all_is_sorted_and_complete(source: Source) -> None:
    assert list(wrong(source)) == []


@pytest.mark.parametrize("source", PACKAGES, ids=module_name)
def test_every_declared_name_exists(source: Source) -> None:
    module = importlib.import_module(module_name(source))
    assert [name for name in declared(source) or () if not hasattr(module, name)] == []


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("from quorate.core.errors import QuorateError\n", "has no __all__"),
        ("from quorate.a import A, b\n__all__ = ['A']\n", "not in __all__: ['b']"),
        ("if TYPE_CHECKING:\n    from quorate.a import A\n__all__ = []\n", "not in __all__: ['A']"),
        ("__all__ = ['b', 'A']\n", "not sorted"),
        ("__all__ = ['A', 'A']\n", "twice"),
    ],
)
def test_bad_samples_are_found(code: str, complaint: str) -> None:
    (found,) = wrong(parse("src/quorate/sample/__init__.py", code))
    assert complaint in found


def test_good_sample_passes() -> None:
    code = "import re\nfrom quorate.a import Be10, A, Be9, LIMIT, ask\n_x = re\n"
    code += "__all__ = ['LIMIT', 'A', 'Be9', 'Be10', 'ask']\n"
    assert list(wrong(parse("src/quorate/sample/__init__.py", code))) == []
