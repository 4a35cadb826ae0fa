"""Filters that apply a filter or test to every item: `map`, `select`, `reject` and those by attribute."""

from collections.abc import Callable, Mapping
from typing import Any

from quorate.templating.builtin import Builtin, table
from quorate.templating.expect import items, mapping
from quorate.templating.list_filters import field_of
from quorate.templating.operators import charged
from quorate.templating.place import nearest
from quorate.templating.predicates import TESTS
from quorate.templating.template import TemplateError
from quorate.templating.work import NOTHING, current


def applying(filters: Mapping[str, Builtin]) -> dict[str, Builtin]:
    """Return those filters, for items to which `filters` can be applied."""

    def _map(
        value: object, name: str | None = None, *arguments: Any, attribute: str | None = None, default: Any = NOTHING
    ) -> list[Any]:
        if attribute is not None:
            return [_attribute(item, attribute, default) for item in items(value)]
        if name is None or name not in filters or filters[name].slow:
            raise TemplateError(f"'map' knows no filter {name!r}{nearest(name or '', filters)}")
        call = filters[name].call
        return [_counted(call(item, *arguments)) for item in items(value)]

    return table(
        {
            "map": _map,
            "reject": _choosing(keep=False),
            "rejectattr": _choosing_by_attribute(keep=False),
            "select": _choosing(keep=True),
            "selectattr": _choosing_by_attribute(keep=True),
        }
    )


def _counted(made: Any) -> Any:
    if isinstance(made, (list, dict)):
        return charged(made)
    current().charge(1)
    return made


def _attribute(item: object, path: str, default: Any) -> Any:
    try:
        return field_of(item, path)
    except TemplateError:
        if default is NOTHING:
            raise
        return default


def _test(name: str | None) -> Callable[..., bool]:
    if name is None:
        return bool
    if name not in TESTS:
        raise TemplateError(f"there is no test {name!r}{nearest(name, TESTS)}")
    return TESTS[name].call


def _choosing(*, keep: bool) -> Callable[..., list[Any]]:
    def choose(value: object, name: str | None = None, *arguments: Any) -> list[Any]:
        holds = _test(name)
        return [item for item in items(value) if bool(holds(item, *arguments)) is keep]

    return choose


def _choosing_by_attribute(*, keep: bool) -> Callable[..., list[Any]]:
    def choose(value: object, attribute: str, name: str | None = None, *arguments: Any) -> list[Any]:
        holds = _test(name)
        return [
            item for item in items(value) if bool(holds(_attribute(mapping(item), attribute, None), *arguments)) is keep
        ]

    return choose
