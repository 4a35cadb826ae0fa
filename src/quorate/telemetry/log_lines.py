"""How a log line looks: JSON for programs, text for people. One record is one line, whatever its text holds."""

import logging
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import JSONRenderer, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

from quorate.telemetry.one_line import indented, one_line

Fields = MutableMapping[str, Any]


def formatter(*, json: bool, redact: Callable[[str], str]) -> logging.Formatter:
    """Return what turns a record of the standard library into a line; an exception is part of the line or below it."""
    shared = [add_log_level, add_logger_name, _timestamp, ExtraAdder()]
    last: list[Any] = [ProcessorFormatter.remove_processors_meta, format_exc_info]
    if json:
        last += [JSONRenderer(_json)]
    else:
        # Redacted before it is escaped: afterwards a secret of several lines is no longer what it was.
        last += [_Harmless(redact), ConsoleRenderer(colors=False, exception_formatter=plain_traceback, pad_event_to=0)]
    rendered = ProcessorFormatter(processors=last, foreign_pre_chain=shared)
    return _Redacted(rendered, redact)


class _Redacted(logging.Formatter):
    def __init__(self, inner: logging.Formatter, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._inner = inner
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(self._inner.format(record))


class _Harmless:
    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact

    def __call__(self, _logger: object, _method: str, fields: Fields) -> Fields:
        return {one_line(name): self._text(name, value) for name, value in fields.items()}

    def _text(self, name: str, value: object) -> str:
        text = self._redact(value if isinstance(value, str) else repr(value))
        return indented(text) if name == "exception" else one_line(text)


def _timestamp(_logger: object, _method: str, fields: Fields) -> Fields:
    record: logging.LogRecord = fields["_record"]
    fields["timestamp"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return fields


def _json(fields: Fields, **_settings: object) -> str:
    # In JSON, a control character can only stand inside a string, where an escape means the same.
    return one_line(msgspec.json.encode(fields, enc_hook=repr).decode())
