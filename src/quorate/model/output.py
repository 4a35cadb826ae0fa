"""What an answer is as a value, where an output contract says what it must be."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with an answer: where (`$.items[0].price`) and what, without the answer's own words."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An answer that was read under a contract.

    `value` is plain JSON, `None` if nothing could be read; `native` is the same as the caller's Python type (a date, a
    dataclass). `problems` is empty if it keeps the contract. `repaired`: its JSON was mended. `attempts`: how often the
    model was asked for it.
    """

    value: Any
    native: object
    problems: tuple[Problem, ...] = ()
    repaired: bool = False
    attempts: int = 1

    @property
    def valid(self) -> bool:
        """Whether it keeps the contract."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "valid": self.valid,
            "value": self.value,
            "problems": [{"path": each.path, "message": each.message} for each in self.problems],
            "repaired": self.repaired,
            "attempts": self.attempts,
        }
