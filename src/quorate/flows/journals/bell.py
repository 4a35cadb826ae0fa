"""Who waits in this process for something to change in a journal is woken up, instead of looking again and again."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

#: Work may have come into the queue; somebody may have asked for a run to stop. The third kind is the id of a run.
WORK = "work"
CANCEL = "cancel"


class Bell:
    """A live object of one event loop: rung by topic, heard by those who listen at that moment."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Event]] = {}

    def ring(self, topic: str) -> None:
        """Wake everybody who listens for a topic (`work`, `cancel` or the id of a run that ended)."""
        for event in self._listeners.get(topic, ()):
            event.set()

    @contextmanager
    def listening(self, topic: str) -> Generator[asyncio.Event]:
        """Give an event that each ring sets: clear it, look, then wait for it, and nothing is missed."""
        event = asyncio.Event()
        listeners = self._listeners.setdefault(topic, set())
        listeners.add(event)
        try:
            yield event
        finally:
            listeners.discard(event)
            if not listeners:
                self._listeners.pop(topic, None)


async def heard(event: asyncio.Event, timeout_s: float) -> bool:
    """Return whether it rang within the time."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
