"""When a recorded panel stops, by each of the forms a plan may have."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from quorate.analytics.labelled import Count, Vote, count
from quorate.analytics.trial import LEAST_ANSWERS, PanelTrial, Rules, Standing
from quorate.consensus.accuracy import accuracy
from quorate.consensus.calibration import Records
from quorate.consensus.posterior import lead_probability, posterior

CONFIDENCE = 0.95


class Form(StrEnum):
    """The forms of `stop` in a plan; `none` waits for everybody."""

    NONE = "none"
    SHARE = "share"
    LEAD = "lead"
    POSTERIOR = "posterior"
    BETA = "beta"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRun:
    """A panel, its recording's models, how they vote, what is known of them, and the threshold and quorum."""

    panel: PanelTrial
    models: tuple[str, ...]
    vote: Vote
    records: Records
    rules: Rules


def stopped(run: StopRun, form: Form) -> Standing:
    """Return how the panel stands when it stops."""
    needed = run.rules.quorum if form is Form.SHARE else LEAST_ANSWERS
    *early, whole = run.panel.standings
    for standing in early if form is not Form.NONE else ():
        counted = count(standing, run.models, run.vote)
        if len(standing.members) < needed or not counted.order:
            continue
        late = run.panel.members[len(standing.members) :]
        if counted.lead > math.fsum(run.vote(run.models[member], standing.kind) for member in late):
            return standing
        if _enough(run, form, standing, counted):
            return standing
    return whole


def _enough(run: StopRun, form: Form, standing: Standing, counted: Count) -> bool:
    match form:
        case Form.NONE | Form.LEAD:
            return False
        case Form.SHARE:
            return counted.votes[0] / counted.total >= run.rules.threshold
        case Form.POSTERIOR:
            members = [standing.groups[group] for group in counted.order]
            known = [
                [(accuracy(run.records.get((run.models[member], standing.kind))), "") for member in group]
                for group in members
            ]
            return posterior(known) >= CONFIDENCE
        case Form.BETA:
            heads = [len(standing.groups[group]) for group in counted.order[:2]]
            return lead_probability(heads[0], sum(heads[1:])) >= CONFIDENCE
        case _:
            assert_never(form)
