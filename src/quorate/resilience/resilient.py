"""A Model with what its configuration says about failures."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from enum import StrEnum

from quorate.model import Call, Model, Reply
from quorate.resilience.fallbacks import NO_FALLBACKS, Fallbacks, Window
from quorate.wire.chat import ChatRequest


class OnCut(StrEnum):
    """What is done when a streamed answer breaks off after its caller has read a part of it.

    `error`: pieces go out as they come, and the stream ends with an error event. `restart`: the answer is held back
    until it is whole, so that it can begin anew elsewhere; the caller's first token comes with the last.
    """

    ERROR = "error"
    RESTART = "restart"


class Resilient:
    """`model`, its `fallbacks` and what happens `on_cut`; asked by itself it is `model` and no more.

    Who asks for somebody (a branch, the gateway) goes by these: see `Failover`. `resolve` gives a fallback by its
    catalog name, `window` its context window.
    """

    __slots__ = ("fallbacks", "model", "on_cut", "resolve", "window")

    def __init__(
        self,
        model: Model,
        *,
        fallbacks: Fallbacks,
        on_cut: OnCut,
        resolve: Callable[[str], Model],
        window: Window,
    ) -> None:
        self.model = model
        self.fallbacks = fallbacks
        self.on_cut = on_cut
        self.resolve = resolve
        self.window = window

    @property
    def name(self) -> str:
        """The catalog name."""
        return self.model.name

    def open(self, request: ChatRequest, call: Call) -> AbstractAsyncContextManager[Reply]:
        """Answer as `model` does."""
        return self.model.open(request, call)


def bare(model: Model) -> Model:
    """Return the model itself, without what is configured about its failures."""
    return model.model if isinstance(model, Resilient) else model


def fallbacks_of(model: Model) -> Fallbacks:
    """Return what stands in for a model."""
    return model.fallbacks if isinstance(model, Resilient) else NO_FALLBACKS


def is_held_back(model: Model) -> bool:
    """Return whether the pieces of an answer wait until it is whole."""
    return isinstance(model, Resilient) and model.on_cut is OnCut.RESTART
