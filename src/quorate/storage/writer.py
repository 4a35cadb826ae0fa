"""The one writer of runs: whoever asks never waits for the database, and no run is lost when it is away."""

import logging
import random
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Condition, Event, Lock, Thread
from typing import Final, Protocol, TypeAlias

import msgspec

from quorate.core.clock import Clock
from quorate.model.run import RunRecord
from quorate.storage.errors import is_refusal, reason_of
from quorate.storage.mended import mended
from quorate.storage.spill import Spill

_log = logging.getLogger("quorate")

MAX_BATCH: Final = 500
GATHER_S: Final = 0.05
#: After a batch of so many runs the next one is gathered for longer. A run in a large batch costs a quarter less, and
#: where they come like that nobody waits to see a single one.
MANY: Final = 50
GATHER_MANY_S: Final = 0.2
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
#: Kept texts that wait take at most so many characters of memory; beyond that runs wait without theirs.
MAX_WAITING_CHARACTERS: Final = 64_000_000
_JOIN_S = 1.0
_RUNS_IN_A_LINE = 50


class RunTable(Protocol):
    """Where runs go."""

    def insert(self, records: Sequence[RunRecord], /) -> None:
        """Write all or none; a run that is there already changes nothing."""
        ...


#: `None` in the queue only wakes the thread.
_Item: TypeAlias = RunRecord | None
Redact: TypeAlias = Callable[[str], str]


