"""Numbers that grow: what `CallMetrics` adds to while requests end."""

from bisect import bisect_left
from dataclasses import dataclass, field

from quorate.telemetry.families import SCORES, SECONDS


class Durations:
    """A live histogram of seconds; the last bucket is unbounded."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one; a negative duration (the machine's clock was set back) counts as none."""
        if seconds > 0.0:
            self.counts[bisect_left(SECONDS, seconds)] += 1
            self.total_s += seconds
        else:
            self.counts[0] += 1


class Scores:
    """A live histogram of scores in [0, 1]."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(SCORES) + 1)
        self.total = 0.0

    def add(self, score: float) -> None:
        """Count one."""
        self.counts[bisect_left(SCORES, score)] += 1
        self.total += score


@dataclass(slots=True, kw_only=True, eq=False)
class ModelSeries:
    """A live object: what requests to one model used; `model` is the label."""

    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_microusd: int = 0
    unpriced: int = 0
    agreement: dict[str, Scores] = field(default_factory=dict[str, Scores])


@dataclass(slots=True, kw_only=True, eq=False)
class TimingSeries:
    """A live object: how long one operation on one model took."""

    operation: str
    model: str
    duration: Durations = field(default_factory=Durations)
    first_token: Durations | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class RunSeries:
    """A live object: requests that ended in one way; `timing` and `used` are shared with those that ended otherwise."""

    labels: tuple[str, str, str, str]
    timing: TimingSeries
    used: ModelSeries
    count: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class LeafSeries:
    """A live object: what one model at one provider did."""

    model: str
    provider: str
    duration: Durations = field(default_factory=Durations)
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_microusd: int = 0
    errors: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(slots=True, kw_only=True, eq=False)
class BranchSeries:
    """A live object: branches that ended in one way; `leaf` is shared with those that ended otherwise."""

    labels: tuple[str, str, str]
    leaf: LeafSeries
    finished: bool
    count: int = 0
