"""What every selector is; each one is a file of its own."""

from typing import Protocol

from quorate.parallel.candidates import Candidates
from quorate.parallel.chosen import Chosen, Declined


class Selector(Protocol):
    """Chooses or makes one answer of at least two."""

    async def __call__(self, candidates: Candidates) -> Chosen | Declined:
        """Return the answer, or why there is none; then the consensus decides.

        Raises only when part of an answer has been read by the caller already, and what `resolve` raises.
        """
        ...
