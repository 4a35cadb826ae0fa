"""`data_combiner`: the outputs of several steps made one."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, assert_never, cast

from pydantic import BeforeValidator, Field, model_validator

from quorate.flows.data.aggregate import AggregationSection, aggregated
from quorate.flows.data.join import JoinType, joined
from quorate.flows.data.merge import MergeStrategy, merged
from quorate.flows.data.source import DataSource, OnMissing, Written, mentioned_steps, read_sources
from quorate.flows.data.structure import filled, structured
from quorate.flows.data.weight import copied, worked
from quorate.flows.executor import Executor, StepContext
from quorate.flows.expression import expression, is_template, rendering
from quorate.source.section import Section, one_or_more


class Strategy(StrEnum):
    """How sources are combined."""

    MERGE = "merge"
    CONCAT = "concat"
    JOIN = "join"
    STRUCTURED = "structured"
    AGGREGATE = "aggregate"


def _null_is_a_word(value: object) -> object:
    return OnMissing.NULL if value is None else value  # `on_missing: null`, as one writes it in YAML


class DataCombinerConfig(Section):
    """What is combined, and how."""

    sources: Annotated[tuple[Any, ...] | dict[str, Any], BeforeValidator(one_or_more)] = ()
    """Names of steps, or expressions such as `{{ steps.x.items }}`: a list, or name -> source. None: all steps that it
    waits for."""
    strategy: Strategy | None = None
    """`merge` mappings, `concat` lists or texts, `join` records by a key, `structured`: a tree of them, `aggregate`:
    figures over records. Without one: what the other keys are for, else `structured`, each source under its name."""
    merge_strategy: MergeStrategy = MergeStrategy.DEEP
    """What two values under the same key become, in `merge` and between the records of `join`."""
    separator: str = "\n\n"
    """What stands between texts in `concat`."""
    join_key: str | dict[str, str] = ""
    """The path of the key in each record, or source -> path."""
    join_type: JoinType = JoinType.INNER
    structure_template: Any = None
    """A tree whose texts are paths: `0.field`, `name.items[2].title`, with `?` at the end if it may be missing."""
    aggregations: dict[str, AggregationSection] = Field(default_factory=dict)
    transform: Any = None
    """An expression over the result, which is `data`; what it gives is the result."""
    output_key: str = ""
    """The result stands under this key."""
    include_metadata: bool = False
    """Whether `_metadata` says which sources there were; a result that is no mapping then stands under `result`."""
    on_missing: Annotated[OnMissing, BeforeValidator(_null_is_a_word)] = OnMissing.SKIP
    """A source whose step was skipped or failed is left out, is `null`, or is an error."""

    @model_validator(mode="after")
    def _complete(self) -> "DataCombinerConfig":
        chosen = self.chosen_strategy
        if chosen is Strategy.JOIN and not self.join_key:
            raise ValueError("`join` needs `join_key`: the field by which records belong together")
        if chosen is Strategy.AGGREGATE and not self.aggregations:
            raise ValueError("`aggregate` needs `aggregations`: name -> {function, field}")
        return self

    @property
    def chosen_strategy(self) -> Strategy:
        """The strategy, also where none was written."""
        if self.strategy is not None:
            return self.strategy
        if self.aggregations:
            return Strategy.AGGREGATE
        if self.join_key:
            return Strategy.JOIN
        if "merge_strategy" in self.model_fields_set:
            return Strategy.MERGE
        return Strategy.STRUCTURED


class DataCombinerExecutor(Executor[DataCombinerConfig, object]):
    """Makes one value of the outputs of several steps; asks nobody, costs nothing.

    The output is what was combined, so that `steps.NAME.field` is a field of it. Raises `StepRejected` naming source,
    path and value.
    """

    name = "data_combiner"
    summary = "Makes one value of the outputs of several steps: merge, concat, join, structured, aggregate."
    config = DataCombinerConfig
    result = object
    raw = frozenset({"sources", "structure_template", "transform"})
    open_result = True

    def mentions(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the steps among `sources` that are named without a template."""
        return mentioned_steps(config.get("sources"))

    async def run(self, config: DataCombinerConfig, step: StepContext) -> object:
        """Return the combined value."""
        sources = await read_sources(config.sources, step, config.on_missing)
        data = await self._combined(config, sources, step)
        if config.transform is not None:
            value = expression(config.transform, step)
            scope = {**copied(step.scope), "data": data}
            data = await rendering([value], lambda: value.render(scope))
        if config.output_key:
            data = {config.output_key: data}
        return _with_metadata(data, config, sources) if config.include_metadata else data

    async def _combined(self, config: DataCombinerConfig, sources: Sequence[DataSource], step: StepContext) -> Any:
        tree = config.structure_template
        if tree is not None and config.chosen_strategy is Strategy.STRUCTURED:
            tree = await _filled_templates(tree, step)
        names = _all_names(config.sources or step.needs, sources)
        return await worked([each.value for each in sources], lambda: _combination(config, sources, tree, names))


