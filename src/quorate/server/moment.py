"""Times as requests give them."""

from datetime import UTC, datetime

from quorate.core.errors import InvalidRequest


def utc(moment: datetime, param: str) -> datetime:
    """Return the time in UTC. Raises `InvalidRequest` for one without a zone, or outside the years 1 to 9999 there."""
    if moment.tzinfo is None:
        raise InvalidRequest(f"{param} is {moment.isoformat()!r}; add the time zone, e.g. Z", param=param)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(
            f"{param} is {moment.isoformat()!r}, which no year of UTC holds; give another time", param=param
        ) from None
