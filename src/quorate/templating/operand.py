"""A part of an expression that has been translated."""

from dataclasses import dataclass

from quorate.templating.names import Bound, Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """A part that has been translated. `path`: it is a name of the scope and nothing else so far.

    `optional` is the code where its absence is allowed; `safe`: a literal or a number, which cannot grow.
    """

    code: str
    at: int
    path: Path | None = None
    optional: str = ""
    safe: bool = False
    what: Bound = Bound.VALUE
