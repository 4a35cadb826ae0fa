"""Secrets of a run, taken out of everything that is kept or shown."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from quorate.core.secret import Secret

#: Shorter ones would black out ordinary words.
_LEAST = 6
_SHOWN = "***"


class Hidden:
    """Replaces the exact values of secrets (of 6 or more characters) by `***`, wherever they stand in plain data.

    Those of the flow `above` are hidden as well. `values` are all of them, never to be shown.
    """

    __slots__ = ("values",)

    def __init__(self, secrets: Iterable[Secret], *, above: "Hidden | None" = None) -> None:
        values = {secret.reveal() for secret in secrets}
        if above is not None:
            values.update(above.values)
        # The longest first: one secret may be the beginning of another.
        self.values = (
            sorted((value for value in values if len(value) >= _LEAST), key=len, reverse=True) if values else []
        )

    def __bool__(self) -> bool:
        return bool(self.values)

    def text(self, text: str) -> str:
        """Return a text without them."""
        for value in self.values:
            text = text.replace(value, _SHOWN)
        return text

    def data(self, value: Any) -> Any:
        """Return plain data without them, keys included; the same object if there are no secrets."""
        return self._data(value) if self.values else value

    def settled(self, text: str) -> int:
        """Return how many characters of a text stay as they are shown, whatever follows it.

        Behind them may be the beginning of a secret, or one that is the beginning of a longer one.
        """
        cut = len(text) - max((_overlap(text, value) for value in self.values), default=0)
        while (whole := self._across(text, cut)) is not None:
            cut = whole
        return cut

    def _across(self, text: str, cut: int) -> int | None:
        """Return where a whole secret begins that a cut would divide."""
        for value in self.values:
            at = text.find(value, max(0, cut - len(value) + 1), cut + len(value) - 1)
            if 0 <= at < cut:
                return at
        return None

    def _data(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            entries = cast("Mapping[str, Any]", value)
            return {self.text(key): self._data(entry) for key, entry in entries.items()}
        if isinstance(value, list | tuple):
            return [self._data(entry) for entry in cast("list[Any]", value)]
        return value


class HiddenPieces:
    """A text without secrets that is passed on while it comes; a live object.

    What may be the beginning of a secret waits for the piece after it, and for `rest` at the end.
    """

    __slots__ = ("_hidden", "_waiting")

    def __init__(self, hidden: Hidden) -> None:
        self._hidden = hidden
        self._waiting = ""

    def piece(self, text: str) -> str:
        """Return what can be shown now."""
        if not self._hidden:
            return text
        text = self._waiting + text
        settled = self._hidden.settled(text)
        self._waiting = text[settled:]
        return self._hidden.text(text[:settled])

    def rest(self) -> str:
        """Return what was held back: no more comes."""
        rest, self._waiting = self._waiting, ""
        return self._hidden.text(rest)


def _overlap(text: str, secret: str) -> int:
    longest = min(len(text), len(secret) - 1)
    return next((length for length in range(longest, 0, -1) if text.endswith(secret[:length])), 0)
