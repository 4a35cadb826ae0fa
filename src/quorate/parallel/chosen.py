"""What a selector gives: the answer with where it comes from, or why there is none."""

from dataclasses import dataclass

from quorate.model import Completion, Outcome
from quorate.parallel.plan import Select
from quorate.parallel.provenance import Dissent, Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The answer: of `outcome`, or `completion` alone if it was made. `reason` tells why, also of a fallback.

    `contradictions` are the answers that say otherwise. `no_consensus`: the answers are known to agree so little that
    this one stands for its branch alone.
    """

    completion: Completion
    outcome: Outcome | None
    method: Select
    reason: str
    provenance: Provenance
    contradictions: tuple[Dissent, ...] = ()
    no_consensus: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """Why a selector could not do its work."""

    reason: str
