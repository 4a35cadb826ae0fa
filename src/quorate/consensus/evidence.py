"""What an agreement shows that bears on whether its leading answer is right."""

from collections.abc import Mapping

from quorate.consensus.result import Agreement
from quorate.consensus.trust import Evidence


def evidence_of(agreement: Agreement, models: Mapping[int, str]) -> Evidence:
    """Return the evidence of a measured agreement; `models` are the catalog names by the indexes of the answers."""
    leader = agreement.leader
    return Evidence(
        kind=agreement.kind,
        panel_size=len(agreement.indexes),
        weighting=agreement.weighting,
        share=agreement.score,
        runner_up=agreement.clusters[1].share if len(agreement.clusters) > 1 else 0.0,
        clusters=len(agreement.clusters),
        supporters=tuple(models[index] for index in leader.members) if leader is not None else (),
        panel=tuple(models[index] for index in agreement.indexes),
    )
