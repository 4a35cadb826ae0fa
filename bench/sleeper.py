"""A model that only waits: what is left of a measurement with it is the engine's own time."""

import asyncio
import time
from collections.abc import AsyncGenerator

from quorate.model import Call, Charge, Completion, Delta, Usage, opens_reply
from quorate.wire.chat import ChatRequest, ChatResponse, Choice, Message

USAGE = Usage(prompt_tokens=20, completion_tokens=5)


class Sleeper:
    """Answers `text` after `delay_s`; `waited_s` is how long the last wait really took."""

    def __init__(self, name: str, delay_s: float, text: str = "Paris.") -> None:
        self._name = name
        self.delay_s = delay_s
        self.waited_s = 0.0
        message = Message(content=text)
        self._response = ChatResponse(model=name, choices=(Choice(message=message, finish_reason="stop"),))

    @property
    def name(self) -> str:
        return self._name

    async def wait(self) -> None:
        """Wait as a branch does: what bare asyncio is compared with."""
        began_s = time.perf_counter()
        await asyncio.sleep(self.delay_s)
        self.waited_s = time.perf_counter() - began_s

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        del request
        try:
            await self.wait()
        finally:
            call.budget.charge(Charge(usage=USAGE, cost_microusd=1))
        yield Completion(response=self._response, model=self._name, provider="bench", usage=USAGE, cost_microusd=1)
