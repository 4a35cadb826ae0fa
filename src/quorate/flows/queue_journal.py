"""A journal out of which workers take their work: what a dispatcher needs beyond keeping runs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from quorate.core.ids import RunId
from quorate.flows.journal import Callback, Journal
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

    async def take_callback(self, *, hold_s: float) -> Callback | None:
        """Return the callback that is due first; if it is not ended within `hold_s`, somebody else gets it again."""
        ...

    async def end_callback(self, callback: Callback, event: bytes, *, again_at: datetime | None) -> bool:
        """Keep what became of a try, with its event, and when the next one is due (`None`: no more).

        `False`, and nothing is kept, if the run has been taken up again meanwhile.
        """
        ...
