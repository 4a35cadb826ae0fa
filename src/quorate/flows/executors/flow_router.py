"""Choose a flow by what is known, and run it."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AliasChoices, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from quorate.engine.most import UNKNOWN, WorstCase, largest
from quorate.flows.asking_cost import Costing
from quorate.flows.data.weight import copied
from quorate.flows.executor import Executor, StepContext, StepRejected
from quorate.flows.expression import rendering
from quorate.flows.nested_flow import FlowOutputs, OpenOutputs, outputs_opened, run_nested
from quorate.source.place import listed
from quorate.source.section import Section

_Name = Annotated[str, Field(min_length=1, validation_alias=AliasChoices("flow_name", "flow"))]


class RouteSection(Section):
    """One way: the first whose `when` holds is taken."""

    when: Any = None
    """An expression over what the step can see; none: always."""
    flow_name: _Name
    """The flow that is run; `flow` is the same."""
    version: str | None = None


class FlowRouterConfig(Section):
    """Between which flows is chosen, and what the chosen one gets."""

    routes: tuple[RouteSection, ...] = ()
    """Ways, asked in this order."""
    flow_name: Annotated[str | None, Field(validation_alias=AliasChoices("flow_name", "flow"))] = None
    """In place of `routes`: a template that gives the name of a flow."""
    allow: tuple[str, ...] = ()
    """The names that `flow_name` may give."""
    default: str | None = None
    """The flow that is run if no way holds, or a name is not allowed."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """The inputs of the chosen flow."""

    @model_validator(mode="after")
    def _chooses_one_way(self) -> Self:
        if bool(self.routes) == (self.flow_name is not None):
            raise PydanticCustomError("routes", "needs `routes` or `flow_name`, and not both")
        if self.flow_name is not None and not self.allow:
            raise PydanticCustomError("allow", "`flow_name` comes from data: list under `allow` what it may give")
        return self


class FlowRouterExecutor(Executor[FlowRouterConfig, OpenOutputs]):
    """Returns the outputs of the flow that was chosen, and which it was (`flow`)."""

    name = "flow_router"
    summary = "Choose a flow by conditions or by a name from an earlier step, and run it."
    config = FlowRouterConfig
    result = FlowOutputs
    raw = frozenset({"routes"})
    open_result = True
    billed = True

    def worst_case(self, config: Mapping[str, Any], costing: Costing | None) -> WorstCase:
        """Return the most that a run of the dearest flow which may be chosen can need."""
        given = {key: config[key] for key in ("routes", "allow", "default") if key in config}
        if "routes" not in config:
            given["flow_name"] = ""
        try:
            known = FlowRouterConfig.model_validate(given)
        except ValidationError:  # made by a template
            return UNKNOWN
        ways = [(each.flow_name, each.version) for each in known.routes]
        ways += [(name, None) for name in (*known.allow, known.default) if name is not None]
        return UNKNOWN if costing is None else largest(costing.run_of(name, version) for name, version in ways)

    async def run(self, config: FlowRouterConfig, step: StepContext) -> OpenOutputs:
        """Choose, and run it to its end."""
        flow, version = await _chosen(config, step)
        return outputs_opened(await run_nested(flow, version, config.inputs, step))


async def _chosen(config: FlowRouterConfig, step: StepContext) -> tuple[str, str | None]:
    if config.flow_name is not None and config.flow_name in config.allow:
        return config.flow_name, None
    for route in config.routes:
        if route.when is None or await _holds(route.when, step):
            return route.flow_name, route.version
    if config.default is not None:
        return config.default, None
    if config.flow_name is not None:
        raise StepRejected(
            f"the flow {config.flow_name!r} is not one of those allowed: {listed(config.allow)}",
            code="no_route",
            hint="add it to `allow`, or set `default`",
        )
    raise StepRejected("no route holds", code="no_route", hint="set `default`, or a last route without `when`")


async def _holds(when: object, step: StepContext) -> bool:
    if isinstance(when, str) and "{{" not in when:
        when = f"{{{{ {when} }}}}"
    value = step.values(when)
    seen = copied(step.scope)
    found = await rendering([value], lambda: value.render(seen))
    return found.strip().lower() not in {"", "false", "0", "none"} if isinstance(found, str) else bool(found)
