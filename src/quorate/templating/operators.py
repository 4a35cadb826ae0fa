"""What stands for the operators that could grow without bound or compare what has no order."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

from quorate.templating.expect import items, number, whole
from quorate.templating.names import child
from quorate.templating.order import ordered
from quorate.templating.shown import shown
from quorate.templating.template import TemplateError
from quorate.templating.work import MAX_ITEMS, MAX_TREE, NOTHING, current, is_list, kind_of, plain, room


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        room(len(left) + len(right))
        return left + right
    if is_list(left) and is_list(right):
        room(len(left) + len(right), MAX_ITEMS)
        return _list(*left, *right)
    if not (_is_number(left) and _is_number(right)):
        raise TemplateError(f"{kind_of(left)} and {kind_of(right)} cannot be added ('~' joins anything as text)")
    return number(left) + number(right)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _times(left: Any, right: Any) -> Any:
    if isinstance(right, str):
        left, right = right, left
    if isinstance(left, str):
        room(len(left) * max(0, whole(right)))
        return left * whole(right)
    return number(left) * number(right)


def _joined(*parts: object) -> str:
    texts = [shown(part) for part in parts]
    room(sum(map(len, texts)))
    return "".join(texts)


def contains(item: object, holder: object) -> bool:
    """Return whether a text holds a text, a list an item, a mapping a key. Nothing is in null."""
    match holder:
        case str() if isinstance(item, str):
            current().charge(len(holder) >> 4)
            return item in holder
        case Mapping():
            return isinstance(item, (str, int)) and item in holder
        case list() | tuple():
            current().charge(len(cast("list[object]", holder)))
            return item in holder
        case _:
            raise TemplateError(f"{kind_of(item)} cannot be in {kind_of(holder)}")


def _list(*found: Any) -> list[Any]:
    return _bounded(list(found))


def _dict(*found: Any) -> dict[str, Any]:
    keys = found[::2]
    for key in keys:
        if not isinstance(key, (str, int)):
            raise TemplateError(f"a mapping has a key that is {kind_of(key)}; keys are text")
    return _bounded({str(key): value for key, value in zip(keys, found[1::2], strict=True)})


def _bounded(made: list[Any] | dict[str, Any]) -> Any:
    # Lists within lists share their items here, and are spelled out in full wherever they go next: so they are now.
    parts = made if is_list(made) else list(cast("Mapping[str, Any]", made).values())
    if all(part is None or isinstance(part, (str, int, float)) for part in parts):
        current().charge(len(parts))
        return made
    return plain(made)


def charged(value: Any) -> Any:
    """Take the size of a tree, spelled out in full, from what is left; return it."""
    waiting: list[Any] = [value]
    size = 0
    while waiting:
        part = waiting.pop()
        if isinstance(part, (list, dict)):
            size += 8 * len(part)  # pyright: ignore[reportUnknownArgumentType] - any tree
            if size > MAX_TREE:
                raise TemplateError(f"the value is too large (more than {MAX_TREE >> 20} MiB)")
            waiting.extend(cast("Iterable[Any]", part.values() if isinstance(part, dict) else part))
        elif isinstance(part, str):
            size += len(part)
    current().charge(size)
    return value


def _slice(value: Any, start: Any, stop: Any = None, step: Any = None) -> Any:
    if step == 0:
        raise TemplateError("the step of a slice is 0")
    places = slice(*(None if part is None else whole(part) for part in (start, stop, step)))
    found = value if isinstance(value, str) else items(value)
    room(len(found))
    return found[places]


def _get(value: object, key: object) -> object:
    found = child(value, key)
    if found is not NOTHING:
        return found
    if isinstance(value, Mapping):
        keys = sorted(str(name) for name in cast("Mapping[object, object]", value))
        shown_keys = ", ".join(keys[:12]) + (", ..." if len(keys) > 12 else "")  # noqa: PLR2004 - enough to see
        raise TemplateError(f"there is no {key!r} here; there is: {shown_keys or 'nothing'}")
    if (is_list(value) or isinstance(value, str)) and isinstance(key, int):
        raise TemplateError(f"there is no place {key} in {kind_of(value)} of {len(value)}")
    raise TemplateError(f"{kind_of(value)} has no {key!r}")


def _is_there(value: object) -> bool:
    return value is not NOTHING


#: By the name that the translator gives them.
OPERATORS: Final[Mapping[str, Callable[..., Any]]] = {
    "add": _add,
    "dict": _dict,
    "find": child,
    "get": _get,
    "in": contains,
    "is_there": _is_there,
    "join": _joined,
    "list": _list,
    "order": ordered,
    "slice": _slice,
    "times": _times,
}
