"""Which step's text is the answer of a flow, word for word, so that it can be passed on while it comes."""

from quorate.flows.event import StepDelta
from quorate.flows.plan import FlowPlan, OnFailure, OutputPlan, StepKind, StepPlan
from quorate.model.event import Event
from quorate.templating.values import Named


def spoken_step(plan: FlowPlan, output: OutputPlan | None) -> str | None:
    """Return the name of the step whose text is this output as it stands; `None` if it is anything else.

    Nor is it one that may be done again, or in whose place something else may stand: what was passed on stays said.
    """
    if plan.limits.max_retries or output is None or not isinstance(output.value, Named):
        return None
    names = output.value.references[0].names
    if len(names) != 3 or names[0] != "steps" or names[2] != "text":  # noqa: PLR2004 - steps.NAME.text
        return None
    step = next((each for each in plan.steps if each.name == names[1]), None)
    return step.name if step is not None and _is_done_once(step) else None


def said_by(step: str, event: Event) -> str:
    """Return the piece of text that an event brings of a step."""
    return event.text if isinstance(event, StepDelta) and event.step == step else ""


def _is_done_once(step: StepPlan) -> bool:
    rule = step.on_error
    return (
        step.kind is StepKind.EXECUTE
        and step.foreach is None
        and step.retry.max_attempts == 1
        and rule.fallback is None
        and rule.value is None
        and rule.action is OnFailure.STOP
    )
