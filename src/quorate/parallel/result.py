"""What a plan gives: one answer, how much the others agree, and what every branch did, cost and took."""

from dataclasses import asdict, dataclass
from typing import Any

from quorate.consensus import Agreement
from quorate.core.errors import QuorateError
from quorate.core.units import format_usd, usd
from quorate.model import Completion, Outcome, Spend
from quorate.model.output import Output
from quorate.parallel.plan import Select
from quorate.parallel.provenance import Dissent, Provenance
from quorate.parallel.stop import Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds. `sequential_s` is what the same calls take one after another.

    Cancelled calls count until they were cancelled.
    `critical_path_s` is the longest chain of calls that had to be awaited: what `total_s` would be with no overhead and
    no limit on concurrency.
    """

    total_s: float
    critical_path_s: float
    sequential_s: float

    @property
    def speedup(self) -> float:
        """How many times faster than one after another."""
        return self.sequential_s / self.total_s if self.total_s > 0 else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReport:
    """What came of a stage of a cascade that was started: `stage` counts from 1.

    `escalated`: the cascade went on after it, for the `reason` given. `agreement` is that of its answers, `None` for
    fewer than two. `cost_microusd` is what its branches cost, `None` if a price is not known. Seconds.
    """

    stage: int
    escalated: bool
    reason: str
    agreement: float | None
    cost_microusd: int | None
    latency_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One answer of many models.

    `chosen` is the branch whose answer it is, `None` if it was made of several; `method` and `reason` tell how it was
    chosen, also when a selector fell back. `agreement` is `None` when fewer than two answers came in. `consensus` says
    whether the answers agree to the plan's threshold and enough of them came in; `no_consensus` that they are known to
    agree less than the plan's floor, so that the answer stands for nobody but its branch. `provenance` tells which
    branches each part of the answer comes from, `contradictions` what others say against it. `branches` lists every
    branch in plan order, `helpers` the calls a selector made. `stages` are those of a cascade that were started: a
    branch's group is its stage. `run_id` is the id of the call, which names it to whoever keeps records. Printing a
    result prints its answer.
    """

    answer: str
    completion: Completion
    method: Select
    reason: str
    chosen: str | None
    agreement: Agreement | None
    consensus: bool
    no_consensus: bool
    provenance: Provenance
    contradictions: tuple[Dissent, ...]
    branches: tuple[Outcome, ...]
    helpers: tuple[Outcome, ...]
    spend: Spend
    latency: Latency
    stopped: Stopped
    warnings: tuple[str, ...] = ()
    run_id: str = ""
    stages: tuple[StageReport, ...] = ()

    def __str__(self) -> str:
        return self.answer

    @property
    def output(self) -> Output | None:
        """The answer under its output contract; `None` where there is none."""
        return self.completion.output

    @property
    def value(self) -> object:
        """The answer as a value: a number, a date, a dictionary, the caller's own type; `None` without a contract."""
        return None if self.output is None else self.output.native

    @property
    def cost_microusd(self) -> int | None:
        """What everything cost, losers and selectors included; `None` if the price of a part is not known."""
        return self.spend.cost_microusd

    @property
    def cost(self) -> str:
        """The cost for reading, e.g. `$0.0123`, or `unknown`."""
        return format_usd(self.cost_microusd)

    @property
    def speedup(self) -> float:
        """How many times faster than one after another."""
        return self.latency.speedup

    @property
    def failures(self) -> tuple[tuple[str, QuorateError], ...]:
        """The branches that failed, with their errors."""
        return tuple((outcome.branch, outcome.error) for outcome in self.branches if outcome.error is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; costs in micro-USD and dollars, times in seconds."""
        return {
            "run_id": self.run_id,
            "answer": self.answer,
            "method": self.method.value,
            "reason": self.reason,
            "chosen": self.chosen,
            "consensus": self.consensus,
            "no_consensus": self.no_consensus,
            "provenance": asdict(self.provenance),
            "contradictions": [asdict(dissent) for dissent in self.contradictions],
            "agreement": None if self.agreement is None else _agreement_dict(self.agreement, self.branches),
            "branches": [outcome_dict(outcome) for outcome in self.branches],
            "helpers": [outcome_dict(outcome) for outcome in self.helpers],
            "usage": _usage_dict(self.spend),
            "cost_microusd": self.cost_microusd,
            "cost_usd": None if self.cost_microusd is None else usd(self.cost_microusd),
            "latency": {
                "total_s": self.latency.total_s,
                "critical_path_s": self.latency.critical_path_s,
                "sequential_s": self.latency.sequential_s,
                "speedup": self.latency.speedup,
            },
            "stopped": self.stopped.value,
            "warnings": list(self.warnings),
            **({"stages": [asdict(stage) for stage in self.stages]} if self.stages else {}),
            "metadata": dict(self.completion.metadata),
            "output": None if self.output is None else self.output.to_dict(),
        }


def outcome_dict(outcome: Outcome) -> dict[str, Any]:
    """Return one branch as plain JSON values."""
    completion, error = outcome.completion, outcome.error
    return {
        "branch": outcome.branch,
        "model": outcome.model,
        "answered_by": completion.model if completion else None,
        "group": outcome.group,
        "state": outcome.state.value,
        "text": completion.text if completion else None,
        "finish_reason": completion.finish_reason if completion else None,
        "error": {"code": error.code, "message": error.message, "retryable": error.retryable} if error else None,
        "attempts": outcome.attempts,
        "started_s": outcome.started_s,
        "first_token_s": outcome.first_token_s,
        "latency_s": outcome.latency_s,
        "usage": _usage_dict(outcome.spend),
        "cost_microusd": outcome.spend.cost_microusd,
        "estimated": outcome.spend.estimated,
        "metadata": dict(completion.metadata) if completion else {},
        "detail": completion.detail.to_dict() if completion and completion.detail else None,
    }


def sequential_s(outcome: Outcome) -> float:
    """Return what the calls behind an outcome take one after another: an ensemble's are many."""
    detail = outcome.completion.detail if outcome.completion is not None else None
    return max(outcome.latency_s, detail.latency.sequential_s) if isinstance(detail, Result) else outcome.latency_s


def _usage_dict(spend: Spend) -> dict[str, int]:
    usage = spend.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }


def _agreement_dict(agreement: Agreement, branches: tuple[Outcome, ...]) -> dict[str, Any]:
    names = {outcome.index: outcome.branch for outcome in branches}
    return {
        "score": agreement.score,
        "kind": agreement.kind.value,
        "method": agreement.method,
        "threshold": agreement.threshold,
        "calibrated": agreement.calibrated,
        "confidence": agreement.confidence,
        "weighting": agreement.weighting.value,
        "entropy": agreement.entropy,
        "dissent": list(agreement.dissent),
        "clusters": [
            {"answer": cluster.answer, "share": cluster.share, "members": [names[index] for index in cluster.members]}
            for cluster in agreement.clusters
        ],
        "abstentions": [names[index] for index in agreement.abstentions],
        "judged": [
            {
                "first": names[pair.first],
                "second": names[pair.second],
                "score": pair.score,
                "cached": pair.judgement.cached,
                "reasons": [verdict.reason for verdict in pair.judgement.verdicts],
            }
            for pair in agreement.pairs
            if pair.judgement is not None
        ],
    }
