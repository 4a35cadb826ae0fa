"""Secrets of a run, taken out of everything that is kept or shown."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from quorate.core.secret import Secret

#: Shorter ones would black out ordinary words.
_LEAST = 6
_SHOWN = "***"


class Hidden:
    """Replaces the exact values of secrets (of 6 or more characters) by `***`, wherever they stand in plain data."""

    __slots__ = ("_values",)

    def __init__(self, secrets: Iterable[Secret]) -> None:
        values = {secret.reveal() for secret in secrets}
        # The longest first: one secret may be the beginning of another.
        self._values = sorted((value for value in values if len(value) >= _LEAST), key=len, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._values)

    def text(self, text: str) -> str:
        """Return a text without them."""
        for value in self._values:
            text = text.replace(value, _SHOWN)
        return text

    def data(self, value: Any) -> Any:
        """Return plain data without them, keys included; the same object if there are no secrets."""
        return self._data(value) if self._values else value

    def _data(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            entries = cast("Mapping[str, Any]", value)
            return {self.text(key): self._data(entry) for key, entry in entries.items()}
        if isinstance(value, list | tuple):
            return [self._data(entry) for entry in cast("list[Any]", value)]
        return value
