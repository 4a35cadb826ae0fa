"""The outputs of a flow, made of what its steps have."""

from collections.abc import Mapping
from typing import Any

from quorate.contracts.schema import read_schema
from quorate.flows.outcome import StepError
from quorate.flows.plan import OutputPlan
from quorate.flows.run.course import Course
from quorate.flows.run.failure import failed
from quorate.flows.run.rendering import rendered


async def made_outputs(course: Course, *, is_whole: bool) -> tuple[dict[str, Any], list[StepError]]:
    """Return the outputs, and why some of them are not as the flow says.

    An output that needs a step without a result is `null`, and no error of its own: the step's is listed already.
    `is_whole`: no step has failed.
    """
    outputs: dict[str, Any] = {}
    errors: list[StepError] = []
    for output in course.plan.outputs:
        excused = not is_whole and _needs_a_failed_step(output, course.scope["steps"])
        try:
            value = course.hidden.data(await rendered(output.value, course.scope))
        except Exception as error:  # noqa: BLE001 - what a template or a function of the flow raises
            value = None
            if not excused:
                errors.append(failed(error, f"outputs.{output.name}", "", course.hidden).error)
        else:
            problem = None if excused and value is None else _problem(output, value)
            if problem is not None:
                errors.append(problem)
        outputs[output.name] = value
    return outputs, errors


def _needs_a_failed_step(output: OutputPlan, steps: Mapping[str, Any]) -> bool:
    for reference in output.value.references:
        if reference.names[:1] == ("steps",) and len(reference.names) > 1:
            view = steps.get(reference.names[1])
            if view is None or view["output"] is None:
                return True
    return False


def _problem(output: OutputPlan, value: Any) -> StepError | None:
    if not output.schema:
        return None
    problems = read_schema(output.schema, param=f"outputs.{output.name}").problems(value)
    if not problems:
        return None
    told = "; ".join(f"{problem.path or 'it'}: {problem.message}" for problem in problems)
    return StepError(
        stage=f"outputs.{output.name}",
        code="output_invalid",
        message=f"the output {output.name!r} is not what its schema says: {told}",
        hint="change the schema, or how the output is made",
    )
