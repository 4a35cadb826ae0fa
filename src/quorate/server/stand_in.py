"""From an endpoint that failed to its fallbacks: out of the short way, into that of all composed models."""

from contextlib import AbstractAsyncContextManager

from quorate.core.errors import QuorateError
from quorate.model import Call, Reply
from quorate.resilience.resilient import Resilient
from quorate.resilience.retry import settle
from quorate.server.job import Job
from quorate.wire.chat import ChatRequest


def stands_in(job: Job, error: QuorateError) -> bool:
    """Have the job answered by the fallbacks of its model, which failed with `error`; `False` if it has none for that.

    What the endpoint did is in the record already; the plan that goes on begins with its failure.
    """
    model = job.model
    if not isinstance(model, Resilient) or not model.fallbacks.after(error, of=model.name, window=model.window):
        return False
    job.model = Resilient(
        _Failed(model.name, error),
        fallbacks=model.fallbacks,
        on_cut=model.on_cut,
        resolve=model.resolve,
        window=model.window,
    )
    return True


class _Failed:
    """A model that was asked and failed: it fails with the same error, at once and at no cost."""

    def __init__(self, name: str, error: QuorateError) -> None:
        self._name = name
        self._error = error

    @property
    def name(self) -> str:
        """The catalog name."""
        return self._name

    def open(self, request: ChatRequest, call: Call) -> AbstractAsyncContextManager[Reply]:
        """Fail."""
        del request
        settle(self._error, call)
        raise self._error
