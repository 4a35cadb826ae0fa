"""`select: first`: the answer that came in first."""

from quorate.parallel.candidates import Candidates
from quorate.parallel.chosen import Chosen
from quorate.parallel.plan import Select


async def first(candidates: Candidates) -> Chosen:
    """Return the earliest answer."""
    earliest = min(candidates.outcomes, key=lambda outcome: (outcome.finished_s, outcome.index))
    return candidates.chosen(earliest, Select.FIRST, "answered first")
