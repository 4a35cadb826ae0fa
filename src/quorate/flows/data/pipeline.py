"""A list filtered, sorted, cut, grouped and mapped, by expressions over its items."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from quorate.flows.data.path import MISSING, look, read_path
from quorate.flows.executor import StepContext, StepRejected
from quorate.flows.expression import expression, holds, is_template
from quorate.source.place import shown
from quorate.templating.value import Scope, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKey:
    """Something of an item: at the end of a path, or what an expression gives."""

    steps: tuple[str | int, ...] = ()
    value: Value | None = None

    def of(self, item: object, scope: Scope) -> Any:
        """Return it; `null` where a path leads to nothing."""
        if self.value is not None:
            return self.value.render(scope)
        found = look(item, self.steps)
        return None if found is MISSING else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What is done with a list, compiled; `name` is what expressions call an item."""

    name: str
    condition: Value | None
    sort_by: ItemKey | None
    descending: bool
    limit: int | None
    group_by: ItemKey | None
    each: Value | None

    @classmethod
    def compiled(
        cls,
        step: StepContext,
        *,
        name: str,
        condition: object,
        sort_by: str | None,
        descending: bool,
        limit: int | None,
        group_by: str | None,
        each: object,
    ) -> "Pipeline":
        """Return it; raise `StepRejected` or `TemplateError` for what cannot be read."""
        return cls(
            name=name,
            condition=None if condition is None else expression(condition, step),
            sort_by=_key(sort_by, step, "sort_by"),
            descending=descending,
            limit=limit,
            group_by=_key(group_by, step, "group_by"),
            each=None if each is None else expression(each, step),
        )

    def values(self) -> list[Value]:
        """Return everything that is rendered."""
        keys = [key.value for key in (self.sort_by, self.group_by) if key is not None]
        return [value for value in (self.condition, self.each, *keys) if value is not None]

    def of(self, items: Sequence[Any], scope: Scope) -> Any:
        """Return the list, or group -> list."""
        kept = [(item, seen) for item, seen in self._seen(items, scope) if self._is_wanted(seen)]
        if self.sort_by is not None:
            kept = self._sorted(kept, self.sort_by)
        kept = list(self._seen([item for item, _ in kept][: self.limit], scope))
        if self.group_by is None:
            return [self._mapped(item, seen) for item, seen in kept]
        groups: dict[str, list[Any]] = {}
        for item, seen in kept:
            group = self.group_by.of(item, seen)
            named = group if isinstance(group, str) else msgspec.json.encode(group).decode()
            groups.setdefault(named, []).append(self._mapped(item, seen))
        return groups

    def _seen(self, items: Sequence[Any], scope: Scope) -> Iterator[tuple[Any, Mapping[str, Any]]]:
        """Yield each item with what expressions see at it."""
        length = len(items)
        for index, item in enumerate(items):
            loop = {"index": index, "first": index == 0, "last": index == length - 1, "length": length}
            yield item, {**scope, self.name: item, "loop": loop}

    def _is_wanted(self, seen: Scope) -> bool:
        return self.condition is None or holds(self.condition.render(seen), what="filter")

    def _mapped(self, item: Any, seen: Scope) -> Any:
        return item if self.each is None else self.each.render(seen)

    def _sorted(self, kept: list[tuple[Any, Mapping[str, Any]]], key: ItemKey) -> list[tuple[Any, Mapping[str, Any]]]:
        """Return them in order; those of equal keys keep theirs, those without one come last."""
        keyed = [(key.of(item, seen), (item, seen)) for item, seen in kept]
        with_key = [each for each in keyed if each[0] is not None]
        for value, _ in with_key:
            if _sort_kind(value) is None or _sort_kind(value) != _sort_kind(with_key[0][0]):
                raise StepRejected(
                    f"sort_by: {shown(with_key[0][0])} and {shown(value)} have no order",
                    code="bad_value",
                    hint="sort by something that is a number for every item, or a text for every item",
                )
        ordered = sorted(with_key, key=lambda each: each[0], reverse=self.descending)
        return [pair for _, pair in ordered] + [pair for value, pair in keyed if value is None]


def _sort_kind(value: object) -> str | None:
    return "number" if isinstance(value, int | float) else "text" if isinstance(value, str) else None


def _key(written: str | None, step: StepContext, key: str) -> ItemKey | None:
    if written is None:
        return None
    if is_template(written):
        return ItemKey(value=expression(written, step))
    path = read_path(written)
    if path is None:
        raise StepRejected(
            f"{key}: {written!r} is no path in an item",
            code="bad_path",
            hint=f'write a path such as customer.name, or an expression: {key}: "{{{{ item.price * 2 }}}}"',
        )
    return ItemKey(steps=path.steps)
