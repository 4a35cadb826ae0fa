"""Failed attempts are counted by prefix and address, and forgiven."""

from quorate.access.lockout import FAILURES, FAILURES_OF_ADDRESS, MOST_REMEMBERED, Lockout
from quorate.core.clock import ManualClock


def fail(lockout: Lockout, times: int, prefix: str = "none", address: str = "192.0.2.1") -> list[float | None]:
    return [lockout.failed(prefix, address) for _ in range(times)]


def test_twenty_failures_are_free_then_one_waits_a_minute() -> None:
    clock = ManualClock()
    lockout = Lockout(clock)
    assert fail(lockout, FAILURES) == [None] * FAILURES
    assert fail(lockout, 2) == [60.0, 60.0]
    clock.advance(45)
    assert fail(lockout, 1) == [15.0]
    clock.advance(15)
    assert fail(lockout, FAILURES) == [None] * FAILURES


def test_slow_failures_are_free() -> None:
    clock = ManualClock()
    lockout = Lockout(clock)
    for _ in range(5 * FAILURES):
        assert lockout.failed("none", "a") is None
        clock.advance(4)


def test_other_prefixes_and_addresses_do_not_wait() -> None:
    lockout = Lockout(ManualClock())
    fail(lockout, FAILURES + 1)
    assert fail(lockout, 1, prefix="qk_abcdefgh") == [None]
    assert fail(lockout, 1, address="192.0.2.2") == [None]


def test_a_new_prefix_each_time_gains_little() -> None:
    lockout = Lockout(ManualClock())
    waits = [lockout.failed(f"qk_{number:08}", "192.0.2.1") for number in range(FAILURES_OF_ADDRESS + 5)]
    assert waits == [None] * FAILURES_OF_ADDRESS + [60.0] * 5


def test_memory_is_bounded_and_the_oldest_is_forgotten() -> None:
    lockout = Lockout(ManualClock())
    fail(lockout, FAILURES, address="kept")
    for number in range(MOST_REMEMBERED):
        lockout.failed("none", str(number))
    assert len(lockout) == MOST_REMEMBERED
    assert fail(lockout, 1, address="kept") == [None]
