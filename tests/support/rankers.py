"""A model that answers, ranks and attributes: what a member of a peer review does, by what the prompt asks for."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Sequence

from quorate.core.errors import QuorateError
from quorate.model import Call, Completion, Delta, opens_reply
from quorate.testing import ScriptedModel
from quorate.wire.chat import ChatRequest

_ANSWER = re.compile(r'^<answer-\S+ label="([A-Z]+)">\n(.*?)\n</answer-', re.DOTALL | re.MULTILINE)


class Ranker:
    """Answers with `text`; ranks answers by the order of `likes`, texts in them first; writes `fused`.

    `review` replaces its ranking by a text or an error, `sources` its attribution; `helping_s` is how long it takes
    over answers of others. A live object: `prompts` keeps what it was asked, `limits` the limits it was asked with.
    """

    def __init__(
        self,
        name: str,
        text: str,
        *,
        likes: Sequence[str] = (),
        fused: str | QuorateError = "fused",
        review: str | QuorateError | None = None,
        sources: str | QuorateError | None = None,
        helping_s: float = 0.0,
    ) -> None:
        self.name = name
        self._text = text
        self._likes = likes
        self._fused = fused
        self._review = review
        self._sources = sources
        self._helping_s = helping_s
        self.prompts: list[str] = []
        self.limits: list[int | None] = []

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Answer what the prompt asks for."""
        self.prompts.append("\n".join(message.text for message in request.messages))
        self.limits.append(request.output_limit)
        await asyncio.sleep(self._helping_s if _ANSWER.search(self.prompts[-1]) else 0.0)
        async with ScriptedModel(self.name, self._reply(self.prompts[-1])).open(request, call) as reply:
            async for delta in reply:
                yield delta
            yield await reply.completion()

    def _reply(self, prompt: str) -> str | QuorateError:
        shown = _ANSWER.findall(prompt)
        if '"ranking"' in prompt:
            return json.dumps({"ranking": self._ranked(shown)}) if self._review is None else self._review
        if '"parts"' in prompt:
            return self._sources if self._sources is not None else "I do not know"
        return self._fused if shown else self._text

    def _ranked(self, shown: Sequence[tuple[str, str]]) -> list[str]:
        def place(answer: tuple[str, str]) -> int:
            return next((at for at, liked in enumerate(self._likes) if liked in answer[1]), len(self._likes))

        return [label for label, _ in sorted(shown, key=place)]
