"""Models that give recorded answers again: for evaluation and tests on what real models once said."""

import asyncio
import math
import random
import zlib
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from quorate.core.errors import Failure, InvalidRequest, NotFound, Rejected
from quorate.model import Call, Charge, Completion, Delta, Usage, opens_reply
from quorate.providers.estimate import count_images, estimate_prompt_tokens, estimate_text_tokens
from quorate.providers.paced import sleep_until
from quorate.providers.price import Price
from quorate.providers.recorded import RecordedAnswer, read_recordings
from quorate.wire.chat import ChatRequest, ChatResponse, Choice, Message
from quorate.wire.stream import ChatChunk, ChunkChoice, ChunkDelta, chunk_of

PROVIDER = "replay"
#: A streamed answer comes in at most this many pieces, the first after this share of the latency.
_MOST_PIECES = 40
_FIRST_TOKEN_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelledLatency:
    """A latency for answers that were recorded without one: `median_s`, drawn log-normally with `sigma` (0: fixed)."""

    median_s: float
    sigma: float = 0.0

    def __post_init__(self) -> None:
        if self.median_s < 0 or self.sigma < 0:
            raise InvalidRequest(
                f"a latency of {self.median_s!r} s with sigma {self.sigma!r} is impossible; use 0 or more"
            )

    def draw_s(self, rng: random.Random) -> float:
        """Return one latency in seconds."""
        return self.median_s * math.exp(self.sigma * rng.gauss(0.0, 1.0))


class ReplayFile:
    """The recorded answers of one file, in memory, by model and prompt. Made by `open`."""

    def __init__(self, source: str, answers: Mapping[str, Mapping[str, RecordedAnswer]], prompts: int) -> None:
        self.source = source
        self.prompts = prompts
        self._answers = answers

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a file of recorded answers (`.jsonl`, `.jsonl.gz`, `.jsonl.zst`).

        Blocking, 0.4 s for 70,000 answers (60 MB): call it before the event loop runs, or in a thread. A prompt that
        occurs again keeps its first answers. Raises `InvalidRequest` naming file and line of what cannot be read.
        """
        answers: dict[str, dict[str, RecordedAnswer]] = {}
        prompts: set[str] = set()
        for recording in read_recordings(path):
            prompt = normalise_prompt(recording.prompt)
            prompts.add(prompt)
            for answer in recording.answers:
                answers.setdefault(answer.model, {}).setdefault(prompt, answer)
        return cls(path.name, answers, len(prompts))

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the recorded models, sorted."""
        return tuple(sorted(self._answers))

    def model(
        self,
        recorded: str,
        *,
        name: str | None = None,
        latency: ModelledLatency | None = None,
        time_scale: float = 1.0,
        price: Price | None = None,
    ) -> "ReplayModel":
        """Return the model recorded under that name, under `name` if given.

        `latency` `None`: as recorded, none where nothing was recorded. `price` is for answers recorded without cost.
        """
        if recorded not in self._answers:
            raise NotFound(f"{self.source} holds no answers of {recorded!r}; it has {', '.join(self.models) or 'none'}")
        return ReplayModel(self, recorded, name=name, latency=latency, time_scale=time_scale, price=price)

    def find(self, recorded: str, prompt: str) -> RecordedAnswer | None:
        """Return the answer of a recorded model to a prompt, compared without regard to white space."""
        return self._answers[recorded].get(normalise_prompt(prompt))


