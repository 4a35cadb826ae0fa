"""Events of a run of a flow. `at_s` is since the run began, `call_id` is the run's id, `step` a step's path."""

from quorate.model.event import Event


class FlowStarted(Event, frozen=True, kw_only=True, tag="flow.started"):
    """A run begins or is taken up again (`resumed`); `weights` are the steps' shares of the progress (sum 1)."""

    flow: str
    version: str
    digest: str
    steps: tuple[str, ...]
    weights: tuple[float, ...]
    resumed: bool = False


class FlowRetry(Event, frozen=True, kw_only=True, tag="flow.retry"):
    """The run failed for something that may pass; after `delay_s` its failed steps are tried the `retry`th time more.

    `code` and `message` say why it failed.
    """

    retry: int
    delay_s: float
    code: str
    message: str


class StepEvent(Event, frozen=True, kw_only=True):
    """What all events of a step have in common."""

    step: str


class StepStarted(StepEvent, frozen=True, kw_only=True, tag="step.started"):
    """The step's conditions are met and its executor runs."""

    executor: str
    attempt: int = 1


class StepDelta(StepEvent, frozen=True, kw_only=True, tag="step.delta"):
    """A piece of text of the step's output arrived."""

    text: str


class StepRetry(StepEvent, frozen=True, kw_only=True, tag="step.retry"):
    """Attempt number `attempt` failed and another follows after `delay_s`."""

    attempt: int
    delay_s: float
    code: str
    message: str


class StepEnded(StepEvent, frozen=True, kw_only=True):
    """What all ends have in common; `percent` is the progress of the whole run then, 0 to 100."""

    percent: float


class StepFinished(StepEnded, frozen=True, kw_only=True, tag="step.finished"):
    """The step has a result."""

    latency_s: float
    cost_microusd: int | None
    attempts: int = 1
    cached: bool = False
    handled_by: str = ""


class StepFailed(StepEnded, frozen=True, kw_only=True, tag="step.failed"):
    """The step has none, after all attempts."""

    latency_s: float
    cost_microusd: int | None
    code: str
    message: str
    hint: str = ""
    attempts: int = 1


class StepSkipped(StepEnded, frozen=True, kw_only=True, tag="step.skipped"):
    """The step is not needed; `reason` says why."""

    reason: str


class FlowFinished(Event, frozen=True, kw_only=True, tag="flow.finished"):
    """The run has ended; `status` is a `RunStatus` that is final."""

    status: str
    latency_s: float
    cost_microusd: int | None
    errors: int


class CallbackSent(Event, frozen=True, kw_only=True, tag="callback.sent"):
    """Whoever was to be told of the end of the run has been told, by message `message_id`, at the `tries`th try."""

    message_id: str
    tries: int


class CallbackFailed(Event, frozen=True, kw_only=True, tag="callback.failed"):
    """They have not, because of `message`; it is tried again after `again_in_s` seconds (`None`: no more)."""

    message_id: str
    tries: int
    message: str
    again_in_s: float | None
