"""How large a JSON value is: looked at before anything recursive touches it."""

from collections.abc import Mapping
from typing import cast


def depth_and_nodes(value: object) -> tuple[int, int]:
    """Return how deep a value is nested (0 for a scalar) and how many values it holds, itself included."""
    depth = nodes = 0
    layer: list[object] = [value]
    while layer:
        nodes += len(layer)
        layer = [child for item in layer for child in _children(item)]
        depth += bool(layer)
    return depth, nodes


def _children(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return list(cast("Mapping[object, object]", value).values())
    return list(cast("list[object]", value)) if isinstance(value, list | tuple) else []
