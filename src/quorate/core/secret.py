"""Secrets that do not print themselves."""

import secrets
from collections.abc import Iterable
from typing import NoReturn


class Secret:
    """A string that shows as `***` wherever it is printed, logged or put into an error; `reveal()` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret text: call it only where it leaves for its provider."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled; pass a reference such as env:NAME instead")


def redact(text: str, known: Iterable[Secret]) -> str:
    """Return `text` with every occurrence of a secret (of 4 or more characters) replaced by `***`."""
    for secret in known:
        value = secret.reveal()
        if len(value) >= 4:  # noqa: PLR2004 - shorter strings would black out ordinary words
            text = text.replace(value, "***")
    return text


def new_nonce() -> str:
    """Return 128 random bits as text: what the author of an answer cannot guess."""
    return secrets.token_hex(16)
