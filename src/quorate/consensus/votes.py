"""What the answers of a cluster weigh together, and how votes are spread."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from quorate.consensus.result import Cluster


class Vote(NamedTuple):
    """A vote and the family it comes from ('': none)."""

    weight: float
    family: str


def votes(cast: Iterable[Vote]) -> list[float]:
    """Return what votes for one answer count, the heaviest first.

    Models of one family share errors, so what they say alike is heard less each time: the j-th counts 1/j of its vote.
    One more that agrees never takes weight away.
    """
    found: list[float] = []
    heard: dict[str, int] = {}
    for weight, family in sorted(cast, reverse=True):
        if not family:
            found.append(weight)
            continue
        heard[family] = heard.get(family, 0) + 1
        found.append(weight / heard[family])
    return found


def entropy(clusters: Sequence[Cluster]) -> float:
    """Return the Shannon entropy of the shares, in nats, abstentions left out.

    Clusters of one meaning: this is the discrete semantic entropy of Farquhar et al. 2024.
    """
    if len(clusters) <= 1:
        return 0.0
    total = math.fsum(cluster.share for cluster in clusters)
    shares = [cluster.share / total for cluster in clusters if cluster.share > 0] if total > 0 else []
    return abs(math.fsum(share * math.log(share) for share in shares))
