"""The same for code that is not asynchronous: a thread with an event loop, and `Quorate` on it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

from quorate.core.tasks import Elsewhere
from quorate.engine.catalog import ModelCard
from quorate.engine.estimate import Estimate
from quorate.library.answer import Answer
from quorate.library.options import AskOptions, Prompt
from quorate.library.output_type import OutputGiven, TypedResult
from quorate.library.quorate import Quorate
from quorate.model import Model
from quorate.model.event import EventSink, ignore_events
from quorate.model.feedback import Feedback
from quorate.parallel.plan import Plan
from quorate.parallel.result import Result

if TYPE_CHECKING:
    from quorate.flows.outcome import FlowResult

T = TypeVar("T")


class SyncQuorate:
    """`Quorate` without `await`; used as a context manager.

    Its calls block the calling thread and may come from many threads at once.
    """

    def __init__(self, quorate: Quorate) -> None:
        self._quorate = quorate
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_file(
        cls, path: str | Path | None = None, *, overrides: Mapping[str, object] | None = None, records: bool = False
    ) -> Self:
        """As `Quorate.from_file`."""
        return cls(Quorate.from_file(path, overrides=overrides, records=records))

    @classmethod
    def simulated(cls, *, time_scale: float = 1.0, records: str | Path | None = None) -> Self:
        """As `Quorate.simulated`."""
        return cls(Quorate.simulated(time_scale=time_scale, records=records))

    @classmethod
    def of(cls, models: Iterable[Model], *, plan: Plan | None = None, records: str | Path | None = None) -> Self:
        """As `Quorate.of`."""
        return cls(Quorate.of(models, plan=plan, records=records))

    def __enter__(self) -> Self:
        if self._loop is not None:
            raise RuntimeError("this SyncQuorate is in use already; enter it once and share it between threads")
        loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run_loop, args=(loop,), name="quorate", daemon=True)
        try:
            self._thread.start()
        except BaseException:
            loop.close()
            raise
        self._loop = loop
        try:
            self.wait(self._quorate.__aenter__())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and end the thread; closing twice does nothing."""
        with self._lock:  # whoever submits before this is ended with the loop, whoever comes after is refused
            loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            try:
                Elsewhere(loop, self._quorate.close()).result()
            finally:
                loop.call_soon_threadsafe(loop.stop)
                self._thread.join()

    def models(self) -> tuple[ModelCard, ...]:
        """As `Quorate.models`."""
        return self._quorate.models()

    @overload
    def ask(self, prompt: Prompt, *, output: type[T], **options: Unpack[AskOptions]) -> TypedResult[T]: ...

    @overload
    def ask(self, prompt: Prompt, *, output: OutputGiven | None = None, **options: Unpack[AskOptions]) -> Result: ...

    def ask(self, prompt: Prompt, *, output: Any = None, **options: Unpack[AskOptions]) -> Result:
        """As `Quorate.ask`. `on_event` is called on the event loop's thread."""
        return self.wait(self._quorate.ask(prompt, output=output, **options))

    def estimate(
        self, prompt: Prompt, *, output: OutputGiven | type[object] | None = None, **options: Unpack[AskOptions]
    ) -> Estimate:
        """As `Quorate.estimate`."""
        return self._quorate.estimate(prompt, output=output, **options)

    def prompt(self, name: str, /, **values: object) -> Result:
        """As `Quorate.prompt`."""
        return self.wait(self._quorate.prompt(name, **values))

    def flow(
        self,
        flow: str | Path,
        inputs: Mapping[str, object] | None = None,
        /,
        *,
        on_event: EventSink = ignore_events,
        durable: bool = False,
        timeout_s: float | None = None,
        **values: object,
    ) -> "FlowResult":
        """As `Quorate.flow`. `on_event` is called on the event loop's thread."""
        given = {**(inputs or {}), **values}
        return self.wait(self._quorate.flow(flow, given, on_event=on_event, durable=durable, timeout_s=timeout_s))

    def flows(self) -> tuple[str, ...]:
        """As `Quorate.flows`."""
        return self.wait(self._quorate.flows())

    def feedback(self, run_id: str, *, correct: bool, branch: str | None = None, note: str | None = None) -> Feedback:
        """As `Quorate.feedback`."""
        return self.wait(self._quorate.feedback(run_id, correct=correct, branch=branch, note=note))

    @contextmanager
    def stream(
        self, prompt: Prompt, *, output: OutputGiven | type[object] | None = None, **options: Unpack[AskOptions]
    ) -> Generator["SyncAnswer"]:
        """As `Quorate.stream`: `for text in answer`, then `answer.result`."""
        context = self._quorate.stream(prompt, output=output, **options)
        answer = self.wait(_enter(context))
        try:
            yield SyncAnswer(self, answer)
        finally:
            self.wait(_leave(context))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the event loop's thread and return its result; Ctrl-C cancels it and waits for its end."""
        with self._lock:
            if self._loop is None or threading.current_thread() is self._thread:
                work.close()
                raise RuntimeError(
                    "use SyncQuorate as a context manager: with SyncQuorate.from_file() as q: ..."
                    if self._loop is None
                    else "a SyncQuorate cannot be used inside its own on_event: it would wait for itself"
                )
            job = Elsewhere(self._loop, work)
        return job.result()


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    with asyncio.Runner(loop_factory=lambda: loop):
        loop.run_forever()


class SyncAnswer:
    """Iterate for the text, piece by piece; `result` is the whole once the iteration has ended."""

    def __init__(self, portal: SyncQuorate, answer: Answer) -> None:
        self._portal = portal
        self._answer = answer

    def __iter__(self) -> Iterator[str]:
        pieces = aiter(self._answer)
        while (text := self._portal.wait(_next(pieces))) is not None:
            yield text

    @property
    def result(self) -> Result:
        """As `Answer.result`."""
        return self._answer.result


async def _next(pieces: AsyncIterator[str]) -> str | None:
    return await anext(pieces, None)


async def _enter(context: AbstractAsyncContextManager[T]) -> T:
    return await context.__aenter__()


async def _leave(context: AbstractAsyncContextManager[Any]) -> None:
    await context.__aexit__(None, None, None)
