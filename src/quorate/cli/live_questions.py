"""Asking many models many questions and writing each one's answers down: what is asked, what is in the file already."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from quorate.analytics.journal import Journal
from quorate.analytics.questions import Question
from quorate.cli.board import Board
from quorate.cli.purse import Purse, most_microusd
from quorate.core.errors import InvalidRequest, QuorateError
from quorate.library.options import AskOptions
from quorate.library.quorate import Quorate
from quorate.model import Completion, Outcome
from quorate.parallel.result import Result
from quorate.providers.recorded import (
    RecordedAnswer,
    RecordedFailure,
    Recording,
    encode_recording,
    read_recordings,
)

_DECIMALS_S = 6

Key: TypeAlias = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A question to ask, for the `repeat`-th time, counted from 0."""

    question: Question
    repeat: int

    @property
    def key(self) -> Key:
        """What tells it from the others of a file."""
        return (self.question.track, self.question.prompt_id, self.repeat)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a file holds already: which questions, and what their answers had cost as far as that is known."""

    keys: frozenset[Key] = frozenset()
    cost_microusd: int = 0


@dataclass(slots=True, kw_only=True)
class Asked:
    """What became of the questions; a live object.

    `unanswered` counts those that nobody answered, `last_error` is why. `stopped_at_microusd` is the worst case of the
    question that the money did not suffice for, None if it did.
    """

    answered: int = 0
    unanswered: int = 0
    last_error: str = ""
    spent_microusd: int = 0
    unpriced: bool = False
    stopped_at_microusd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveQuestions:
    """Questions, each asked `repeat` times, and how: `options` go to every one, `ask_seed` makes chance repeatable.

    `concurrency` questions are under way at once, each with all its models. `limit_microusd` is what they may cost
    together with `already`.
    """

    questions: Sequence[Question]
    models: tuple[str, ...]
    repeat: int = 1
    concurrency: int = 4
    limit_microusd: int | None = None
    ask_seed: int | None = None
    options: AskOptions = field(default_factory=AskOptions)
    already: Recorded = field(default_factory=Recorded)

    def remaining(self) -> list[Asking]:
        """Return what is not in the file yet, first times first."""
        askings = (Asking(question=each, repeat=repeat) for repeat in range(self.repeat) for each in self.questions)
        return [asking for asking in askings if asking.key not in self.already.keys]

    def options_of(self, asking: Asking) -> AskOptions:
        """Return the options of one question: everybody is asked, everybody's answer counts, nobody judges."""
        options: AskOptions = {
            "models": self.models,
            "mode": "all",
            "select": "first",
            "count": 1,
            "enabled": True,
            "min_models": 1,
            "max_models": len(self.models),
            "max_concurrent": len(self.models),
            "failure_strategy": "best_effort",
            **self.options,
        }
        if self.ask_seed is not None:
            options["seed"] = self.ask_seed + asking.repeat
        return options


def read_recorded(journal: Journal, live: LiveQuestions) -> Recorded:
    """Return what an earlier run wrote.

    Raises InvalidRequest, with file and line, where it is of other models or of another question with the same name:
    two experiments in one file would be evaluated as one.
    """
    prompts = {(each.track, each.prompt_id): each.prompt for each in live.questions}
    keys: set[Key] = set()
    cost_microusd = 0
    for number, recording in enumerate(read_recordings(journal.path), start=1):
        where = f"{journal.path}:{number}"
        models = {each.model for each in (*recording.answers, *recording.failures)}
        if models != set(live.models):
            raise InvalidRequest(
                f"{where}: answers of {', '.join(sorted(models))}, not of {', '.join(sorted(live.models))}; ask the"
                " same models, or name another --out"
            )
        if prompts.get((recording.track, recording.prompt_id), recording.prompt) != recording.prompt:
            raise InvalidRequest(f"{where}: another question has the name {recording.prompt_id!r}; name another --out")
        keys.add((recording.track, recording.prompt_id, recording.repeat))
        costs = [each.cost_microusd for each in (*recording.answers, *recording.failures)]
        cost_microusd += sum(cost for cost in costs if cost is not None)
    return Recorded(keys=frozenset(keys), cost_microusd=cost_microusd)


