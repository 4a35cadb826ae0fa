"""Values that are kept for a time, as many as there is room for."""

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class BoundedCache(Generic[V]):
    """Values by key, of this process; a live object.

    The least recently used goes first when entries or the sum of their sizes become too many. What a size is, is up to
    whoever puts. Moments (`now_s`, `until_s`) are seconds of one clock.
    """

    __slots__ = ("_entries", "_max_entries", "_max_size", "_size")

    def __init__(self, *, max_entries: int, max_size: int) -> None:
        self._max_entries = max_entries
        self._max_size = max_size
        self._entries: OrderedDict[str, tuple[V, int, float | None]] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """The sum of the sizes of what is kept."""
        return self._size

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str, now_s: float) -> V | None:
        """Return what was put under a key, if it still holds; that counts as a use."""
        if (found := self._entries.get(key)) is None:
            return None
        value, _, until_s = found
        if until_s is not None and now_s >= until_s:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return value

    def put(self, key: str, value: V, *, size: int, until_s: float | None = None) -> None:
        """Keep a value in place of an older one, until a moment or as long as there is room.

        One that is larger than the whole cache is not kept.
        """
        if key in self._entries:
            self._drop(key)
        if size > self._max_size:
            return
        self._entries[key] = (value, size, until_s)
        self._size += size
        while self._size > self._max_size or len(self._entries) > self._max_entries:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        self._size -= self._entries.pop(key)[1]
