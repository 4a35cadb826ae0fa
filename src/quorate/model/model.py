"""The one primitive: anything that answers a chat request is a `Model`."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from functools import wraps
from types import TracebackType
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

from quorate.model.call import Call
from quorate.model.completion import Completion, Delta
from quorate.model.reply import Reply
from quorate.wire.chat import ChatRequest


class Model(Protocol):
    """An endpoint, an ensemble, a cascade, a router, a flow: all are called the same way and compose by name.

    Wrappers (retry, breaker, cache, recording) are Models around a Model.
    """

    @property
    def name(self) -> str:
        """The catalog name."""
        ...

    def open(self, request: ChatRequest, call: Call) -> AbstractAsyncContextManager[Reply]:
        """Begin to answer. `request.stream` says whether pieces are wanted as they come.

        Leaving the context cancels and closes everything under it: no task, no connection is left. Every attempt that
        reached a provider is charged to `call.budget`, also when it failed or was cancelled. Raises `QuorateError`s
        only (and cancellation).
        """
        ...


def leaf(model: Model) -> Model:
    """Return what all wrappers (those with a `model` of their own: retry, hedge) are around; `model` itself if none."""
    # Not by `isinstance`, which takes 10 us to look at a protocol: every request that a budget is about passes here.
    while hasattr(inner := getattr(model, "model", None), "open"):
        model = cast("Model", inner)
    return model


async def complete(model: Model, request: ChatRequest, call: Call) -> Completion:
    """Return the whole answer of `model`."""
    async with model.open(request, call) as reply:
        return await reply.completion()


async def stream(model: Model, request: ChatRequest, call: Call) -> AsyncGenerator[Delta]:
    """Yield the pieces of the answer of `model`; use it under `contextlib.aclosing`."""
    async with model.open(request, call) as reply:
        async for delta in reply:
            yield delta


P = ParamSpec("P")
SelfT = TypeVar("SelfT")


def opens_reply(
    source: Callable[Concatenate[SelfT, P], AsyncGenerator[Delta | Completion]],
) -> Callable[Concatenate[SelfT, P], AbstractAsyncContextManager[Reply]]:
    """Turn an async generator method that yields `Delta`s and then a `Completion` into an `open` method.

    The generator is closed when the context is left, so its `finally` blocks run at once and in the same task.
    """

    @wraps(source)
    def open_reply(self: SelfT, *args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[Reply]:
        return _Opening(source(self, *args, **kwargs))

    return open_reply


class _Opening(AbstractAsyncContextManager[Reply]):
    """A reply while it is open.

    Written out because `asynccontextmanager` with `aclosing` costs several times as much, in every layer of every call.
    """

    __slots__ = ("_source",)

    def __init__(self, source: AsyncGenerator[Delta | Completion]) -> None:
        self._source = source

    async def __aenter__(self) -> Reply:
        return Reply(self._source)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._source.aclose()
