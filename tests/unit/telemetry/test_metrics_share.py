"""Several workers, one answer: with real processes, some of which die."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.clock import SystemClock
from quorate.telemetry import names
from quorate.telemetry.families import FAMILIES, Kind
from quorate.telemetry.metrics import CallMetrics
from quorate.telemetry.metrics_share import SharedMetrics
from quorate.telemetry.snapshot import Snapshot, Spread, Value, merged
from run_records import run_record
from source_tree import ROOT

WORKER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from quorate.core.clock import SystemClock
from quorate.telemetry.metrics import CallMetrics
from quorate.telemetry.metrics_share import SharedMetrics
from run_records import run_record
metrics = CallMetrics(SystemClock(), models=["fast"])
metrics.in_flight = 1
for _ in range(int(sys.argv[2])):
    metrics.observe(run_record())
shared = SharedMetrics(metrics, Path(sys.argv[1]), every_s=0.05)
print("up", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        metrics.observe(run_record())
    shared.total()
    print("done", flush=True)
shared.close()
"""


@contextmanager
def worker(folder: Path, requests: int) -> Generator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", WORKER, str(folder), str(requests), str(ROOT / "tests/support")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        try:
            yield process
        finally:
            process.kill()


def say(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


def number(snapshot: Snapshot, name: str) -> float:
    return sum(value.value for value in snapshot.values if value.name == name)


@pytest.mark.subprocess
def test_the_sum_of_all_workers_and_of_those_that_died(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    metrics = CallMetrics(SystemClock(), models=["fast"])
    metrics.in_flight = 1
    metrics.observe(run_record())
    shared = SharedMetrics(metrics, folder, every_s=3600)
    try:
        with worker(folder, 10) as first, worker(folder, 100) as second:
            assert number(shared.total(), names.REQUESTS) == 111
            assert number(shared.total(), names.IN_FLIGHT) == 3
            say(first, "5")
            assert number(shared.total(), names.REQUESTS) == 116
            first.send_signal(signal.SIGKILL)
            first.wait()
            for _ in range(2):  # the first answer folds its numbers into the sum of the dead, the second reads that
                total = shared.total()
                assert number(total, names.REQUESTS) == 116
                assert number(total, names.COST_TOTAL) == 116 * 5
                assert number(total, names.IN_FLIGHT) == 2
            assert second.stdin is not None
            second.stdin.close()
            assert second.wait() == 0
        total = shared.total()
        assert number(total, names.REQUESTS) == 116
        assert number(total, names.IN_FLIGHT) == 1
        assert number(total, names.BUILD) == 1
        assert (
            b'quorate_requests_total{model="fast",operation="chat",state="finished",status="2xx"} 116.0'
            in (shared.render()[0])
        )
        assert len(list(folder.glob("*.numbers"))) == 1
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        shared.close()


def test_numbers_are_written_again_and_again_even_after_a_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "metrics"
    metrics = CallMetrics(SystemClock(), models=["fast"])
    writing = SharedMetrics(metrics, folder, every_s=0.01)
    away = tmp_path / "away"
    folder.rename(away)
    wait_until(lambda: "could not be written" in caplog.text)
    away.rename(folder)
    asked = SharedMetrics(CallMetrics(SystemClock()), folder, every_s=3600)
    metrics.observe(run_record())
    wait_until(lambda: number(asked.total(), names.REQUESTS) == 1)
    writing.close()
    asked.close()


def test_whatever_a_write_meets_the_next_ones_go_on_and_it_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = CallMetrics(SystemClock(), models=["fast"])
    reads: list[float] = []

    def waiting() -> float:
        reads.append(0.0)
        return 0.0

    metrics.watch(names.RECORDS_WAITING, waiting)
    writing = SharedMetrics(metrics, tmp_path / "metrics", every_s=0.01)
    asked = SharedMetrics(CallMetrics(SystemClock()), tmp_path / "metrics", every_s=3600)
    metrics.in_flight = 10**30  # no file takes it
    wait_until(lambda: "could not be written" in caplog.text)
    before = len(reads)
    wait_until(lambda: len(reads) > before + 3)
    assert len(caplog.records) == 1
    metrics.in_flight = 7
    wait_until(lambda: number(asked.total(), names.IN_FLIGHT) == 7)
    writing.close()
    asked.close()


def wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not done():
        assert time.monotonic() < until, "did not happen within 10 s"
        time.sleep(0.01)


def test_a_sum_never_goes_down_between_two_answers(tmp_path: Path) -> None:
    # Whoever is asked second knows at least what the first one has shown.
    first_metrics, second_metrics = (CallMetrics(SystemClock(), models=["fast"]) for _ in range(2))
    first = SharedMetrics(first_metrics, tmp_path / "metrics", every_s=3600)
    second = SharedMetrics(second_metrics, tmp_path / "metrics", every_s=3600)
    shown = 0.0
    for asked in (first, second, second, first) * 3:
        first_metrics.observe(run_record())
        second_metrics.observe(run_record())
        now = number(asked.total(), names.REQUESTS)
        assert now > shown
        shown = now
    first.close()
    assert number(second.total(), names.REQUESTS) == 24
    second.close()


def test_files_of_another_version_or_torn_ones_are_left_out(tmp_path: Path) -> None:
    shared = SharedMetrics(CallMetrics(SystemClock()), tmp_path, every_s=3600)
    (tmp_path / "x.numbers").write_bytes(b"\x93")
    (tmp_path / "retired.sum").write_bytes(b"nonsense")
    assert number(shared.total(), names.BUILD) == 1
    shared.close()
    shared.close()


def test_unknown_metrics_and_other_buckets_are_not_mixed_in() -> None:
    odd = Snapshot(
        values=(Value(name="gone", labels=(), value=1), Value(name=names.REQUESTS, labels=("chat",), value=1)),
        spreads=(Spread(name=names.AGREEMENT, labels=("m", "k"), counts=(1, 2), total=1.0),),
    )
    assert merged([odd]) == Snapshot()


COUNTER = st.builds(
    Value,
    name=st.sampled_from([name for name, family in FAMILIES.items() if family.kind is not Kind.HISTOGRAM]),
    labels=st.just(()),
    value=st.integers(0, 10**6).map(float),
).map(lambda value: Value(name=value.name, labels=("x",) * len(FAMILIES[value.name].labels), value=value.value))
SNAPSHOTS = st.lists(st.builds(Snapshot, values=st.lists(COUNTER, max_size=8).map(tuple)), max_size=5)


def as_dict(snapshot: Snapshot) -> dict[str, float]:
    return {value.name: value.value for value in snapshot.values}


@given(SNAPSHOTS)
def test_the_order_of_workers_makes_no_difference(snapshots: list[Snapshot]) -> None:
    together = as_dict(merged(snapshots))
    assert as_dict(merged(reversed(snapshots))) == together
    assert as_dict(merged([merged(snapshots[:2]), merged(snapshots[2:])])) == together
