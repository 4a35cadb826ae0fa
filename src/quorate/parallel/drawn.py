"""`select: random`: an answer drawn with the call's seed."""

from quorate.parallel.candidates import Candidates
from quorate.parallel.chosen import Chosen
from quorate.parallel.plan import Select


async def drawn(candidates: Candidates) -> Chosen:
    """Return one of the answers, each as likely as the others."""
    outcome = candidates.call.random("select").choice(candidates.outcomes)
    return candidates.chosen(outcome, Select.RANDOM, f"drawn at random from {len(candidates.outcomes)} answers")