def _combination(config: DataCombinerConfig, sources: Sequence[DataSource], tree: object, names: list[str]) -> Any:
    match config.chosen_strategy:
        case Strategy.MERGE:
            return merged(sources, config.merge_strategy)
        case Strategy.CONCAT:
            return _concatenated(sources, config.separator)
        case Strategy.JOIN:
            return joined(sources, config.join_key, config.join_type, config.merge_strategy)
        case Strategy.AGGREGATE:
            return aggregated(sources, config.aggregations)
        case Strategy.STRUCTURED if tree is None:
            return {source.name: source.value for source in sources}
        case Strategy.STRUCTURED:
            return structured(tree, sources, names)
    assert_never(config.chosen_strategy)


def _concatenated(sources: Sequence[DataSource], separator: str) -> str | list[Any]:
    """Texts are one text, if all are; else lists are one list, in which anything else is one item."""
    present = [source.value for source in sources]
    texts = [value for value in present if isinstance(value, str)]
    if texts and all(isinstance(value, str) or value is None for value in present):
        return separator.join(texts)
    items: list[Any] = []
    for value in present:
        items.extend(cast("list[Any]", value) if isinstance(value, list) else [value])
    return items


def _all_names(written: Written, sources: Sequence[DataSource]) -> list[str]:
    """Return the names of all sources as they were written, those that were left out by their number."""
    names = list(written) if isinstance(written, Mapping) else [str(index) for index in range(len(written))]
    for source in sources:
        names[source.index] = source.name
    for index, value in enumerate(written if not isinstance(written, Mapping) else ()):
        if isinstance(value, str) and not is_template(value) and value not in names:
            names[index] = value
    return names


async def _filled_templates(tree: object, step: StepContext) -> object:
    """Return the tree with its templates rendered; what they give is not read as a path."""
    values = [step.values(text) for text in _templates(tree)]
    seen = copied(step.scope)
    rendered = await rendering(values, lambda: iter([value.render(seen) for value in values]))
    return _replaced(tree, rendered)


def _templates(tree: object) -> Iterator[str]:
    match tree:
        case str():
            if is_template(tree):
                yield tree
        case Mapping():
            for value in cast("Mapping[str, object]", tree).values():
                yield from _templates(value)
        case list() | tuple():
            for value in cast("Sequence[object]", tree):
                yield from _templates(value)
        case _:
            pass


def _replaced(tree: object, rendered: Iterator[Any]) -> object:
    match tree:
        case str():
            return filled(next(rendered)) if is_template(tree) else tree
        case Mapping():
            return {key: _replaced(value, rendered) for key, value in cast("Mapping[str, object]", tree).items()}
        case list() | tuple():
            return [_replaced(value, rendered) for value in cast("Sequence[object]", tree)]
        case _:
            return tree


def _with_metadata(data: Any, config: DataCombinerConfig, sources: Sequence[DataSource]) -> dict[str, Any]:
    whole = dict(cast("Mapping[str, Any]", data)) if isinstance(data, Mapping) else {"result": data}
    whole["_metadata"] = {
        "strategy": str(config.chosen_strategy),
        "sources": [{"name": each.name, "status": each.status, "missing": each.missing} for each in sources],
        "combined": sum(not each.missing for each in sources),
        "missing": sum(each.missing for each in sources),
    }
    return whole
