"""How long a provider asks us to wait, in each of the ways in which providers say it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
#: (prefix, suffix) of the headers that say when a used-up allowance is renewed: OpenAI and Groq; Anthropic.
_ALLOWANCES = (
    ("x-ratelimit-remaining-", "x-ratelimit-reset-", ("requests", "tokens")),
    (
        "anthropic-ratelimit-{}-remaining",
        "anthropic-ratelimit-{}-reset",
        ("requests", "tokens", "input-tokens", "output-tokens"),
    ),
)
#: Numbers above this are points in time (seconds, or milliseconds, since 1970), not durations.
_EPOCH_S = 1e9
_EPOCH_MS = 1e12


def retry_after_s(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Return the seconds to wait (>= 0), `None` if the headers do not say.

    `retry-after-ms`, then `Retry-After` in seconds or as an HTTP date (RFC 9110 section 10.2.3, compared with the
    response's own `Date` if there is one), then when the allowance that is used up is renewed.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is not None and (seconds := _delay(value, _http_date(headers.get("date")) or now)) is not None:
        return seconds
    waits = [wait for wait in _renewals(headers, now) if wait is not None]
    return max(waits, default=None)


def duration_s(text: str) -> float | None:
    """Return the seconds of `6m0s`, `120ms`, `7.66s`, `1d2h`; `None` for anything else."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return seconds if seconds < float("inf") else None


def _renewals(headers: Mapping[str, str], now: datetime) -> list[float | None]:
    found: list[float | None] = []
    for remaining, reset, kinds in _ALLOWANCES:
        for kind in kinds:
            left = headers.get(remaining.format(kind) if "{}" in remaining else remaining + kind)
            when = headers.get(reset.format(kind) if "{}" in reset else reset + kind)
            if when is not None and _number(left) == 0:
                found.append(_delay(when, now))
    if _number(headers.get("x-ratelimit-remaining")) == 0 and (when := headers.get("x-ratelimit-reset")):
        found.append(_delay(when, now))
    return found


def _delay(text: str, now: datetime) -> float | None:
    number = _number(text)
    if number is not None:
        if number > _EPOCH_MS:
            number /= 1000
        return max(0.0, number - now.timestamp()) if number > _EPOCH_S else number
    seconds = duration_s(text)
    if seconds is not None:
        return seconds
    date = _http_date(text) or _iso_date(text)
    return None if date is None else max(0.0, (date - now).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None


def _http_date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date is not None and date.tzinfo is None else date


def _iso_date(text: str) -> datetime | None:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
