"""The answer to a `parallel` request: a chat completion that every OpenAI client reads, and what each model said."""

from collections.abc import Sequence
from typing import Any

import msgspec

from quorate.consensus import Agreement
from quorate.core.units import usd
from quorate.model import Completion, Outcome
from quorate.parallel.plan import Plan, Select
from quorate.parallel.provenance import Basis, Provenance
from quorate.parallel.result import Result
from quorate.wire.open import JsonObject, dump

OBJECT = "parallel.completion"


class BranchFault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a branch gave no answer; `code` is one of the error reference."""

    code: str
    message: str


class BranchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one branch said, took and cost.

    `content` is null without an answer; then `error` says why, or `state` is `cancelled`: the matter was settled
    without it. `branch` tells copies of one model apart; `answered_by` is another model than `model` where a fallback
    stood in. `cost_usd` is null where the price is not known; `estimated`
    marks counts that are not the provider's own.
    """

    model: str
    branch: str
    answered_by: str | None
    state: str
    content: str | None
    latency_ms: float
    error: BranchFault | None
    selected: bool
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    tokens: int
    cost_usd: float | None
    estimated: bool
    attempts: int
    metadata: JsonObject


class ClusterAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Branches that say the same: their share of all votes and, except for prose, the answer in plain form."""

    answer: str
    share: float
    branches: tuple[str, ...]


class AgreementAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How the agreement was measured.

    `confidence` is the probability that the leading answer is right, null and `calibrated` false where it is not known:
    the score is none. `weighting` says where the votes came from, `entropy` (nats) how far they are spread, `dissent`
    what the smaller clusters say.
    """

    kind: str
    method: str
    calibrated: bool
    confidence: float | None
    weighting: str
    entropy: float
    dissent: tuple[str, ...]
    threshold: float
    clusters: tuple[ClusterAnswer, ...]
    abstentions: tuple[str, ...]


class SourceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the answer and the branches that it comes from, with their share of all votes.

    `part` is a JSONPath for a vote on fields, the part's text for a synthesis, empty for the whole answer.
    """

    part: str
    branches: tuple[str, ...]
    share: float


class ProvenanceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Where each part of the answer comes from.

    `basis`: `answer` (a branch's own words), `vote` (counted), `reported` (the writer was asked) or `unverified` (the
    writer was shown these answers); `note` says why it is not known better.
    """

    basis: Basis
    sources: tuple[SourceAnswer, ...]
    note: str


class DissentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Branches that say something else than the answer; `part` as in a source, for a field without a majority."""

    part: str
    answer: str
    share: float
    branches: tuple[str, ...]


class SynthesisAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The one answer and how far the models agree.

    `method` is how it was chosen (`consensus`, `first`, `best`, ...) or written (`weighted_merge`, `best_parts`,
    `rank_then_fuse`), `reason` says it in words. `no_consensus`: the models are known to agree less than the floor, and
    the answer stands for one of them alone. `contradictions` are what others say. `consensus_score` and `agreement` are
    null when fewer than two answers came in.
    """

    content: str
    consensus_score: float | None
    consensus: bool
    no_consensus: bool
    method: str
    reason: str
    provenance: ProvenanceAnswer
    contradictions: tuple[DissentAnswer, ...]
    agreement: AgreementAnswer | None


class ParallelUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What everything used, losers and helpers included; `total_cost_usd` is null where a price is not known."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    total_cost_usd: float | None
    estimated: bool


class ParallelReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the extension adds to a chat completion, in whole answers and at the end of streams.

    `helpers` are the calls of the pair judge and those that the selector makes.
    """

    responses: tuple[BranchAnswer, ...]
    synthesis: SynthesisAnswer
    usage: ParallelUsage
    helpers: tuple[BranchAnswer, ...]
    total_latency_ms: float
    stopped: str
    warnings: tuple[str, ...]


class ParallelCompletion(ParallelReport, frozen=True, kw_only=True):
    """The whole answer: a chat completion whose `object` is `parallel.completion`, with the report beside it."""

    id: str
    created: int
    model: str
    choices: tuple[JsonObject, ...]
    object: str = OBJECT


def parallel_report(result: Result, plan: Plan) -> ParallelReport:
    """Return what the branches of `plan` did and what came of it."""
    usage = result.spend.usage
    return ParallelReport(
        responses=tuple(_branch(outcome, result) for outcome in result.branches),
        synthesis=_synthesis(result, plan),
        usage=ParallelUsage(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            total_tokens=usage.total_tokens,
            total_cost_usd=_usd(result.cost_microusd),
            estimated=result.spend.estimated,
        ),
        helpers=tuple(_branch(outcome, result) for outcome in result.helpers),
        total_latency_ms=_ms(result.latency.total_s),
        stopped=result.stopped.value,
        warnings=result.warnings,
    )


def parallel_body(result: Result, *, plan: Plan, request_model: str, id: str, created: int) -> bytes:  # noqa: A002 - the wire's word
    """Return the JSON of a `ParallelCompletion`; further fields of the chosen provider's answer are kept."""
    report = parallel_report(result, plan)
    return msgspec.json.encode(
        {
            **dump(result.completion.response),
            **{name: getattr(report, name) for name in report.__struct_fields__},
            "id": id,
            "object": OBJECT,
            "created": created,
            "model": request_model,
            **output_field(result),
        }
    )


