"""Lengths of time as people write them: `90s`, `12h`, `30d`."""

import re
from datetime import timedelta
from typing import Any

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(\d{1,6})([smhdw])")


def span(text: str) -> timedelta | None:
    """Return the length of time that `text` means, up to 999,999 of a unit; `None` if it is none."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        return None
    given: dict[str, Any] = {_UNITS[match[2]]: int(match[1])}
    return timedelta(**given)
