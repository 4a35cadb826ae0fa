"""One simulated answer on its way: what is sent when, and what of it has been sent."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field

from quorate.model import Call, Usage
from quorate.providers.paced import sleep_until, sleep_within
from quorate.providers.simulated_fault import Fault, SimulatedFailure, error_of
from quorate.wire.chat import ChatRequest, ChatResponse
from quorate.wire.stream import ChatChunk, ChunkChoice, ChunkDelta, Joiner

_TOKEN = re.compile(r"\s*(?:\w{1,6}|[^\w\s])|\s+")
_CHUNK_TOKENS = 3
#: A refusal comes sooner than an answer would: after this part of the time to the first token.
_REFUSAL_SHARE = 0.25


def split_tokens(text: str) -> tuple[str, ...]:
    """Return `text` in the pieces that count as tokens of simulated models; joined they are the text again."""
    return tuple(_TOKEN.findall(text))


@dataclass(slots=True, kw_only=True)
class SimulatedRun:
    """A live simulated answer, owned by the task that reads it; `texts` are the texts of its choices.

    `latency_s` until the first token and `tokens_per_s` after it are real seconds: any scaling is done already.
    """

    model: str
    call: Call
    request: ChatRequest
    texts: tuple[str, ...]
    failure: SimulatedFailure | None
    latency_s: float
    tokens_per_s: float
    silence_s: float
    response_id: str
    prompt_tokens: int
    _sent_tokens: int = 0
    _joiner: Joiner = field(default_factory=Joiner)

    @property
    def usage(self) -> Usage:
        """Tokens of the prompt and of what has been sent so far, as this model counts them."""
        return Usage(prompt_tokens=self.prompt_tokens, completion_tokens=self._sent_tokens)

    @property
    def response(self) -> ChatResponse:
        """What has been sent so far, as a whole response."""
        joined = self._joiner.response()
        return ChatResponse(
            id=joined.id,
            created=joined.created,
            model=joined.model,
            choices=joined.choices,
            usage=self.usage.to_wire(),
            extra=joined.extra,
        )

    async def chunks(self) -> AsyncGenerator[ChatChunk]:
        """Yield the chunks, each when it is due; of an answer that is not streamed all at once, when the last is.

        Raises what the fault brings, and `DeadlineExceeded` when the call's time is over.
        """
        began_s = asyncio.get_running_loop().time()
        await self._refuse()
        answers = tuple(self._cut_to_limit(text) for text in self.texts)
        cut = self.failure if self.failure is not None and self.failure.kind is Fault.CUT_STREAM else None
        longest = max(len(tokens) for tokens, _ in answers)
        stop = longest if cut is None else min(longest, cut.after_tokens)
        if not self.request.stream:
            await self._wait(began_s, stop)
        for end, tokens, chunk in self._steps(answers, longest):
            if cut is not None and end > stop:
                await self._wait(began_s, stop)
                raise error_of(cut, self.model)
            if self.request.stream:
                await self._wait(began_s, end)
            self._sent_tokens += tokens
            self._joiner.add(chunk)
            yield chunk
        if self.request.stream_options is not None and self.request.stream_options.include_usage:
            yield self._chunk((), with_usage=True)

    async def _refuse(self) -> None:
        """Wait for and raise a fault that comes before the answer."""
        failure = self.failure
        if failure is None or failure.kind is Fault.CUT_STREAM:
            return
        wait_s = self.latency_s if failure.kind is Fault.MALFORMED else self.latency_s * _REFUSAL_SHARE
        if failure.kind is Fault.SILENCE:
            wait_s = self.silence_s
        if failure.kind is not Fault.REFUSED_CONNECTION:
            await sleep_within(wait_s, self.call, self.model)
        raise error_of(failure, self.model)

    def _cut_to_limit(self, text: str) -> tuple[tuple[str, ...], str]:
        """Return the tokens that the request allows, and why they end there."""
        tokens, limit = split_tokens(text), self.request.output_limit
        if limit is not None and len(tokens) > limit:
            return tokens[:limit], "length"
        return tokens, "stop"

    def _steps(
        self, answers: tuple[tuple[tuple[str, ...], str], ...], longest: int
    ) -> Iterator[tuple[int, int, ChatChunk]]:
        """Yield for each chunk the last token's position, the number of tokens, and the chunk."""
        for start in range(0, longest, _CHUNK_TOKENS):
            pieces = [tokens[start : start + _CHUNK_TOKENS] for tokens, _ in answers]
            choices = tuple(
                ChunkChoice(
                    index=index,
                    delta=ChunkDelta(role="assistant" if start == 0 else None, content="".join(piece)),
                )
                for index, piece in enumerate(pieces)
                if piece
            )
            yield min(start + _CHUNK_TOKENS, longest), sum(map(len, pieces)), self._chunk(choices)
        ends = tuple(ChunkChoice(index=index, finish_reason=reason) for index, (_, reason) in enumerate(answers))
        yield longest + 1, 0, self._chunk(ends)

    def _chunk(self, choices: tuple[ChunkChoice, ...], *, with_usage: bool = False) -> ChatChunk:
        return ChatChunk(
            id=self.response_id,
            created=int(self.call.clock.unix_s()),
            model=self.model,
            choices=choices,
            usage=self.usage.to_wire() if with_usage else None,
            extra={"simulated": True},
        )

    async def _wait(self, began_s: float, tokens: int) -> None:
        """Wait until `tokens` tokens have been sent."""
        due_s = self.latency_s + max(0, tokens - 1) / self.tokens_per_s
        await sleep_until(began_s + due_s, self.call, self.model)
