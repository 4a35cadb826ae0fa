"""The queue of runs and its thread, before a table that does as it is told."""

import asyncio
import logging
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DataError, OperationalError

from quorate.core.clock import ManualClock
from quorate.model.event import State
from quorate.model.run import RunRecord
from quorate.storage import writer as writer_module
from quorate.storage.spill import Spill
from quorate.storage.writer import Redact, RunWriter


def run(number: int, *, prompt: str | None = None) -> RunRecord:
    return RunRecord(
        id=f"run_{number:04}",
        tenant="t",
        key_id=None,
        request_id="r",
        operation="chat",
        model="m",
        mode="single",
        state=State.FINISHED,
        status=200,
        stream=False,
        started_at_s=1.0,
        finished_at_s=2.0,
        prompt=prompt,
    )


class Table:
    """Keeps runs by id; the next writes fail as told."""

    def __init__(self, failures: Sequence[Exception] = ()) -> None:
        self.rows: dict[str, RunRecord] = {}
        self.batches: list[int] = []
        self._failures = list(failures)
        self.open = threading.Event()
        self.open.set()

    def insert(self, records: Sequence[RunRecord]) -> None:
        self.open.wait(10)
        if self._failures:
            raise self._failures.pop(0)
        self.batches.append(len(records))
        for record in records:
            self.rows.setdefault(record.id, record)


AWAY = OperationalError("INSERT", None, Exception("away"))
REFUSED = DataError("INSERT", None, Exception("refused"))
Start = Callable[..., RunWriter]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "GATHER_S", 0.002)
    monkeypatch.setattr(writer_module, "GATHER_MANY_S", 0.004)
    monkeypatch.setattr(writer_module, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(writer_module, "LONGEST_PAUSE_S", 0.002)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[RunWriter] = []

    def make(table: Table, *, queue_size: int = 100, redact: Redact | None = None, folder: str = "spill") -> RunWriter:
        clock = ManualClock()
        writer = RunWriter(
            table,
            queue_size=queue_size,
            redact=redact,
            clock=clock,
            spill=Spill(tmp_path / folder, name="db", clock=clock),
            rng=random.Random(1),
        )
        started.append(writer)
        return writer

    yield make
    for writer in started:
        writer.close(5)


def put(writer: RunWriter, *records: RunRecord) -> None:
    for record in records:
        assert writer.reserve()
        writer.put(record)


def test_where_runs_come_many_at_a_time_the_next_batch_is_gathered_for_longer(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "GATHER_S", 0.2)
    monkeypatch.setattr(writer_module, "GATHER_MANY_S", 30)
    table = Table()
    writer = start(table)
    put(writer, *(run(number) for number in range(writer_module.MANY)))
    until_s = time.monotonic() + 5
    while not table.batches and time.monotonic() < until_s:
        time.sleep(0.01)  # the writer's thread tells nobody when a batch begins to be gathered
    assert table.batches == [writer_module.MANY]
    put(writer, run(writer_module.MANY))
    time.sleep(0.5)  # more than a short gathering takes: it would have been written by now
    assert len(table.batches) == 1
    assert writer.flush(5)  # whoever waits is not kept waiting
    assert table.batches == [writer_module.MANY, 1]


async def test_nothing_on_the_event_loop_blocks(start: Start) -> None:
    table = Table()
    table.open.clear()
    writer = start(table, queue_size=2)
    assert writer.reserve()
    writer.put(run(1, prompt="p"))
    assert writer.reserve()
    assert not writer.reserve()
    writer.release()
    assert writer.reserve()
    writer.put(run(2))
    assert writer.waiting == 2
    table.open.set()
    assert await asyncio.to_thread(writer.flush, 5)
    assert writer.reserve()


def test_places_are_free_again_when_runs_are_written(start: Start) -> None:
    writer = start(Table(), queue_size=3)
    for begin in range(0, 30, 3):
        put(writer, *(run(number) for number in range(begin, begin + 3)))
        assert writer.flush(5)
    assert writer.written == 30


def test_what_waits_is_written_together(start: Start) -> None:
    table = Table()
    table.open.clear()
    writer = start(table, queue_size=2000)
    put(writer, *(run(number) for number in range(1200)))
    table.open.set()
    assert writer.flush(5)
    assert len(table.rows) == 1200
    assert len(table.batches) <= 5
    assert max(table.batches) <= 500


@pytest.mark.timeout(60)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    fates=st.lists(st.sampled_from([AWAY, REFUSED, OSError("away"), ValueError("refused")]), max_size=12),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5),
)
def test_no_run_is_lost_whatever_happens(
    start: Start, tmp_path: Path, fates: list[Exception], sizes: list[int]
) -> None:
    table = Table(fates)
    folder = f"spill-{time.monotonic_ns()}"
    writer = start(table, folder=folder)
    number = 0
    for size in sizes:
        put(writer, *(run(number + each) for each in range(size)))
        number += size
        time.sleep(0.001)
    assert writer.close(10)
    refused = {run_id for file in (tmp_path / folder).glob("refused-*") for run_id in _ids(file)}
    assert set(table.rows) | refused == {run(each).id for each in range(number)}
    assert len(table.rows) + len(refused) == number == writer.written + writer.refused
    assert writer.waiting == 0


