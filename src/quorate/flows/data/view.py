"""What a template sees of a step, told apart from other data."""

from collections.abc import Mapping
from typing import Any, cast

#: The keys that every view of a step has (`{{ steps.NAME }}`), below the fields of its output.
VIEW_KEYS = frozenset({"success", "status", "skipped", "error", "result", "output"})
#: Those that hold the whole output, unless the output has a field of that name itself.
_WHOLE = ("output", "result")


def as_view(value: object) -> Mapping[str, Any] | None:
    """Return the value if it is the view of a step, else `None`."""
    if not isinstance(value, Mapping):
        return None
    view = cast("Mapping[str, Any]", value)
    return view if view.keys() >= VIEW_KEYS else None


def output_of(view: Mapping[str, Any]) -> Any:
    """Return the output of the step whose view it is."""
    for key in _WHOLE:
        if _is_whole(view[key], view):
            return view[key]
    return {key: value for key, value in view.items() if key not in VIEW_KEYS or key in _WHOLE}


def unwrapped(value: object) -> Any:
    """Return the output of a step where a template gave its view; anything else as it is."""
    view = as_view(value)
    return value if view is None else output_of(view)


def _is_whole(output: object, view: Mapping[str, Any]) -> bool:
    """Return whether the fields of a view beside its own keys are those of this output."""
    fields = view.keys() - VIEW_KEYS
    if isinstance(output, Mapping):
        return fields <= cast("Mapping[str, Any]", output).keys() <= view.keys()
    # Without an output, the fields that it would have are there and empty.
    return not fields or (output is None and all(view[field] is None for field in fields))
