"""Joining the pieces of streamed tool calls into whole ones."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from quorate.wire.chat import FunctionCall, ToolCall
from quorate.wire.open import JsonObject


class JoinedCalls:
    """Adds up the pieces of one message's tool calls; a live object."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[int, list[_Call]] = {}

    def add(self, pieces: Iterable[ToolCall]) -> None:
        """Add the pieces of one chunk; one without an index belongs where it stands."""
        for position, piece in enumerate(pieces):
            index = piece.index if piece.index is not None else position
            calls = self._calls.setdefault(index, [_Call()])
            if calls[-1].begins_another(piece):
                calls.append(_Call())
            calls[-1].add(piece)

    def whole(self) -> tuple[ToolCall, ...] | None:
        """Return the calls as far as they have come, in order; `None` if there are none."""
        return tuple(call.whole() for _, calls in sorted(self._calls.items()) for call in calls) or None


@dataclass(slots=True)
class _Call:
    id: str | None = None
    type: str | None = None
    name: str | None = None
    arguments: list[str] = field(default_factory=list[str])
    extra: JsonObject = field(default_factory=dict[str, Any])
    function_extra: JsonObject = field(default_factory=dict[str, Any])

    def begins_another(self, piece: ToolCall) -> bool:
        """Whether `piece` opens a further call; some servers give all parallel calls the same index, or none."""
        named = piece.function is not None and bool(piece.function.name)
        return named and bool(piece.id) and bool(self.id) and piece.id != self.id

    def add(self, piece: ToolCall) -> None:
        self.id = piece.id or self.id
        self.type = piece.type or self.type
        merge(self.extra, piece.extra)
        if piece.function is not None:
            self.name = piece.function.name or self.name
            self.arguments.append(piece.function.arguments or "")
            merge(self.function_extra, piece.function.extra)

    def whole(self) -> ToolCall:
        function = FunctionCall(name=self.name, arguments="".join(self.arguments), extra=self.function_extra)
        return ToolCall(id=self.id, type=self.type or "function", function=function, extra=self.extra)


def merge(into: JsonObject, new: JsonObject, *, joins_texts: bool = True) -> None:
    """Add `new` to `into`, which owns its lists: they grow in place, however many pieces there are."""
    for key, value in new.items():
        old = into.get(key)
        if isinstance(value, list):
            items = cast("list[object]", value)
            if isinstance(old, list):
                cast("list[object]", old).extend(items)
            else:
                into[key] = items.copy()
        elif joins_texts and isinstance(old, str) and isinstance(value, str):
            into[key] = old + value
        elif value is not None or key not in into:
            into[key] = value