async def ask_questions(
    quorate: Quorate, live: LiveQuestions, journal: Journal, asked: Asked, progress: Callable[[int], None]
) -> None:
    """Ask what remains and write each question's answers as one line, which is on the disk before the next is asked.

    `asked` is kept up to date, also when this is cancelled. A question that nobody answered is not written: it will be
    asked again. With a limit, a question is asked only if its worst case can be paid. Raises InvalidRequest if that is
    not known, and what `Quorate.estimate` raises.
    """
    purse = Purse(live.limit_microusd, live.already.cost_microusd)
    asker = _Asker(quorate=quorate, live=live, journal=journal, asked=asked, progress=progress, purse=purse)
    todo = iter(live.remaining())
    async with asyncio.TaskGroup() as group:
        for _ in range(live.concurrency):
            group.create_task(asker.work(todo))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asker:
    """Asks one question after another; several work through the same questions at once."""

    quorate: Quorate
    live: LiveQuestions
    journal: Journal
    asked: Asked
    progress: Callable[[int], None]
    purse: Purse

    async def work(self, todo: Iterator[Asking]) -> None:
        for asking in todo:
            most = 0
            if self.live.limit_microusd is not None:
                most = most_microusd(self.quorate, asking.question.prompt, **self.live.options_of(asking))
            if self.asked.stopped_at_microusd is not None:
                return
            if not await self.purse.reserve(most):
                self.asked.stopped_at_microusd = most
                return
            await self.purse.settle(most, await self.ask(asking))

    async def ask(self, asking: Asking) -> int:
        """Ask one question, write its answers down, and return what it cost as far as that is known."""
        board = Board()
        options = self.live.options_of(asking)
        options["on_event"] = board
        try:
            result = await self.quorate.ask(asking.question.prompt, **options)
        except QuorateError as error:
            self.asked.unanswered += 1
            self.asked.last_error = error.message
        else:
            await asyncio.to_thread(self.journal.append, encode_recording(recording_of(asking, result)))
            self.asked.answered += 1
        finally:
            self.asked.spent_microusd += board.spent_microusd
            self.asked.unpriced |= board.unpriced
        self.progress(self.asked.answered + self.asked.unanswered)
        return board.spent_microusd


def recording_of(asking: Asking, result: Result) -> Recording:
    """Return the answers to one question as they are written down."""
    question = asking.question
    return Recording(
        track=question.track,
        task=question.task,
        prompt_id=question.prompt_id,
        prompt=question.prompt,
        truth=question.truth,
        kind=question.kind,
        repeat=asking.repeat,
        answers=tuple(_answers(result.branches)),
        failures=tuple(_failures(result.branches)),
    )


def _answers(branches: Iterable[Outcome]) -> Iterator[RecordedAnswer]:
    for outcome in branches:
        if outcome.completion is not None:
            yield RecordedAnswer(
                model=outcome.model,
                text=outcome.text,
                latency_s=round(outcome.latency_s, _DECIMALS_S),
                prompt_tokens=outcome.completion.usage.prompt_tokens,
                completion_tokens=outcome.completion.usage.completion_tokens,
                cost_microusd=outcome.spend.cost_microusd,
                simulated=_simulated(outcome.completion),
            )


def _simulated(completion: Completion) -> bool:
    """Return whether an invented model of ours said it, or had a part in it."""
    if completion.metadata.get("simulated") is True:
        return True
    detail = completion.detail
    inner = detail.branches if isinstance(detail, Result) else ()
    return any(branch.completion is not None and _simulated(branch.completion) for branch in inner)


def _failures(branches: Iterable[Outcome]) -> Iterator[RecordedFailure]:
    for outcome in branches:
        if outcome.completion is None:
            error = outcome.error
            yield RecordedFailure(
                model=outcome.model,
                code=outcome.state.value if error is None else error.code,
                message="" if error is None else error.message,
                cost_microusd=outcome.spend.cost_microusd,
            )