def output_field(result: Result) -> JsonObject:
    """Return the field `quorate` with the answer's value under an output contract; nothing without one."""
    return {} if result.output is None else {"quorate": {"output": result.output.to_dict()}}


def result_of(completion: Completion) -> Result:
    """Return the result behind an ensemble's completion; a `TypeError` if it is not an ensemble's: a bug."""
    if not isinstance(completion.detail, Result):
        raise TypeError(f"the completion of {completion.model!r} carries no result; only an ensemble's does")
    return completion.detail


def method_of(result: Result, plan: Plan) -> str:
    """Return how the answer came about: the selector that decided, or how a model merged the answers."""
    merged = result.method is Select.SYNTHESIS and result.chosen is None
    return plan.synthesis.value if merged else result.method.value


def _synthesis(result: Result, plan: Plan) -> SynthesisAnswer:
    agreement = result.agreement
    return SynthesisAnswer(
        content=result.answer,
        consensus_score=None if agreement is None else agreement.score,
        consensus=result.consensus,
        no_consensus=result.no_consensus,
        method=method_of(result, plan),
        reason=result.reason,
        provenance=_provenance(result.provenance),
        contradictions=tuple(
            DissentAnswer(part=each.part, answer=each.answer, share=each.share, branches=each.branches)
            for each in result.contradictions
        ),
        agreement=None if agreement is None else _agreement(agreement, result.branches),
    )


def _provenance(provenance: Provenance) -> ProvenanceAnswer:
    sources = (SourceAnswer(part=each.part, branches=each.branches, share=each.share) for each in provenance.sources)
    return ProvenanceAnswer(basis=provenance.basis, sources=tuple(sources), note=provenance.note)


def _agreement(agreement: Agreement, branches: Sequence[Outcome]) -> AgreementAnswer:
    names = {outcome.index: outcome.branch for outcome in branches}
    return AgreementAnswer(
        kind=agreement.kind.value,
        method=agreement.method,
        calibrated=agreement.calibrated,
        confidence=agreement.confidence,
        weighting=agreement.weighting.value,
        entropy=agreement.entropy,
        dissent=agreement.dissent,
        threshold=agreement.threshold,
        clusters=tuple(
            ClusterAnswer(
                answer=cluster.answer, share=cluster.share, branches=tuple(names[index] for index in cluster.members)
            )
            for cluster in agreement.clusters
        ),
        abstentions=tuple(names[index] for index in agreement.abstentions),
    )


def _branch(outcome: Outcome, result: Result) -> BranchAnswer:
    completion, error, usage = outcome.completion, outcome.error, outcome.spend.usage
    metadata: dict[str, Any] = dict(completion.metadata) if completion is not None else {}
    return BranchAnswer(
        model=outcome.model,
        branch=outcome.branch,
        answered_by=None if completion is None else completion.model,
        state=outcome.state.value,
        content=None if completion is None else completion.text,
        latency_ms=_ms(outcome.latency_s),
        error=None if error is None else BranchFault(code=error.code, message=error.message),
        selected=outcome.branch == result.chosen,
        finish_reason=None if completion is None else completion.finish_reason,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        tokens=usage.total_tokens,
        cost_usd=_usd(outcome.spend.cost_microusd),
        estimated=outcome.spend.estimated,
        attempts=outcome.attempts,
        metadata=metadata,
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _usd(microusd: int | None) -> float | None:
    return None if microusd is None else usd(microusd)
