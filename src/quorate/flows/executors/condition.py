"""`condition`: named conditions, and the first case that holds."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from pydantic import Field, model_validator

from quorate.flows.data.weight import copied
from quorate.flows.executor import Executor, StepContext
from quorate.flows.expression import expression, holds, rendering
from quorate.source.section import Section


class ConditionCase(Section):
    """One case: if `when` holds, and none before it did, it is taken."""

    name: Annotated[str, Field(min_length=1)]
    when: Any
    value: Any = None
    """What the step's `value` is then; without one, the name."""


class ConditionConfig(Section):
    """Conditions, cases, or both."""

    data: Any = None
    """What expressions see as `data`."""
    conditions: dict[str, Any] = Field(default_factory=dict)
    """Name -> an expression, with or without braces."""
    cases: tuple[ConditionCase, ...] = ()
    """Looked at in order; `when` sees the results of `conditions` by their names, as `holds`: `holds.large`."""
    otherwise: Any = Field(default=None, alias="else")
    """What `value` is if no case holds."""

    @model_validator(mode="after")
    def _some(self) -> "ConditionConfig":
        if not self.conditions and not self.cases:
            raise ValueError("expected `conditions` or `cases`")
        return self


class ConditionResult(msgspec.Struct, frozen=True, kw_only=True):
    """`conditions`: name -> whether it holds; `case`: the name of the case taken, `null` for none; its `value`."""

    conditions: Mapping[str, bool]
    case: str | None
    value: Any


class ConditionExecutor(Executor[ConditionConfig, ConditionResult]):
    """Evaluates named conditions and takes the first case that holds, so that other steps need not repeat them."""

    name = "condition"
    summary = "Evaluates named conditions and takes the first case that holds."
    config = ConditionConfig
    result = ConditionResult
    raw = frozenset({"conditions", "cases", "else"})

    async def run(self, config: ConditionConfig, step: StepContext) -> ConditionResult:
        """Return what holds; raise `StepRejected` for a condition that gives a text."""
        conditions = {name: expression(written, step) for name, written in config.conditions.items()}
        whens = [expression(case.when, step) for case in config.cases]
        values = [step.values(case.name if case.value is None else case.value) for case in config.cases]
        otherwise = step.values(config.otherwise)

        seen = copied(step.scope)

        def evaluated() -> ConditionResult:
            scope = {**seen, "data": config.data}
            found = {name: holds(value.render(scope), what=f"conditions.{name}") for name, value in conditions.items()}
            scope["holds"] = found
            for case, when, value in zip(config.cases, whens, values, strict=True):
                if holds(when.render(scope), what=f"cases.{case.name}.when"):
                    return ConditionResult(conditions=found, case=case.name, value=value.render(scope))
            return ConditionResult(conditions=found, case=None, value=otherwise.render(scope))

        return await rendering([*conditions.values(), *whens, *values, otherwise], evaluated)
