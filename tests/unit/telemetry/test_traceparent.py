"""W3C trace context: strict in what is read, right in what is written."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.model.call import TraceContext
from quorate.telemetry.traceparent import (
    TraceParent,
    new_traceparent,
    parse_traceparent,
    parse_tracestate,
    read_trace,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


def test_reads_the_recommendations_own_example() -> None:
    assert parse_traceparent(GOOD) == TraceParent(trace_id=TRACE, span_id=SPAN, flags=1)


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", GOOD),
        (f"cc-{TRACE}-{SPAN}-01", GOOD),
        (f"00-{TRACE}-{SPAN}-09", GOOD),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f"00-{TRACE}-{SPAN}-03", f"00-{TRACE}-{SPAN}-03"),
    ],
)
def test_later_versions_and_unknown_flags(header: str, kept: str) -> None:
    assert str(parse_traceparent(header)) == kept


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"00-{TRACE}-{SPAN}-01-extra",
        f"00-{TRACE}-{SPAN}-01-",
        f"cc-{TRACE}-{SPAN}-01.what",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"0-{TRACE}-{SPAN}-01",
        f" {GOOD}",
        f"{GOOD}\n",
        f"{GOOD},{GOOD}",
        GOOD.replace("4", "\u0664"),
    ],
)
def test_malformed_is_ignored(header: str | None) -> None:
    assert parse_traceparent(header) is None
    assert read_trace(header, "a=1") is None


@given(st.text(alphabet="0123456789abcdefABCDEF-g \n", max_size=60) | st.text(max_size=60))
def test_whatever_is_accepted_is_written_in_a_form_that_is_accepted(header: str) -> None:
    found = parse_traceparent(header)
    if found is not None:
        assert parse_traceparent(str(found)) == found
        assert set(found.trace_id) <= set(string.hexdigits.lower())


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 3))
def test_written_and_read_again_is_the_same(trace: int, span: int, flags: int) -> None:
    place = TraceParent(trace_id=f"{trace:032x}", span_id=f"{span:016x}", flags=flags)
    assert parse_traceparent(str(place)) == place
    assert place.sampled == bool(flags & 1)


@given(st.integers(), st.booleans())
def test_new_ids_are_well_formed_and_a_child_stays_in_its_trace(seed: int, sampled: bool) -> None:
    ids = random.Random(seed)
    root = new_traceparent(ids, sampled=sampled)
    child = root.child(ids)
    assert parse_traceparent(str(root)) == root
    assert parse_traceparent(str(child)) == child
    assert (child.trace_id, child.flags) == (root.trace_id, root.flags)
    assert root.sampled is sampled


def test_an_id_of_zeros_is_drawn_again() -> None:
    class Zeros(random.Random):
        drawn = 0

        def getrandbits(self, k: int, /) -> int:
            self.drawn += 1
            return 0 if self.drawn % 2 else 5

    assert new_traceparent(Zeros(), sampled=True).trace_id == f"{5:032x}"


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        ("a=1 , b=2,,\tc=3", "a=1,b=2,c=3"),
        ("fw529a3039@dt=FfAxMjMgNDU2", "fw529a3039@dt=FfAxMjMgNDU2"),
        ("a=with space", "a=with space"),
        ("", ""),
        (None, ""),
        ("a=1,a=2", ""),
        ("A=1", ""),
        ("a", ""),
        ("a=", ""),
        ("a=1=2", ""),
        ("a=\x01", ""),
        (",".join(f"k{i}=1" for i in range(32)), ",".join(f"k{i}=1" for i in range(32))),
        (",".join(f"k{i}=1" for i in range(33)), ""),
        (f"a={'x' * 250},b={'y' * 250},c=1234567", f"a={'x' * 250},b={'y' * 250}"),
    ],
)
def test_tracestate(header: str | None, kept: str) -> None:
    assert parse_tracestate(header) == kept
    assert read_trace(GOOD, header) == TraceContext(traceparent=GOOD, tracestate=kept)


@given(st.text(max_size=600))
def test_a_tracestate_that_is_passed_on_is_a_clean_header(header: str) -> None:
    kept = parse_tracestate(header)
    assert len(kept) <= 512
    assert all(" " <= character <= "~" for character in kept)
    assert parse_tracestate(kept) == kept
