"""`select: synthesis`: a model writes one answer from all of them, and adds nothing that none of them supports."""

from quorate.consensus import Agreement, Answer, Panel, labels, synthesis_messages
from quorate.core.secret import new_nonce
from quorate.model import Completion, Model
from quorate.parallel.candidates import Candidates


async def synthesised(candidates: Candidates, synthesiser: Model) -> tuple[Completion | None, str]:
    """Return the synthesis and how it was made, or `None` and why there is none.

    Raises the synthesiser's error when a reader has seen part of its text: no other answer can follow that.
    """
    names = labels(len(candidates.outcomes))
    messages = synthesis_messages(
        candidates.question,
        candidates.labelled(candidates.outcomes, names),
        _positions(candidates),
        method=candidates.plan.synthesis.value,
        nonce=new_nonce(),
    )
    outcome = await candidates.ask(synthesiser, "synthesiser", messages, live=candidates.live, terms=candidates.terms)
    if candidates.live is not None and not outcome.text.strip():
        if candidates.live.told and outcome.error is not None:
            raise outcome.error
        candidates.live.release()
    if outcome.completion is None:
        why = outcome.error.message if outcome.error is not None else "it was cancelled"
        return None, f"the synthesiser failed: {why}"
    if not outcome.text.strip():
        return None, "the synthesiser gave an empty answer"
    reason = f"{candidates.plan.synthesis} of {len(candidates.outcomes)} answers by {synthesiser.name}"
    return outcome.completion, reason


def _positions(candidates: Candidates) -> Agreement:
    """Measure the agreement again with places in the list as indexes, which is what the prompt speaks of."""
    panel = Panel(candidates.question, kind=candidates.plan.kind, threshold=candidates.plan.threshold)
    for position, outcome in enumerate(candidates.outcomes):
        panel.add(position, Answer(text=outcome.text, weight=candidates.weight(outcome)))
    return panel.agreement()
