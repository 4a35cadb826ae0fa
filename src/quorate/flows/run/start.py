"""With what a run is begun or taken up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quorate.flows.journal import PinnedFlow, RunView
from quorate.flows.journals.spending import spend_of
from quorate.flows.outcome import StepOutcome
from quorate.flows.plan import FlowPlan
from quorate.flows.run.mocks import Mocks
from quorate.model import Call
from quorate.model.usage import Spend


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """With what a run is begun or taken up (`view`).

    `outcomes` are those that a replay begins with, `pins` what names of flows mean in it. `queue_key`: in a place of
    that it goes on; empty where any number may. `started_at`: when it began; `None`: now.
    """

    plan: FlowPlan
    inputs: Mapping[str, Any]
    call: Call
    view: RunView | None = None
    mocks: Mocks | None = None
    queue_key: str = ""
    started_at: datetime | None = None
    outcomes: Mapping[str, StepOutcome] = field(default_factory=dict[str, StepOutcome])
    pins: Mapping[str, PinnedFlow] | None = None


def spent_before(view: RunView) -> Spend:
    """Return what a run has used before it was taken up."""
    return spend_of(view.outcomes, view.spent_microusd)
