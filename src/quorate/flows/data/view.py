"""What a template sees of a step, told apart from other data."""

from collections.abc import Mapping
from typing import Any, cast

#: The keys that every view of a step has (`{{ steps.NAME }}`).
VIEW_KEYS = frozenset({"success", "status", "skipped", "error", "result", "output"})


def as_view(value: object) -> Mapping[str, Any] | None:
    """Return the value if it is the view of a step, else `None`."""
    if not isinstance(value, Mapping):
        return None
    view = cast("Mapping[str, Any]", value)
    return view if view.keys() >= VIEW_KEYS else None


def unwrapped(value: object) -> Any:
    """Return the output of a step where a template gave its view; anything else as it is."""
    view = as_view(value)
    return value if view is None else view["output"]
