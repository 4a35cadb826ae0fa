"""What a provider says about its own error, in whichever of the known shapes it says it."""

import re
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from quorate.providers.loose_json import as_list, as_object, as_text
from quorate.providers.retry_after import duration_s
from quorate.wire.open import JsonObject

_MAX_MESSAGE = 1000
_MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.DOTALL | re.IGNORECASE)
_SPACES = re.compile(r"\s+")
#: Keys whose values are words for the kind of error, most specific last.
_CODE_KEYS = ("status", "type", "code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An error as the provider tells it.

    `codes` are its words for the kind of error, most specific last; `retry_delay_s` is a wait named in the body.
    `status` is the HTTP status, or the one in the body of a 200.
    """

    status: int
    message: str
    codes: tuple[str, ...] = ()
    retry_delay_s: float | None = None

    @property
    def code(self) -> str | None:
        """The most specific word, `None` if there is none."""
        return self.codes[-1] if self.codes else None


def read_fault(status: int, body: bytes) -> Fault:
    """Return the fault in `body`: JSON of any known shape, HTML, plain text or nothing."""
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Fault(status=status, message=_plain(body))
    return fault_in(status, value)


def fault_in(status: int, value: object) -> Fault:
    """Return the fault in a decoded body, or in the first element of a list of them.

    The shapes: `{"error": {...}}`, `{"error": "..."}`, `{"detail": ...}`, `{"message": ...}`.
    """
    if isinstance(value, list):
        items = cast("list[object]", value)
        return fault_in(status, items[0]) if items else Fault(status=status, message="")
    if not isinstance(value, dict):
        return Fault(status=status, message="" if value is None else _cut(str(value)))
    outer = cast("JsonObject", value)
    inner = outer.get("error", outer.get("detail", outer))
    if isinstance(inner, dict):
        return _object_fault(status, cast("JsonObject", inner))
    return Fault(status=status, message=_cut(_text(inner)), codes=_codes(outer))


def _object_fault(status: int, error: JsonObject) -> Fault:
    details = as_list(error.get("details"))
    code = error.get("code")
    in_body = code if status < 400 and isinstance(code, int) and 400 <= code < 600 else status  # noqa: PLR2004 - HTTP
    message = error.get("message") or error.get("detail") or error
    return Fault(
        status=in_body,
        message=_cut(_text(message) + _metadata_reason(error.get("metadata"))),
        codes=(*_codes(error), *_inner_codes(error), *_detail_codes(details)),
        retry_delay_s=_retry_delay(details),
    )


def _codes(error: JsonObject) -> tuple[str, ...]:
    words = (error.get(key) for key in _CODE_KEYS)
    return tuple(word for word in words if isinstance(word, str) and word and word != "error")


def _inner_codes(error: JsonObject) -> tuple[str, ...]:
    """Azure's `innererror.code`; OpenRouter's moderation, which it tells by its metadata only."""
    codes: list[str] = []
    if word := as_text(as_object(error.get("innererror")), "code"):
        codes.append(word)
    if {"reasons", "flagged_input"} & as_object(error.get("metadata")).keys():
        codes.append("moderation")
    return tuple(codes)


def _detail_codes(details: list[JsonObject]) -> tuple[str, ...]:
    """Google's `ErrorInfo.reason`, and a word for a quota that is counted by the day."""
    codes = [reason for detail in details if isinstance(reason := detail.get("reason"), str)]
    violations = [violation for detail in details for violation in as_list(detail.get("violations"))]
    if any("PerDay" in as_text(violation, "quotaId") for violation in violations):
        codes.append("daily_quota")
    return tuple(codes)


def _retry_delay(details: list[JsonObject]) -> float | None:
    delays = (detail.get("retryDelay") for detail in details)
    return next((duration_s(delay) for delay in delays if isinstance(delay, str)), None)


def _metadata_reason(metadata: object) -> str:
    """Return what OpenRouter passes on from the provider behind it."""
    found = as_object(metadata)
    listed: object = found.get("reasons")
    reasons = ", ".join(map(str, cast("list[object]", listed))) if isinstance(listed, list) else ""
    raw = as_text(found, "raw")
    return (f" ({reasons})" if reasons else "") + (f": {raw}" if raw else "")


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _plain(body: bytes) -> str:
    text = body[: 16 * _MAX_MESSAGE].decode("utf-8", "replace")
    if "<" in text:
        title = _TITLE.search(text)
        text = title.group(1) if title else _MARKUP.sub(" ", text)
    return _cut(text)


def _cut(text: str) -> str:
    text = _SPACES.sub(" ", text).strip()
    return text if len(text) <= _MAX_MESSAGE else text[:_MAX_MESSAGE] + "..."
