"""Who runs what and when: the port behind which runs wait for a worker."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from quorate.core.ids import RunId
from quorate.flows.journal import Lease, RunHeader, RunView
from quorate.flows.outcome import FlowResult

#: Runs one run to its end, or until it is cancelled or its lease is lost; writes its end into the journal itself. One
#: that is given up (`Lease.given_up`) it only ends.
Work = Callable[[Lease, RunView], Awaitable[FlowResult]]


class Dispatcher(Protocol):
    """Lets runs wait in a queue and has them run, each by one worker at a time, over crashes of workers."""

    async def submit(self, header: RunHeader) -> None:
        """Put a run in the queue; raise `QueueFull` if too many wait, `Conflict` if its id is taken."""
        ...

    async def take_up(self, run: RunId) -> None:
        """Look at a run that was reopened or whose timer was set: it may be ready to go on."""
        ...

    async def cancel(self, run: RunId) -> bool:
        """End a run: at once if it waits, else as soon as its worker hears of it; `False` if it has ended."""
        ...

    async def wait(self, run: RunId, *, timeout_s: float | None = None) -> RunView:
        """Return the run when it has ended or when the time is over, whichever is first; raise `NotFound`."""
        ...

    async def serve(self, work: Work) -> None:
        """Work off the queue until cancelled; what runs then is given back to the queue (unended)."""
        ...
