"""Why something failed, as it is kept and shown: from whatever was raised."""

import logging
from collections.abc import Iterator
from typing import cast

from quorate.core.errors import QuorateError
from quorate.flows.executor import StepRejected
from quorate.flows.journal import LeaseLost
from quorate.flows.journals.errors import JournalUnavailable
from quorate.flows.outcome import StepError
from quorate.flows.run.hidden import Hidden
from quorate.flows.run.hint import hint_for

_log = logging.getLogger("quorate")


class StepFailed(Exception):
    """A step, or what is inside it, has failed: `error` is why, `cause` what was raised, if it was raised here."""

    def __init__(self, error: StepError, cause: QuorateError | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.cause = cause


class RunStopped(Exception):
    """What runs now has no use: a step outside of it has failed, and nothing new starts."""


def failed(error: Exception, path: str, executor: str, hidden: Hidden) -> StepFailed:
    """Return the failure of the step at `path`.

    Raises what is no failure of a step: `LeaseLost`, `JournalUnavailable`, `RunStopped`.
    """
    if isinstance(error, StepFailed):
        return error
    for each in _all(error):
        if isinstance(each, LeaseLost | JournalUnavailable | RunStopped):
            raise each
    known = next((each for each in _all(error) if isinstance(each, QuorateError)), None)
    if known is None:
        return StepFailed(_internal(error, path, executor))
    return StepFailed(
        StepError(
            stage=path,
            code=known.reason if isinstance(known, StepRejected) else known.code,
            message=hidden.text(known.message),
            hint=hidden.text(hint_for(known)),
            retryable=known.retryable,
        ),
        known,
    )


def run_lost(error: BaseException) -> LeaseLost | JournalUnavailable | None:
    """Return why a run cannot go on here, from an error or a group of errors; `None` if it is something else.

    Its lease is gone, or nothing can be kept: it is for whoever takes it up later.
    """
    found = [each for each in _all(error) if isinstance(each, LeaseLost | JournalUnavailable)]
    return min(found, key=lambda each: not isinstance(each, LeaseLost), default=None)


def _internal(error: Exception, path: str, executor: str) -> StepError:
    doer = f"the executor {executor!r}" if executor else "the interpreter"
    _log.error("%s failed in step %s", doer, path, exc_info=error)
    return StepError(
        stage=path,
        code="internal_error",
        message=f"{doer} failed in step {path!r} with {type(error).__name__}",
        hint="this is a defect, not a matter of the data; the log has the details",
    )


def _all(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _all(each)
    else:
        yield error
