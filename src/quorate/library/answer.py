"""An answer that is being streamed."""

from collections.abc import AsyncGenerator

from quorate.model import Completion, Reply
from quorate.parallel.result import Result


class Answer:
    """Iterate for the text, piece by piece; `result` is the whole once the iteration has ended."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._completion: Completion | None = None

    async def __aiter__(self) -> AsyncGenerator[str]:
        async for delta in self._reply:
            if delta.text:
                yield delta.text
        self._completion = await self._reply.completion()

    @property
    def result(self) -> Result:
        """The whole result; raises `RuntimeError` before the answer has been read to its end."""
        if self._completion is None:
            raise RuntimeError("the answer is still being streamed; read it to its end before asking for its result")
        detail = self._completion.detail
        assert isinstance(detail, Result)
        return detail
