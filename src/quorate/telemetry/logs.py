"""Log lines on stderr: those of every library and one for each request, through one pipeline that knows the secrets."""

import logging
import sys
from collections.abc import Iterable
from contextvars import ContextVar, Token

from quorate.core.clock import Clock
from quorate.core.lazy import lazy_property
from quorate.core.secret import Secret
from quorate.model.run import RunRecord
from quorate.telemetry.log_writer import Enqueue, LogWriter, Stream
from quorate.telemetry.one_line import one_line
from quorate.telemetry.redaction import Redactor
from quorate.telemetry.request_log import RequestLine, as_json, as_text

#: Lines that may wait to be written.
MAX_WAITING = 10_000
#: The thread that writes wakes at most so often.
_GATHER_S = 0.02
_REQUEST_ID: ContextVar[str | None] = ContextVar("quorate_request_id", default=None)
Item = logging.LogRecord | RequestLine


def begin_request(request_id: str) -> Token[str | None]:
    """Put `request_id` into every line that is logged from here on in this task and those it starts."""
    return _REQUEST_ID.set(request_id)


class Logs:
    """A live object: the pipeline from the root logger to the stream; `close` puts back what was there before.

    `json` chooses the format; see `configure_logs`.
    """

    def __init__(
        self, stream: Stream, *, json: bool, level: int, redact: Redactor, limit: int, gather_s: float
    ) -> None:
        self._json = json
        self._redact = redact
        self.writer = LogWriter[Item](self._render, stream, notice=self._notice, limit=limit, gather_s=gather_s)
        self._handler = Enqueue(self.writer.put, _annotate)
        root = logging.getLogger()
        self._before = (root.level, root.handlers[:])
        root.handlers = [self._handler]
        root.setLevel(level)
        _let_through()
        logging.captureWarnings(capture=True)

    @property
    def dropped(self) -> int:
        """Lines that were not written."""
        return self.writer.dropped

    def close(self, timeout_s: float) -> None:
        """Write what waits, for at most `timeout_s`, and let go of the root logger."""
        logging.captureWarnings(capture=False)
        root = logging.getLogger()
        if self._handler in root.handlers:
            level, root.handlers = self._before
            root.setLevel(level)
        self.writer.close(timeout_s)

    @lazy_property
    def _formatter(self) -> logging.Formatter:
        # slow: 50 ms, in the thread that writes, when the first line of a library comes
        from quorate.telemetry.log_lines import formatter  # noqa: PLC0415

        return formatter(json=self._json, redact=self._redact)

    def _render(self, item: Item) -> str:
        if isinstance(item, RequestLine):
            return self._redact(one_line(as_json(item) if self._json else as_text(item)))
        return self._formatter.format(item)

    def _notice(self, text: str) -> str:
        record = logging.LogRecord("quorate.logs", logging.WARNING, "", 0, text, None, None)
        return self._formatter.format(record)


class RequestLog:
    """One line for each request. The caller pays under a microsecond; the thread that writes, about 10 us."""

    __slots__ = ("_clock", "_put")

    def __init__(self, logs: Logs, clock: Clock) -> None:
        self._put = logs.writer.put
        self._clock = clock

    def line(self, record: RunRecord, *, route: str, client: str = "") -> None:
        """Write the line of a request that has a record; `route` is the pattern of its path."""
        self._put(
            RequestLine(
                ended_at_s=record.finished_at_s,
                request_id=record.request_id,
                route=route,
                status=record.status,
                client=client,
                record=record,
            )
        )

    def plain(self, *, request_id: str, route: str, status: int, client: str = "", code: str | None = None) -> None:
        """Write the line of a request without a record: refused, or not a question to a model."""
        ended_at_s = self._clock.unix_s()
        self._put(
            RequestLine(
                ended_at_s=ended_at_s, request_id=request_id, route=route, status=status, client=client, code=code
            )
        )


def configure_logs(
    log_format: str,
    level: str,
    secrets: Iterable[Secret],
    *,
    stream: Stream | None = None,
    limit: int = MAX_WAITING,
    gather_s: float = _GATHER_S,
) -> Logs:
    """Send every log line of the process to `stream` (stderr): `json` or `text`, of at least `level`.

    Known secrets and what looks like a key is replaced in every line, those of exceptions included. Handlers that other
    libraries have put on their loggers are taken off. Raises `ValueError` for a format or level that does not exist.
    """
    if log_format not in {"json", "text"}:
        raise ValueError(f"the log format is {log_format!r}; use json or text")
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"the log level is {level!r}; use debug, info, warning or error")
    return Logs(
        sys.stderr if stream is None else stream,
        json=log_format == "json",
        level=number,
        redact=Redactor(secrets),
        limit=limit,
        gather_s=gather_s,
    )


def _let_through() -> None:
    for logger in tuple(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True


def _annotate(record: logging.LogRecord) -> None:
    if (request_id := _REQUEST_ID.get()) is not None:
        record.request_id = request_id
