"""A journal in a database and one in memory give the same answers to whatever they are asked, in whatever order."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from flow_runs import NOW, after, entry, header, result
from quorate.core.clock import ManualClock
from quorate.core.errors import QuorateError
from quorate.core.ids import RunId
from quorate.flows.journal import Lease
from quorate.flows.journals.memory import MemoryJournal
from quorate.flows.journals.sqlite import SqliteJournal
from quorate.flows.outcome import RunStatus
from quorate.flows.queue_journal import QueueJournal

RUNS = ("r1", "r2")
PATHS = ("a", "g", "g/b", "g[0]/c")
CALLS = (
    "begin held",
    "begin",
    "claim",
    "claim_next",
    "renew",
    "release",
    "wait",
    "put",
    "attempt",
    "timer",
    "again",
    "finish",
    "cancel",
    "reopen",
    "delete",
)
#: What is done, to which run, at which path, under which of the leases that were given so far, seconds that pass.
step = st.tuples(
    st.sampled_from(CALLS),
    st.sampled_from(RUNS),
    st.sampled_from(PATHS),
    st.integers(0, 5),
    st.sampled_from((0, 0, 3, 9)),
)


class Hand:
    """A live hand that does the same with any journal, and remembers its leases and what it was told."""

    def __init__(self, journal: QueueJournal, clock: ManualClock) -> None:
        self._journal = journal
        self._clock = clock
        self._leases: list[Lease] = []
        self.told: list[object] = []

    async def do(self, call: str, run: str, path: str, which: int, passing_s: float) -> None:
        self._clock.advance(passing_s)
        try:
            told = await self._calls(RunId(run), path, which)[call]()
        except QuorateError as error:
            told = (type(error), error.message)
        if isinstance(told, Lease) and call != "renew":
            self._leases.append(told)
        self.told.append(told)

    def _calls(self, run: RunId, path: str, which: int) -> dict[str, Callable[[], Awaitable[object]]]:
        journal, now = self._journal, self._clock.now()
        nobody = Lease(run=run, owner="nobody", epoch=7, expires_at=NOW)
        lease = self._leases[-1 - which % len(self._leases)] if self._leases else nobody
        keyed = header(run, age_s=which, priority=which % 2, queue_key="k" if which > 2 else "", max_runs="1")
        stubborn = header(run, auto_resume="false")
        status = (RunStatus.SUCCEEDED, RunStatus.FAILED)[which % 2]
        return {
            "begin": lambda: journal.begin(keyed if which else stubborn),
            "begin held": lambda: journal.begin(keyed, owner="one", lease_s=15, queues=which % 2 == 0),
            "claim": lambda: journal.claim(run, "two", lease_s=10, now=now),
            "claim_next": lambda: journal.claim_next("three", lease_s=10, now=now),
            "renew": lambda: journal.renew(lease, lease_s=20, now=now),
            "release": lambda: journal.release(lease),
            "wait": lambda: journal.release(lease, status=RunStatus.WAITING),
            "put": lambda: journal.put(lease, [entry(path, which, cost=which, event=b"1"), entry("a", cost=None)]),
            "attempt": lambda: journal.put_attempt(lease, path, which, wake_at=after(which * 9), spent_microusd=which),
            "timer": lambda: journal.set_timer(lease, path, after(which * 7)),
            "again": lambda: journal.try_again(lease, which + 1, forget=[path], wake_at=after(which * 9), event=b"2"),
            "finish": lambda: journal.finish(
                lease,
                result(header(lease.run), status, cost=which),
                b"end",
                entries=[entry(path, event=b"2")][which % 2 :],
            ),
            "cancel": lambda: journal.request_cancel(run),
            "reopen": lambda: journal.reopen(run, forget=[path]),
            "delete": lambda: journal.delete_before(after(which * 8)),
        }

    async def left(self) -> object:
        """Everything that is there."""
        views = await self._journal.runs()
        loaded = [await self._journal.load(view.header.id) for view in views]
        events = [await self._journal.events(view.header.id) for view in views]
        cancels = [sorted(await self._journal.cancels(owner)) for owner in ("one", "two", "three")]
        return list(views), loaded, [list(each) for each in events], cancels, await self._journal.queued()


async def compare(steps: list[tuple[str, str, str, int, float]], folder: Path) -> None:
    clocks = [ManualClock(NOW), ManualClock(NOW)]
    stored = SqliteJournal(folder / "flows.db", clock=clocks[1])
    hands = Hand(MemoryJournal(clock=clocks[0]), clocks[0]), Hand(stored, clocks[1])
    for each in steps:
        for hand in hands:
            await hand.do(*each)
        assert hands[0].told[-1] == hands[1].told[-1], each
    assert await hands[0].left() == await hands[1].left()
    await stored.close()


@settings(max_examples=60)
@given(st.lists(step, min_size=20, max_size=80))
def test_all_journals_answer_alike(steps: list[tuple[str, str, str, int, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare([("begin held", "r1", "a", 1, 0), *steps], Path(folder)))