def _ids(file: Path) -> list[str]:
    return [line.partition(b'"id":"')[2][:8].decode() for line in file.read_bytes().splitlines()]


def test_a_database_that_is_away_is_told_once(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "quorate"):
        writer = start(Table([AWAY] * 5))
        put(writer, run(1))
        assert writer.flush(5)
    assert (writer.failures, writer.written, writer.away_s) == (5, 1, 0.0)
    assert [record.message for record in caplog.records] == [
        "runs cannot be written, they wait: OperationalError: away"
    ]


def test_a_failure_is_told_before_it_is_counted(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    counted: list[int] = []

    class Counted(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            counted.append(writer.failures)
            return record.levelno == logging.WARNING

    with caplog.filtering(Counted()), caplog.at_level(logging.WARNING, "quorate"):
        writer = start(Table([AWAY] * 5))
        put(writer, run(1))
        assert writer.flush(5)
    assert (counted, writer.failures) == ([0], 5)


def test_texts_go_first_when_there_is_no_room(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_WAITING_CHARACTERS", 10)
    table = Table()
    table.open.clear()
    writer = start(table)
    put(writer, run(1, prompt="123456"), run(2, prompt="123456"), run(3, prompt="1234"))
    table.open.set()
    assert writer.flush(5)
    assert [table.rows[run(number).id].prompt for number in (1, 2, 3)] == ["123456", None, "1234"]
    assert writer.texts_dropped == 1
    put(writer, run(4, prompt="1234567890"))
    assert writer.flush(5)
    assert table.rows[run(4).id].prompt == "1234567890"


def test_a_text_that_cannot_be_redacted_is_not_kept(start: Start) -> None:
    def redact(text: str) -> str:
        raise RuntimeError(text)

    table = Table()
    writer = start(table, redact=redact)
    put(writer, run(1, prompt="secret"), run(2))
    assert writer.flush(5)
    assert [row.prompt for row in table.rows.values()] == [None, None]
    assert writer.texts_dropped == 1


def gone(text: str) -> str:
    return "[gone]"


def test_what_is_left_at_the_end_is_redacted_as_well(start: Start, tmp_path: Path) -> None:
    table = Table()
    table.open.clear()
    writer = start(table, redact=gone)
    put(writer, run(1, prompt="secret"))
    time.sleep(0.05)
    put(writer, run(2, prompt="secret"))
    assert not writer.close(0.05)
    table.open.set()
    (file,) = (tmp_path / "spill").glob("unwritten-*")
    assert sorted(_ids(file)) == [run(1).id, run(2).id]
    assert b"secret" not in file.read_bytes()


def test_a_file_for_a_person_holds_no_texts(start: Start, tmp_path: Path) -> None:
    writer = start(Table([REFUSED] * 3))
    put(writer, run(1, prompt="what was asked"))
    assert writer.flush(5)
    assert (writer.refused, writer.texts_dropped) == (1, 1)
    (file,) = (tmp_path / "spill").glob("refused-*")
    assert _ids(file) == [run(1).id]
    assert b"what was asked" not in file.read_bytes()


def test_runs_that_no_file_takes_either_are_told_in_the_log(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spill").write_text("a file where the folder should be")
    table = Table([AWAY] * 1000)
    writer = start(table)
    put(writer, *(run(number, prompt="what was asked") for number in range(60)))
    with caplog.at_level(logging.CRITICAL, "quorate"):
        assert not writer.close(0.05)
    first, *lines = (record.getMessage() for record in caplog.records)
    assert first == "60 runs could be kept nowhere (FileExistsError: File exists); they follow as log lines"
    told = [each for line in lines for each in msgspec.json.decode(line.partition(": ")[2], type=list[RunRecord])]
    assert sorted(each.id for each in told) == [run(number).id for number in range(60)]
    assert {each.prompt for each in told} == {None}


def test_a_file_that_does_not_fit_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        Spill(tmp_path, name="db", clock=ManualClock()).keep([run(1)])
    assert not list(tmp_path.iterdir())


def test_the_thread_sleeps_while_nothing_is_asked(start: Start) -> None:
    others = set(threading.enumerate())
    writer = start(Table())
    put(writer, run(1))
    assert writer.flush(5)
    time.sleep(0.05)
    # In the wait of the queue itself, which has no Python frame: a thread that polled would be seen elsewhere at times.
    (thread,) = (each for each in set(threading.enumerate()) - others if each.name == "quorate-run-writer")
    for _ in range(50):
        frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage] - documented, in spite of its name
        assert frames[thread.ident or 0].f_code.co_name == "_work"
        time.sleep(0.001)


def test_closing_twice_and_asking_after_it_do_no_harm(start: Start) -> None:
    writer = start(Table())
    put(writer, run(1))
    assert writer.close(5)
    assert writer.close(5)
    assert writer.flush(5)


def test_lines_that_are_no_runs_are_kept_for_a_person(start: Start, tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", name="db", clock=ManualClock())
    file = spill.keep([run(1), run(2)])
    file.write_bytes(file.read_bytes().replace(b'{"id":"run_0001"', b'{"id":', 1) + b"\xff\n")
    table = Table()
    writer = start(table)
    put(writer, run(3))
    assert writer.flush(5)
    assert set(table.rows) == {run(2).id, run(3).id}
    assert spill.waiting() == []
    assert len(list((tmp_path / "spill").glob("refused-*"))) == 1
