"""Run flows one after another, each with the outputs of the one before."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from pydantic import AliasChoices, BeforeValidator, Field, ValidationError

from quorate.engine.most import UNKNOWN, WorstCase, plus
from quorate.flows import path
from quorate.flows.asking_cost import Costing
from quorate.flows.executor import Executor, StepContext, StepRejected
from quorate.flows.nested_flow import FlowOutputs, OpenOutputs, outputs_opened, run_nested
from quorate.flows.outcome import RunStatus
from quorate.source.place import listed
from quorate.source.section import Section


class StageSection(Section):
    """One flow of the chain; a name alone is short for `{flow_name: name}`."""

    flow_name: Annotated[str, Field(min_length=1, validation_alias=AliasChoices("flow_name", "flow"))]
    version: str | None = None
    map: dict[str, str] = Field(default_factory=dict)
    """Its input -> the output of the flow before that it gets; none given: each output is an input of the same name."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Further inputs."""


def _of_name(value: object) -> object:
    return {"flow_name": value} if isinstance(value, str) else value


class FlowPipelineConfig(Section):
    """The chain and what its first flow gets."""

    flows: Annotated[
        tuple[Annotated[StageSection, BeforeValidator(_of_name, json_schema_input_type=StageSection | str)], ...],
        Field(min_length=1, max_length=50),
    ]
    """Flows in the order in which they run."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """The inputs of the first one."""


class PipelineOutputs(FlowOutputs, frozen=True, kw_only=True):
    """What the last flow gave, and each one before it: `stages` in the order in which they ran."""

    stages: list[FlowOutputs]


class FlowPipelineExecutor(Executor[FlowPipelineConfig, OpenOutputs]):
    """Returns the outputs of the last flow. Flow number `i` is journalled below `path[i]` of this step."""

    name = "flow_pipeline"
    summary = "Run flows one after another; the outputs of one are the inputs of the next."
    config = FlowPipelineConfig
    result = PipelineOutputs
    open_result = True
    billed = True

    def worst_case(self, config: Mapping[str, Any], costing: Costing | None) -> WorstCase:
        """Return the most that one run of each of the flows can need."""
        try:
            stages = FlowPipelineConfig.model_validate({"flows": config.get("flows")}).flows
        except ValidationError:  # made by a template
            return UNKNOWN
        return UNKNOWN if costing is None else plus(costing.run_of(each.flow_name, each.version) for each in stages)

    async def run(self, config: FlowPipelineConfig, step: StepContext) -> OpenOutputs:
        """Run all of them to their ends; the first that fails ends it."""
        done: list[FlowOutputs] = []
        for index, stage in enumerate(config.flows):
            given = _inputs(stage, done[-1].outputs) if done else {**config.inputs, **stage.inputs}
            at = msgspec.structs.replace(step, path=path.item(step.path, index), key=path.item(step.key, index))
            done.append(await run_nested(stage.flow_name, stage.version, given, at))
        last = done[-1]
        partial = any(each.status == RunStatus.PARTIAL for each in done)
        whole = msgspec.structs.replace(
            last,
            status=_PARTIAL if partial else last.status,
            simulated=any(each.simulated for each in done),
        )
        return outputs_opened(PipelineOutputs(**msgspec.structs.asdict(whole), stages=done))


_PARTIAL = RunStatus.PARTIAL.value


def _inputs(stage: StageSection, outputs: Mapping[str, Any]) -> dict[str, Any]:
    if not stage.map:
        return {**outputs, **stage.inputs}
    if missing := sorted(set(stage.map.values()) - outputs.keys()):
        raise StepRejected(
            f"the flow before {stage.flow_name!r} has no output {missing[0]!r} (outputs: {listed(outputs)})",
            code="no_output",
            hint="correct `map`",
        )
    return {**{name: outputs[output] for name, output in stage.map.items()}, **stage.inputs}
