"""Lines are written by a thread of their own: whoever logs never waits for whoever reads."""

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
_BATCH = 1000


class Stream(Protocol):
    """Where lines go: `sys.stderr`, say."""

    def write(self, text: str, /) -> object:
        """Take text."""
        ...

    def flush(self) -> object:
        """Hand it on."""
        ...


class LogWriter(Generic[T]):
    """A live object: a bounded queue and the thread that empties it.

    `render` makes the line of an item, in that thread. Items are gathered for `gather_s` after the first one, so that
    the thread wakes seldom. When `limit` items wait, further ones are counted in `dropped`, and a line says so later.
    """

    def __init__(
        self, render: Callable[[T], str], stream: Stream, *, notice: Callable[[str], str], limit: int, gather_s: float
    ) -> None:
        self._render = render
        self._notice = notice
        self._stream = stream
        self._limit = limit
        self._gather_s = gather_s
        self._queue: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self.dropped = 0
        self._told = 0
        self._thread = threading.Thread(target=self._work, name="quorate-logs", daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Queue an item; under a microsecond, and never blocks."""
        if self._queue.qsize() >= self._limit:
            self.dropped += 1
        else:
            self._queue.put(item)

    def close(self, timeout_s: float) -> None:
        """Write what waits; gives up after `timeout_s`, when whoever reads has stopped reading."""
        self._ending.set()
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _work(self) -> None:
        more = True
        while more:
            batch = [self._queue.get()]
            self._ending.wait(self._gather_s)
            batch.extend(self._waiting())
            more = None not in batch
            self._write([item for item in batch if item is not None])

    def _waiting(self) -> Iterator[T | None]:
        for _ in range(min(self._queue.qsize(), _BATCH)):
            yield self._queue.get()

    def _write(self, items: list[T]) -> None:
        lines = [self._line(item) for item in items]
        dropped = self.dropped
        if dropped > self._told:
            lines.append(self._notice(f"{dropped - self._told} log lines were dropped: they are read too slowly"))
            self._told = dropped
        try:
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._stream.flush()
        except (OSError, ValueError):  # nobody reads any more, or the stream is closed; there is nowhere to say so
            self.dropped = self._told = self.dropped + len(items)

    def _line(self, item: T) -> str:
        try:
            return self._render(item)
        except Exception as error:  # noqa: BLE001 - a value whose repr fails, for one; the other lines are still good
            return self._notice(f"a log line could not be rendered: {type(error).__name__}")


class Enqueue(logging.Handler):
    """Passes records of the standard library on, with their message made: what it is made of may change."""

    def __init__(self, put: Callable[[logging.LogRecord], None], annotate: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._put = put
        self._annotate = annotate

    def createLock(self) -> None:  # noqa: N802 - the name is logging's
        """Need none: the queue has its own, and waiting for a lock would block the event loop."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Queue a record that passes the filters, without the lock: from Python 3.13 on logging takes it unseen."""
        passed = bool(self.filter(record))
        if passed:
            self.emit(record)
        return passed

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - wrong arguments of a log call; logging would print them, secrets included
            message = f"{record.msg} (logged with the wrong arguments)"
        record.msg, record.args = message, None
        self._annotate(record)
        self._put(record)
