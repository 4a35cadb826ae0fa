"""Run another flow as a step."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AliasChoices, Field

from quorate.engine.most import UNKNOWN, WorstCase
from quorate.flows.asking_cost import Costing
from quorate.flows.executor import Executor, StepContext
from quorate.flows.nested_flow import FlowOutputs, OpenOutputs, outputs_opened, run_nested
from quorate.source.section import Section


class FlowExecutorConfig(Section):
    """Which flow, with which inputs."""

    flow_name: Annotated[str, Field(min_length=1, validation_alias=AliasChoices("flow_name", "flow"))]
    """Its name; `flow` is the same."""
    version: Annotated[str | None, Field(validation_alias=AliasChoices("version", "flow_version"))] = None
    """A version of it; none: the one that a run gets that names none."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Its inputs; `"{{ inputs }}"` passes on those of this flow."""


class FlowExecutor(Executor[FlowExecutorConfig, OpenOutputs]):
    """Returns the outputs of the other flow. Its steps are journalled below this step's path."""

    name = "flow_executor"
    summary = "Run another flow and use its outputs."
    config = FlowExecutorConfig
    result = FlowOutputs
    open_result = True
    billed = True

    def worst_case(self, config: Mapping[str, Any], costing: Costing | None) -> WorstCase:
        """Return the most that a run of the other flow can need."""
        version = config.get("version", config.get("flow_version"))
        return UNKNOWN if costing is None else costing.run_of(config.get("flow_name", config.get("flow")), version)

    async def run(self, config: FlowExecutorConfig, step: StepContext) -> OpenOutputs:
        """Run it to its end."""
        return outputs_opened(await run_nested(config.flow_name, config.version, config.inputs, step))
