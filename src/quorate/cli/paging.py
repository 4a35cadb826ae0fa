"""Pages of lists: whether another one follows."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def cursor_behind(
    found: Sequence[T], limit: int, cursor: Callable[[T], str], page: Callable[[int, str], Sequence[T]]
) -> str | None:
    """Return the cursor of the page that follows `found`; `None` if nothing does. Asks for one more row."""
    if len(found) < limit:
        return None
    behind = cursor(found[-1])
    return behind if page(1, behind) else None
