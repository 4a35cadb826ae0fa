"""The end of a run that was taken up and cannot be begun."""

from quorate.core.errors import QuorateError
from quorate.flows.executor import StepRejected
from quorate.flows.journal import RunView
from quorate.flows.outcome import FlowResult, Latency, RunStatus, StepError
from quorate.flows.run.hint import hint_for

_NO_TIME = Latency(total_s=0, work_s=0, parallel_s=0, sequential_s=0, critical_path_s=0, speedup=1, steps={}, groups={})


def not_begun(view: RunView, error: QuorateError) -> FlowResult:
    """Return the result of a run that cannot go on here, whatever it has done before."""
    rejected = isinstance(error, StepRejected)
    return FlowResult(
        run_id=view.header.id,
        flow=view.header.flow,
        version=view.header.version,
        digest=view.header.digest,
        status=RunStatus.FAILED,
        outputs={},
        errors=(
            StepError(
                stage="",
                code=error.reason if rejected else error.code,
                message=error.message,
                hint=hint_for(error),
            ),
        ),
        steps=dict(view.outcomes),
        latency=_NO_TIME,
        cost_microusd=view.spent_microusd,
        simulated=any(outcome.simulated for outcome in view.outcomes.values()),
    )
