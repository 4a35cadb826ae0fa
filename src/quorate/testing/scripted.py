"""A model that does what a test tells it to."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field

from quorate.core.errors import QuorateError
from quorate.model import Call, Charge, Completion, Delta, Usage, opens_reply
from quorate.wire.chat import ChatRequest, ChatResponse, ToolCall
from quorate.wire.stream import ChatChunk, ChunkChoice, ChunkDelta, Joiner


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedAnswer:
    """One answer: after `delay_s` the text comes, in `pieces` that are `gap_s` apart, or whole if there are none.

    `tool_calls` are the functions it calls after its text.
    With an `error` it is raised where the answer would have been complete. `usage` and `cost_microusd` are charged
    when the answer is complete; a cancelled or failed one is charged the share of them that had been sent
    (`estimated`), an error before the first piece nothing.
    """

    text: str = ""
    pieces: tuple[str, ...] = ()
    delay_s: float = 0.0
    gap_s: float = 0.0
    error: QuorateError | None = None
    finish_reason: str = "stop"
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost_microusd: int | None = 0

    @property
    def parts(self) -> tuple[str, ...]:
        """The pieces; the whole text if there are none."""
        return self.pieces or ((self.text,) if self.text else ())


class ScriptedModel:
    """Gives the scripted answers one after another, then the last one again and again.

    A `str` is an answer with that text, an error one that fails with it. `opens`, `finished`, `failed`, `cancelled` and
    `running` count what happened to it, `requests` and `calls` keep what it was asked with. Waiting is `asyncio.sleep`.
    """

    def __init__(self, name: str = "scripted", *script: str | QuorateError | ScriptedAnswer) -> None:
        self._name = name
        self._script = tuple(_answer(step) for step in script) or (ScriptedAnswer(text=f"answer of {name}"),)
        self.requests: list[ChatRequest] = []
        self.calls: list[Call] = []
        self.finished = 0
        self.failed = 0
        self.cancelled = 0

    @property
    def name(self) -> str:
        """The name it was given."""
        return self._name

    @property
    def opens(self) -> int:
        """How often it was asked."""
        return len(self.requests)

    @property
    def running(self) -> int:
        """How many answers have begun and not ended in any way."""
        return self.opens - self.finished - self.failed - self.cancelled

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Give the next scripted answer."""
        answer = self._script[min(self.opens, len(self._script) - 1)]
        self.requests.append(request)
        self.calls.append(call)
        joiner, sent, settled = Joiner(), 0, False
        held = call.budget.reserve(answer.cost_microusd or 0, f"{self.name!r} was asked")
        try:
            await asyncio.sleep(answer.delay_s)
            for chunk in self._chunks(answer):
                await asyncio.sleep(answer.gap_s if sent else 0)
                joiner.add(chunk)
                sent += bool(chunk.text)
                if request.stream:
                    yield Delta(chunk=chunk)
            call.budget.charge(Charge(usage=answer.usage, cost_microusd=answer.cost_microusd), by=self.name)
            self.finished, settled = self.finished + 1, True
            yield self._completion(answer, joiner.response())
        except QuorateError:
            self.failed += 1
            if sent:
                call.budget.charge(_share(answer, sent), by=self.name)
            raise
        except BaseException:
            if not settled:
                self.cancelled += 1
                call.budget.charge(_share(answer, sent), by=self.name)
            raise
        finally:
            held.release()

    def _chunks(self, answer: ScriptedAnswer) -> Iterator[ChatChunk]:
        for position, text in enumerate(answer.parts):
            delta = ChunkDelta(role=None if position else "assistant", content=text)
            yield ChatChunk(id="scripted", model=self._name, choices=(ChunkChoice(delta=delta),))
        if answer.error is not None:
            raise answer.error
        if answer.tool_calls:
            delta = ChunkDelta(tool_calls=answer.tool_calls)
            yield ChatChunk(id="scripted", model=self._name, choices=(ChunkChoice(delta=delta),))
        end = ChunkChoice(delta=ChunkDelta(), finish_reason=answer.finish_reason)
        yield ChatChunk(id="scripted", model=self._name, choices=(end,))

    def _completion(self, answer: ScriptedAnswer, response: ChatResponse) -> Completion:
        return Completion(
            response=response,
            model=self._name,
            provider="scripted",
            usage=answer.usage,
            cost_microusd=answer.cost_microusd,
            metadata={"scripted": True},
        )


def _answer(step: str | QuorateError | ScriptedAnswer) -> ScriptedAnswer:
    if isinstance(step, ScriptedAnswer):
        return step
    return ScriptedAnswer(text=step) if isinstance(step, str) else ScriptedAnswer(error=step)


def _share(answer: ScriptedAnswer, sent: int) -> Charge:
    """Return the charge for the prompt and the pieces that were sent."""
    parts = len(answer.parts) or 1
    cost = answer.cost_microusd
    return Charge(
        usage=Usage(
            prompt_tokens=answer.usage.prompt_tokens, completion_tokens=answer.usage.completion_tokens * sent // parts
        ),
        cost_microusd=None if cost is None else -(-cost * sent // parts),
        estimated=True,
    )
