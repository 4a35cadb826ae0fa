"""`transform`: a value computed from others."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from quorate.flows.data.pipeline import Pipeline
from quorate.flows.data.view import unwrapped
from quorate.flows.data.weight import copied, worked
from quorate.flows.executor import Executor, StepContext
from quorate.flows.expression import expression, rendering
from quorate.source.section import Section, mapping

_WAYS = ("expression", "value", "fields", "items")


class TransformConfig(Section):
    """Exactly one of `expression`, `value`, `fields` and `items`."""

    data: Any = None
    """What expressions see as `data`."""
    expression: Any = None
    """An expression, with or without braces; its type is kept."""
    value: Any = None
    """A value that may hold templates, at any depth."""
    fields: Annotated[dict[str, Any], Field(min_length=1)] | None = None
    """Name -> a value that may hold templates."""
    items: list[Any] | None = None
    """A list; the keys below say what is done with its items, in this order."""
    name: Annotated[str, Field(alias="as", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = "item"
    """What expressions call an item; `loop` is its place: `index` (from 0), `first`, `last`, `length`."""
    filter: Any = None
    """A condition: only items for which it holds."""
    sort_by: str | None = None
    """A path in the item (`price`) or an expression (`{{ item.price * item.count }}`)."""
    descending: bool = False
    limit: Annotated[int | None, Field(ge=0)] = None
    """At most so many."""
    group_by: str | None = None
    """A path or an expression: the result is a mapping of its values to lists of items."""
    each: Any = None
    """What becomes of an item: an expression, or a tree that holds templates."""

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, given: Any) -> Any:
        written = mapping(given)
        return given if not written or "items" not in written else {**written, "items": unwrapped(written["items"])}

    @model_validator(mode="after")
    def _one_way(self) -> "TransformConfig":
        given = [name for name in _WAYS if name in self.model_fields_set]
        if len(given) != 1:
            raise ValueError(f"expected exactly one of {', '.join(_WAYS)}; found {', '.join(given) or 'none'}")
        if given != ["items"] and (extra := self.model_fields_set - {*_WAYS, "data"}):
            told = ", ".join(sorted("as" if name == "name" else name for name in extra))
            raise ValueError(f"{told}: only together with `items`")
        return self


class TransformExecutor(Executor[TransformConfig, object]):
    """Computes a value: of an expression, of named ones, or of a list by filter, order, groups; costs nothing.

    The output is the value, so that `steps.NAME.field` is a field of it.
    """

    name = "transform"
    summary = "Computes a value: an expression, named fields, or a list filtered, sorted, grouped and mapped."
    config = TransformConfig
    result = object
    raw = frozenset({"expression", "value", "fields", "filter", "sort_by", "group_by", "each"})
    open_result = True

    async def run(self, config: TransformConfig, step: StepContext) -> object:
        """Return the value; raise `StepRejected` for items that cannot be sorted, a condition that is a text."""
        scope = {**copied(step.scope), "data": config.data}
        if config.items is not None:
            return await self._of_items(config, config.items, step, scope)
        if "expression" in config.model_fields_set:
            value = expression(config.expression, step)
        else:
            value = step.values(config.fields if config.fields is not None else config.value)
        return await rendering([value], lambda: value.render(scope))

    async def _of_items(
        self, config: TransformConfig, items: list[Any], step: StepContext, scope: Mapping[str, Any]
    ) -> object:
        pipeline = Pipeline.compiled(
            step,
            name=config.name,
            condition=config.filter,
            sort_by=config.sort_by,
            descending=config.descending,
            limit=config.limit,
            group_by=config.group_by,
            each=config.each,
        )
        if any(value.slow for value in pipeline.values()):
            return await asyncio.to_thread(pipeline.of, items, scope)
        return await worked(items, lambda: pipeline.of(items, scope))
