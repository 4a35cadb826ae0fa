"""What an evaluation of consensus found."""

from dataclasses import asdict, dataclass
from typing import cast


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share or an area in [0, 1], its 95 % interval, and the number of prompts behind it."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Seconds: the median, and what 95 % stay below."""

    median_s: float
    p95_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAccuracy:
    """How often one model alone was right on one track (Wilson interval), and what its answers took.

    Means per answer, `latency` over the answers; None where one of its answers was recorded without. `failures`: how
    often it was asked and gave no answer; those are in no panel.
    """

    track: str
    model: str
    accuracy: Rate
    failures: int = 0
    cost_microusd: float | None = None
    completion_tokens: float | None = None
    latency: Spread | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The panels whose agreement lies in [low, high], and how often their leading answer was right.

    `mean_score` is their mean agreement, `panels` their number.
    """

    low: float
    high: float
    mean_score: float
    panels: int
    accuracy: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStop:
    """Panels that stop at `quorum` or more answers once agreement is reached or the leader cannot be overtaken.

    `mean_calls` counts answers waited for, `relative_calls` is that over the panel's size; the costs are means per
    prompt in micro-USD of the answers waited for and of the full panel, `latency` is the time until the last of them
    came; None where recordings carry no cost or no latency.
    """

    accuracy: Rate
    mean_calls: float
    relative_calls: float
    cost_microusd: float | None
    full_cost_microusd: float | None
    latency: Spread | None = None
    full_latency: Spread | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveragePoint:
    """Answering only at a score of `threshold` or more answers the share `coverage`, of which `error` are wrong."""

    threshold: float
    coverage: float
    error: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCoverage:
    """The curve, from the strictest threshold to answering everything.

    `aurc`: the area under it, the mean error over all coverages: lower is better. `least` is what a score would reach
    that ranks every right answer above every wrong one, `error` what a score that says nothing has.
    """

    aurc: Rate
    least: float
    error: float
    points: tuple[CoveragePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The figures of all prompts, of one track (`task` empty) or of one task.

    `full_vote`: the leading answer of all models. The rest is over random panels: `selection`, the leading answer of
    the panel; `best_member`, the member that is best over the whole track, known in hindsight; `mean_member`, a member
    at random; `any_member`, the ceiling: somebody was right. `auc`: how well agreement tells right from wrong leading
    answers (None if all are alike). `ece`: how far it is from being the chance of a right answer (expected calibration
    error, ten bins of equal mass). `risk_coverage`: the errors left when only panels above a score are answered.
    `covered` of the panels reach the threshold and are right `accuracy_covered` of the time.
    """

    track: str
    task: str
    prompts: int
    panels: int
    full_vote: Rate
    selection: Rate
    mean_member: Rate
    best_member: Rate
    any_member: Rate
    auc: Rate | None
    ece: Rate
    risk_coverage: RiskCoverage
    covered: float
    accuracy_covered: Rate | None
    early_stop: EarlyStop


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFigures:
    """How well a score tells right from wrong leading answers (`auc`), and how far it is from a probability (`ece`).

    `ece` is the expected calibration error: the mean distance between score and share of right answers, in ten bins.
    """

    votes: str
    score: str
    accuracy: Rate
    auc: Rate | None
    ece: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StopFigures:
    """Panels that stop early by one form: how many are right, answers waited for, and these over the panel's size."""

    votes: str
    form: str
    accuracy: Rate
    mean_calls: float
    relative_calls: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustReport:
    """The figures of one track: `fitted` prompts taught, the other `judged` ones were judged."""

    track: str
    fitted: int
    judged: int
    scores: tuple[ScoreFigures, ...]
    stops: tuple[StopFigures, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusReport:
    """An evaluation: its parameters, then its figures.

    `prompts` are different ones, `recordings` those that were used (more, if prompts were asked several times);
    `skipped` ones had no known truth or fewer than two answers. `kinds` counts the recordings by the kind of answer
    that was given or detected. `arrival`: the order in which a panel's answers come, `recorded` where every answer has
    its latency, else `random`, or `mixed`. `failures` counts the calls without an answer. `simulated` are the models
    that are invented ones of ours: figures with them say nothing about real models. `trust` has what track records and
    calibration are worth on each track that has prompts enough to learn from one half and judge on the other.
    """

    panel_size: int
    draws: int
    seed: int
    threshold: float
    quorum: int
    prompts: int
    recordings: int
    skipped: int
    failures: int
    arrival: str
    simulated: tuple[str, ...]
    kinds: dict[str, int]
    models: tuple[ModelAccuracy, ...]
    total: Group
    tracks: tuple[Group, ...]
    tasks: tuple[Group, ...]
    bins: tuple[Bin, ...]
    trust: tuple[TrustReport, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON-able values."""
        return cast("dict[str, object]", asdict(self))
