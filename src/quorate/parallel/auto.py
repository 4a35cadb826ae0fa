"""`select: auto`: the consensus, unless weaker models would outvote the best one's peers."""

from dataclasses import replace

from quorate.parallel.agreed import consensus
from quorate.parallel.candidates import Candidates
from quorate.parallel.chosen import Chosen
from quorate.parallel.peers import among_peers
from quorate.parallel.plan import Select


async def auto(candidates: Candidates) -> Chosen:
    """Return the answer of the best model's peers; the plain consensus where all are peers or nobody is known."""
    outcome, reason = among_peers(candidates)
    if outcome is not None:
        return candidates.chosen(outcome, Select.AUTO, reason)
    plain = consensus(candidates)
    return replace(plain, method=Select.AUTO, reason=f"{reason}: {plain.reason}")
