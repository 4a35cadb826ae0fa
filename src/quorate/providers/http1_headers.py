"""The headers of a response, looked up without regard to case; the first of several with one name counts."""

from collections.abc import Iterator, Mapping


class Headers(Mapping[str, str]):
    """Reads what the parser found, `fields` by lower-case name. Values are decoded when they are asked for."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[bytes, bytes]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        value = self._fields[name.lower().encode()].rstrip(b" \t")  # no part of it, and llhttp leaves it there
        return value.decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("ascii") for name in self._fields)

    def __len__(self) -> int:
        return len(self._fields)
