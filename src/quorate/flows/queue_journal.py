"""A journal out of which workers take their work: what a dispatcher needs beyond keeping runs."""

from collections.abc import Sequence
from typing import Protocol

from quorate.core.ids import RunId
from quorate.flows.journal import Journal
from quorate.flows.journals.bell import Bell
from quorate.flows.outcome import RunStatus


class QueueJournal(Journal, Protocol):
    """A journal with a queue. `bell` rings for work, cancelling and ends: at once for this process's own.

    For those of other processes it rings if the database can tell (PostgreSQL); else who waits looks now and then.
    """

    @property
    def bell(self) -> Bell:
        """What rings."""
        ...

    async def status(self, run: RunId) -> RunStatus:
        """Return where a run stands: cheaper than to load it. Raises `NotFound`."""
        ...

    async def cancels(self, owner: str) -> Sequence[RunId]:
        """Return the runs that this worker holds and that somebody wants to stop."""
        ...

    async def queued(self) -> int:
        """Return how many runs wait in the queue."""
        ...
