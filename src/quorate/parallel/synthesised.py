"""`select: synthesis`: a model writes one answer from several, and adds nothing that none of them supports."""

from collections.abc import Sequence

from quorate.consensus import Agreement, labels, synthesis_messages
from quorate.core.secret import new_nonce
from quorate.model import Completion, Model, Outcome
from quorate.parallel.attributed import attributed
from quorate.parallel.candidates import Candidates
from quorate.parallel.chosen import Chosen, Declined
from quorate.parallel.compared import compared, panel_for
from quorate.parallel.helpers import Role
from quorate.parallel.plan import Select, Synthesis
from quorate.parallel.reviewed import reviewed


async def synthesised(candidates: Candidates) -> Chosen | Declined:
    """Return the synthesis, or why there is none.

    Raises the synthesiser's error when a reader has seen part of its text: no other answer can follow that.
    """
    plan = candidates.plan
    shown, reviews = candidates.outcomes, ""
    if plan.synthesis is Synthesis.RANK_THEN_FUSE:
        review = await reviewed(candidates)
        if isinstance(review, Declined):
            return review
        shown = review.order[: plan.fuse_top]
        reviews = f", the best by {review.counted} of {review.asked} reviews"
    synthesiser = candidates.helper(plan.synthesiser)
    written = await _written(candidates, synthesiser, shown)
    if isinstance(written, Declined):
        return written
    count = len(candidates.outcomes)
    of = f"{count}" if len(shown) == count else f"{len(shown)} of {count}"
    return Chosen(
        completion=written,
        outcome=None,
        method=Select.SYNTHESIS,
        reason=f"{plan.synthesis} of {of} answers by {synthesiser.name}{reviews}",
        provenance=await attributed(candidates, synthesiser, shown, written.text),
        contradictions=candidates.contradictions(),
        no_consensus=candidates.no_consensus,
    )


async def _written(candidates: Candidates, synthesiser: Model, shown: Sequence[Outcome]) -> Completion | Declined:
    names = labels(len(shown))
    messages = synthesis_messages(
        candidates.question,
        candidates.labelled(shown, names),
        _positions(candidates, shown),
        method=candidates.plan.synthesis.value,
        nonce=new_nonce(),
    )
    name = Role.SYNTHESISER.value
    outcome = await candidates.ask(synthesiser, name, messages, live=candidates.live, terms=candidates.terms)
    if candidates.live is not None and not outcome.text.strip():
        if candidates.live.told and outcome.error is not None:
            raise outcome.error
        candidates.live.release()
    if outcome.completion is None:
        why = outcome.error.message if outcome.error is not None else "it was cancelled"
        return Declined(reason=f"the synthesiser failed: {why}")
    if not outcome.text.strip():
        return Declined(reason="the synthesiser gave an empty answer")
    return outcome.completion


def _positions(candidates: Candidates, shown: Sequence[Outcome]) -> Agreement:
    """Measure the agreement again with places in the list as indexes, which is what the prompt speaks of."""
    panel = panel_for(candidates.plan, candidates.question)
    for position, outcome in enumerate(shown):
        panel.add(position, compared(outcome, weight=candidates.weight(outcome)))
    return panel.agreement()
