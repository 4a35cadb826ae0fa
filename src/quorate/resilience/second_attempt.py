"""The attempt that starts when the first one is late: a task of its own, read through a queue."""

import asyncio
from collections.abc import Callable

from quorate.core.tasks import Standby
from quorate.model import Call, Completion, Delta, Model
from quorate.wire.chat import ChatRequest

#: Pieces that wait for a slow reader; the attempt is not read further meanwhile.
_WAITING = 16


class SecondAttempt:
    """A live object: `model` asked with `request` beside the first attempt. `settle` it in any case.

    `on_speak` is called when it has something to say: the first piece with something in it, or the whole answer if
    that is not streamed. Nothing leaves it before. What it opens is closed in its own task.
    """

    def __init__(self, model: Model, request: ChatRequest, call: Call, *, on_speak: Callable[[], None]) -> None:
        self._model = model
        self._request = request
        self._call = call
        self._on_speak = on_speak
        self._items: asyncio.Queue[Delta | Completion | Exception] = asyncio.Queue(_WAITING)
        self._task = Standby()
        self.spoken = False

    def start(self) -> None:
        """Begin."""
        self._task.start(self._run())

    def cancel(self) -> None:
        """Cancel it, without waiting for its end."""
        self._task.cancel()

    async def settle(self) -> None:
        """Cancel it if it runs, and wait until it has ended: what it cost is charged then."""
        await self._task.settle()

    async def next(self) -> Delta | Completion:
        """Return the next piece, and the completion last; raises what the attempt raised."""
        item = await self._items.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def _run(self) -> None:
        try:
            async with self._model.open(self._request, self._call) as reply:
                if self._request.stream:
                    early: list[Delta] = []
                    async for delta in reply:
                        early.append(delta)
                        if self.spoken or delta.says_something:
                            await self._say(early)
                completion = await reply.completion()
            await self._say([])
            await self._items.put(completion)
        except Exception as error:  # noqa: BLE001 - raised where the answer is awaited; else it matters to nobody
            await self._items.put(error)

    async def _say(self, pieces: list[Delta]) -> None:
        if not self.spoken:
            self.spoken = True
            self._on_speak()
        for piece in pieces:
            await self._items.put(piece)
        pieces.clear()