class RunWriter:
    """A live queue of runs and the thread that writes them.

    `reserve`, `put` and `release` belong to one thread, the event loop's, and never block; `flush` and `close` block.
    A place is taken before the work begins, so that whatever was let in is sure to be recorded.

    `written` runs are in the database; `failures` counts attempts that failed; `texts_dropped` runs lost their texts,
    for want of room or because they could not be redacted or stored; `refused` runs went to a file, because the
    database will not take them.
    """

    def __init__(
        self,
        store: RunTable,
        *,
        queue_size: int,
        redact: Redact | None,
        clock: Clock,
        spill: Spill,
        rng: random.Random | None = None,
    ) -> None:
        """Start the thread, which first takes in what an earlier process had to leave in `spill`.

        `redact` is applied to kept texts, on the writer's thread; `None` keeps them as they are.
        """
        self.written = 0
        self.failures = 0
        self.refused = 0
        self.texts_dropped = 0
        self._store = store
        self._queue_size = queue_size
        self._redact = redact
        self._clock = clock
        self._spill = spill
        self._rng = rng or random.Random()
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        # Each count has one thread that changes it, so that none needs a lock: here the event loop's...
        self._taken = 0
        self._put = 0
        self._put_characters = 0
        # ...and here the writer's.
        self._done = 0
        self._done_characters = 0
        self._away_since: float | None = None
        self._batch: list[RunRecord] = []
        self._moving = Lock()  # protects the step of a run from the queue to the batch
        self._progress = Condition()  # told after every batch
        self._hurry = Event()
        self._closing = Event()
        self._given_up = Event()
        self._thread = Thread(target=self._work, name="quorate-run-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many runs wait to be written."""
        return self._put - self._done

    @property
    def away_s(self) -> float:
        """For how many seconds the database has been away; 0 while it answers."""
        since = self._away_since
        return 0.0 if since is None else self._clock.monotonic() - since

    def reserve(self) -> bool:
        """Take a place for a run that will be recorded; `False` if there is none. Follow it by `put` or `release`."""
        if self._taken - self._done >= self._queue_size:
            return False
        self._taken += 1
        return True

    def release(self) -> None:
        """Give a place back that was not needed."""
        self._taken -= 1

    def put(self, record: RunRecord) -> None:
        """Hand over the record of a run, in the place that was reserved for it. Never blocks, never fails."""
        if record.prompt is not None or record.answer is not None:
            record = self._counted(record)
        self._put += 1
        self._queue.put(record)

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything that was put before is written; `False` if it is not after `timeout_s`. Blocking."""
        before = self._put
        self._hurry.set()
        self._queue.put(None)
        with self._progress:
            return self._progress.wait_for(lambda: self._done >= before, timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Write what waits and end the thread; what is not written after `timeout_s` goes to the spill file. Blocking.

        Returns whether all was written. Nothing may be put any more.
        """
        if self._given_up.is_set():
            return self.waiting == 0
        self._closing.set()
        self.flush(timeout_s)
        self._given_up.set()
        self._queue.put(None)
        # A thread that hangs in the driver ends with the process; what it holds goes to the file as well.
        self._thread.join(_JOIN_S)
        return self._leave() == 0

    def _counted(self, record: RunRecord) -> RunRecord:
        """Return the record with its texts counted as waiting, or without them if there is no room."""
        characters = _characters(record)
        if self._put_characters - self._done_characters + characters > MAX_WAITING_CHARACTERS:
            self.texts_dropped += 1
            return _without_texts(record)
        self._put_characters += characters
        return record

    def _work(self) -> None:
        self._take_in()
        gather_s = GATHER_S
        while not self._given_up.is_set():
            first = self._queue.get()  # costs nothing while nobody asks anything
            if not self._closing.is_set():
                self._hurry.wait(gather_s)
                self._hurry.clear()
            self._collect(first)
            gather_s = GATHER_S if len(self._batch) < MANY else GATHER_MANY_S
            while self._batch and not self._given_up.is_set():
                count = len(self._batch)
                if self._write():
                    self._settle(count)
                    self._collect()

    def _collect(self, first: _Item = None) -> None:
        """Move what waits, up to a batch, from the queue into the empty batch."""
        with self._moving:
            if first is not None:
                self._batch.append(first)
            while len(self._batch) < MAX_BATCH:
                try:
                    item = self._queue.get_nowait()
                except Empty:
                    break
                if item is not None:
                    self._batch.append(item)
            self._done_characters += sum(map(_characters, self._batch))

    def _settle(self, count: int) -> None:
        with self._progress:
            self._batch = []
            self._done += count
            self._progress.notify_all()

    def _write(self) -> bool:
        """Write the batch, however long the database is away; `False` if the writer was told to give up."""
        self._batch = [self._kept(run) for run in self._batch]
        pause_s = FIRST_PAUSE_S
        while not self._given_up.is_set():
            try:
                self._insert(self._batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, the runs must not be lost
                self._fail(error)
            else:
                self._away_since = None
                return True
            self._rest(pause_s * self._rng.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return False

    def _rest(self, pause_s: float) -> None:
        if self._closing.is_set():
            self._given_up.wait(min(pause_s, FIRST_PAUSE_S))
        else:
            self._closing.wait(pause_s)

    def _fail(self, error: Exception) -> None:
        if self._away_since is None:
            self._away_since = self._clock.monotonic()
            _log.warning("runs cannot be written, they wait: %s", reason_of(error))
        self.failures += 1  # last: another thread that sees the count finds the reason told

    def _insert(self, batch: Sequence[RunRecord]) -> None:
        """Write the batch, or each run by itself if one of them is refused. Raises while the database is away."""
        try:
            self._store.insert(batch)
        except Exception as error:
            if not is_refusal(error):
                raise
        else:
            self.written += len(batch)
            return
        refused = [run for run in batch if not self._insert_alone(run)]
        if refused:
            self._refuse(refused)
        self.written += len(batch) - len(refused)

    def _insert_alone(self, run: RunRecord) -> bool:
        for attempt in (run, mended(run)):
            try:
                self._store.insert([attempt])
            except Exception as error:
                if not is_refusal(error):
                    raise
                self.failures += 1
            else:
                self.texts_dropped += attempt is not run and _characters(run) > 0
                return True
        return False

    def _refuse(self, refused: Sequence[RunRecord]) -> None:
        # Without texts: in a file that waits for a person they would outlive their time.
        file = self._spill.keep(list(map(_without_texts, refused)), "refused")  # a full disk is one more reason to wait
        self.refused += len(refused)
        self.texts_dropped += sum(_characters(run) > 0 for run in refused)
        _log.error("the database refuses %d runs; they are kept in %s", len(refused), file)

    def _kept(self, run: RunRecord) -> RunRecord:
        """Return the run as it may be kept: texts redacted."""
        redact = self._redact
        if redact is None or (run.prompt is None and run.answer is None):
            return run
        try:
            prompt, answer = (None if text is None else redact(text) for text in (run.prompt, run.answer))
        except Exception:  # noqa: BLE001 - a text that cannot be redacted must not cost the run
            _log.exception("texts of a run could not be redacted; they are not kept")
            self.texts_dropped += 1
            return _without_texts(run)
        return msgspec.structs.replace(run, prompt=prompt, answer=answer)

    def _leave(self) -> int:
        """Put what is not written into a file, for the next start, and return how many runs.

        What a thread that hangs may write after all is there twice, which changes nothing.
        """
        with self._moving:
            left = list(self._batch)
            while True:
                try:
                    item = self._queue.get_nowait()
                except Empty:
                    break
                if item is not None:
                    left.append(item)
        if left:
            self._set_aside([self._kept(run) for run in left])
        return len(left)

    def _set_aside(self, left: Sequence[RunRecord]) -> None:
        """Put runs into a file, or, where there is no room for one either, into the log."""
        try:
            file = self._spill.keep(left)
        except OSError as error:
            _log.critical("%d runs could be kept nowhere (%s); they follow as log lines", len(left), reason_of(error))
            for begin in range(0, len(left), _RUNS_IN_A_LINE):
                part = [_without_texts(run) for run in left[begin : begin + _RUNS_IN_A_LINE]]
                _log.critical("runs that were not kept: %s", msgspec.json.encode(part).decode())
        else:
            _log.warning("%d runs could not be written; the next start takes them from %s", len(left), file)

    def _take_in(self) -> None:
        """Write what an earlier process left on disk."""
        for file in self._spill.waiting():
            try:
                runs, bad = self._spill.read(file)
                for begin in range(0, len(runs), MAX_BATCH):
                    self._batch = runs[begin : begin + MAX_BATCH]
                    if not self._write():
                        return
                self._spill.done(file, bad=bad)
            except OSError as error:
                _log.warning("%s cannot be read: %s", file, error)
            finally:
                self._batch = []


def _characters(run: RunRecord) -> int:
    return len(run.prompt or "") + len(run.answer or "")


def _without_texts(run: RunRecord) -> RunRecord:
    return msgspec.structs.replace(run, prompt=None, answer=None)
