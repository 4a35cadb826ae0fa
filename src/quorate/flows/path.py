"""Paths of steps: where in a run something happened, the same in every execution of it.

`extract`, `analysis/summary` (in a group, a switch, a nested flow or as a fallback), `translate[3]` (an item of a
`foreach`), `translate[3]/check`. Blocks beside the steps have names that no step may have: `catch/report`,
`finally/cleanup`. An attempt is `extract#2`, an item's second attempt `translate[3]#2`.
"""

from collections.abc import Iterable

#: Names that no step may have, because paths begin with them.
RESERVED = frozenset({"catch", "finally"})


def joined(parent: str, name: str) -> str:
    """Return the path of a step in a block."""
    return f"{parent}/{name}" if parent else name


def item(path: str, index: int) -> str:
    """Return the path of an item of a `foreach`."""
    return f"{path}[{index}]"


def attempt(path: str, number: int) -> str:
    """Return the path of one attempt, counted from 1."""
    return f"{path}#{number}"


def is_below(path: str, ancestor: str) -> bool:
    """Return whether a path is the other one or something inside it."""
    return path == ancestor or (path.startswith(ancestor) and path[len(ancestor)] in "/[#")


def parent(path: str) -> str:
    """Return the path of what a path is directly inside of: a block, a loop, or a step with several attempts."""
    return path[: max(path.rfind("/"), path.rfind("["), path.rfind("#"), 0)]


def ancestors(path: str) -> Iterable[str]:
    """Yield the paths of everything that a path is inside of, from the nearest outwards."""
    while path := parent(path):
        yield path
