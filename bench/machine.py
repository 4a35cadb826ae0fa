"""Targets in units of time, for this machine as it is in these minutes.

They were set for one on which a request over bare sockets takes so long. Shared machines differ by several times from
day to day; a ratio to what is measured in the same minutes does not.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from bench.report import Row, p50
from bench.transport import bare_exchange_us

#: CPU time of one request over bare sockets (`bench.transport`) where the targets were set.
BARE_US = 14.0
_TIMES = frozenset({"us", "ms", "s"})
_RATES = frozenset({"per s", "1/s"})


def for_this_machine(measure: Callable[[], Iterable[Row]]) -> Iterable[Row]:
    """Return what was measured, with the targets of this machine, by bare exchanges before and after it.

    A faster machine than the one they were set for has the targets as they were set.
    """
    before = bare_exchange_us()
    rows = list(measure())
    bare_us = p50([before, bare_exchange_us()])
    times = max(1.0, bare_us / BARE_US)
    note = f"{BARE_US:g} us where the targets were set: this machine takes {bare_us / BARE_US:.1f} times that"
    return [
        Row(name="CPU of a request over bare sockets", value=bare_us, unit="us", note=note),
        *(_here(row, times) for row in rows),
    ]


def _here(row: Row, times: float) -> Row:
    if row.target is None or row.unit not in _TIMES | _RATES:
        return row
    there = f"{row.target:g} {row.unit} there"
    target = row.target * times if row.unit in _TIMES else row.target / times
    return replace(row, target=target, note=f"{there}; {row.note}" if row.note else there)
