"""What an evaluation of judges found."""

from dataclasses import asdict, dataclass
from typing import cast

from quorate.analytics.report import Rate

#: Of fewer tasks no bias is named: a bootstrap of so few is too sure of itself.
LEAST_TASKS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A difference of two rates in [-1, 1], its 95 % interval, and the number of tasks behind it."""

    value: float
    low: float
    high: float
    count: int

    @property
    def apart(self) -> bool:
        """Whether it is certainly not zero."""
        return self.count >= LEAST_TASKS and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """How a judge does on labelled pairs that it gave two verdicts on.

    A pair is found to agree when the joint score of both orders reaches the threshold. `right`: found as labelled.
    `auc`: how well the joint score tells agreeing from disagreeing pairs (`None` if all are alike). `kept` of the
    agreeing and `passed` of the disagreeing pairs were found to agree. `changed` of the verdicts change with the order;
    `position_bias`: certainly more than a few.
    """

    pairs: int
    right: Rate
    auc: Rate | None
    kept: Rate | None
    passed: Rate | None
    changed: Rate
    position_bias: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfFigures:
    """How often a judge chooses its own answer.

    `when_right`, `when_wrong`: its rate in the choices where its own answer is right or wrong; `others_right` and
    `others_wrong`: the rate at which the other judges choose that same answer there. `among_equals`: how much more
    often it takes its own than a blind choice among the answers that are as right or wrong as the one it took, so that
    being a good or a bad judge does not count; `preference`: how far that is above the other judges' figure for the
    same answer, so that writing well does not count either. `bias`: the last of these that is known is certainly above
    zero.
    """

    model: str
    choices: int
    when_right: Rate | None
    when_wrong: Rate | None
    others_right: Rate | None
    others_wrong: Rate | None
    among_equals: Gap | None
    preference: Gap | None
    bias: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceFigures:
    """How a judge does in choices among recorded answers.

    `right`: it chose a right answer where there were right and wrong ones; `blind_right`: what a blind choice gets
    there. `changed` of the choices change when the order is reversed. `first`: how much more often the first place is
    chosen than a blind choice would. `longer`: among right answers of different length, how often the chosen one is
    longer than another; one half is fair.
    """

    choices: int
    right: Rate | None
    blind_right: float | None
    changed: Rate
    first: Gap
    position_bias: bool
    longer: Rate | None
    length_bias: bool
    own: SelfFigures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeFigures:
    """One judge: its calls, what they cost and took, and what they found.

    `unreadable` of the calls gave no verdict. `cost_microusd` is `None` if a price is not known. Latencies in seconds.
    """

    judge: str
    simulated: bool
    calls: int
    unreadable: Rate
    cost_microusd: int | None
    median_latency_s: float
    p95_latency_s: float
    pairs: PairFigures | None
    choices: ChoiceFigures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeReport:
    """An evaluation of judges on one file; `notes` say what did not go as it should: failed calls, a limit reached."""

    data: str
    threshold: float
    seed: int
    judges: tuple[JudgeFigures, ...]
    notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether any of the verdicts is simulated."""
        return any(judge.simulated for judge in self.judges)

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON-able values."""
        return {"object": "eval.judge", "simulated": self.simulated, **cast("dict[str, object]", asdict(self))}