class ReplayModel:
    """Answers a prompt (the last user message) with what one model is on record for. Made by `ReplayFile.model`.

    Usage and cost are the recorded ones; where they are missing, tokens are estimated and priced with `price`
    (`estimated`). `metadata` says `replayed` and names the `source`. An unknown prompt is `Rejected`.
    """

    def __init__(
        self,
        file: ReplayFile,
        recorded: str,
        *,
        name: str | None = None,
        latency: ModelledLatency | None = None,
        time_scale: float = 1.0,
        price: Price | None = None,
    ) -> None:
        self._file = file
        self._recorded = recorded
        self._name = name or recorded
        self._latency = latency
        self._time_scale = time_scale
        self._price = price

    @property
    def name(self) -> str:
        """The catalog name; the recorded name unless another was given."""
        return self._name

    @property
    def price(self) -> Price | None:
        """The price of answers recorded without cost."""
        return self._price

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Give the recorded answer, in pieces spread over its latency if the request asks for a stream."""
        call.deadline.require(f"{self.name!r} was asked")
        answer = self._find(request)
        latency_s = self._latency_s(request, answer, call)
        completion = self._completion(request, answer, call)
        began_s, sent = asyncio.get_running_loop().time(), 0
        usage, cost_microusd = completion.usage, completion.cost_microusd
        with call.budget.reserve(cost_microusd or 0, f"{self.name!r} was asked"):  # what it will cost is on record
            try:
                for share, chunk in _pieces(completion.response, stream=bool(request.stream)):
                    await sleep_until(began_s + latency_s * share, call, self.name)
                    if request.stream:
                        sent += len(chunk.text)
                        yield Delta(chunk=chunk)
            except BaseException:
                call.budget.charge(self._partial(request, completion, sent), by=self.name)
                raise
            charge = Charge(usage=usage, cost_microusd=cost_microusd, estimated=completion.estimated)
            call.budget.charge(charge, by=self.name)
        yield completion

    def _find(self, request: ChatRequest) -> RecordedAnswer:
        answer = self._file.find(self._recorded, request.prompt_text)
        if answer is not None:
            return answer
        raise Rejected(
            f"{self._file.source} has no answer of {self._recorded!r} to this prompt; it holds {self._file.prompts} "
            "prompts, and only those can be asked",
            provider=PROVIDER,
            model=self.name,
            failure=Failure.BAD_REQUEST,
        )

    def _latency_s(self, request: ChatRequest, answer: RecordedAnswer, call: Call) -> float:
        latency_s = answer.latency_s or 0.0
        if self._latency is not None:
            asked = zlib.crc32(request.prompt_text.encode("utf-8", "surrogatepass"))
            latency_s = self._latency.draw_s(call.random(f"replay/{self.name}/{asked:08x}/latency"))
        return latency_s * self._time_scale

    def _completion(self, request: ChatRequest, answer: RecordedAnswer, call: Call) -> Completion:
        prompt, completion = answer.prompt_tokens, answer.completion_tokens
        usage = Usage(
            prompt_tokens=estimate_prompt_tokens(request) if prompt is None else prompt,
            completion_tokens=estimate_text_tokens(answer.text) if completion is None else completion,
        )
        cost_microusd = answer.cost_microusd
        if cost_microusd is None and self._price is not None:
            cost_microusd = self._price.cost_microusd(usage, images=count_images(request))
        message = Message(content=answer.text)
        return Completion(
            response=ChatResponse(
                id="replayed",
                created=int(call.clock.unix_s()),
                model=self.name,
                choices=(Choice(message=message, finish_reason="stop"),),
                usage=usage.to_wire(),
            ),
            model=self.name,
            provider=PROVIDER,
            usage=usage,
            cost_microusd=cost_microusd,
            estimated=prompt is None or completion is None,
            metadata={"replayed": True, "source": self._file.source},
        )

    def _partial(self, request: ChatRequest, completion: Completion, sent: int) -> Charge:
        """Return the charge of an answer that was cancelled after `sent` characters."""
        share = sent / max(1, len(completion.text))
        usage = Usage(
            prompt_tokens=completion.usage.prompt_tokens,
            completion_tokens=math.ceil(completion.usage.completion_tokens * share),
        )
        if self._price is not None:
            cost_microusd = self._price.cost_microusd(usage, images=count_images(request))
        elif completion.cost_microusd is None:
            cost_microusd = None
        else:
            tokens = max(1, completion.usage.total_tokens)
            cost_microusd = math.ceil(completion.cost_microusd * usage.total_tokens / tokens)
        return Charge(usage=usage, cost_microusd=cost_microusd, estimated=True)


def normalise_prompt(prompt: str) -> str:
    """Return `prompt` with single spaces: how prompts are compared."""
    return " ".join(prompt.split())


def _pieces(response: ChatResponse, *, stream: bool) -> Iterator[tuple[float, ChatChunk]]:
    """Yield chunks, each with the share of the latency after which it is due."""
    if not stream:
        yield 1.0, chunk_of(response)
        return
    text = response.text
    size = max(1, math.ceil(len(text) / _MOST_PIECES))
    starts = range(0, len(text), size)
    head = ChatChunk(id=response.id, created=response.created, model=response.model)
    for position, start in enumerate(starts):
        delta = ChunkDelta(role=None if position else "assistant", content=text[start : start + size])
        share = _FIRST_TOKEN_SHARE + (1 - _FIRST_TOKEN_SHARE) * position / len(starts)
        yield share, msgspec.structs.replace(head, choices=(ChunkChoice(delta=delta),))
    end = ChunkChoice(delta=ChunkDelta(), finish_reason=response.finish_reason)
    yield 1.0, msgspec.structs.replace(head, choices=(end,))
