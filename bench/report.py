"""What a benchmark says: a figure, its target, and whether it was met."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`target` is an upper limit, or a lower one with `at_least`; `None` means the figure is for information."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """`ok`, `MISSED`, or nothing to compare with."""
        if self.target is None:
            return ""
        met = self.value >= self.target if self.at_least else self.value <= self.target
        return "ok" if met else "MISSED"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "verdict": self.verdict}


def render(rows: Sequence[Row]) -> str:
    """Return the rows as an aligned table."""
    width = max(len(row.name) for row in rows)
    return "\n".join(_line(row, width) for row in rows)


def _line(row: Row, width: int) -> str:
    target = "" if row.target is None else f"{'>=' if row.at_least else '<='} {row.target:g}"
    return f"{row.name:<{width}}  {row.value:>10.3f} {row.unit:<8} {target:<10} {row.verdict:<7} {row.note}".rstrip()


def p50(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
