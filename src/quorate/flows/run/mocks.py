"""Answers in place of executions: what a test of a flow says, or what an earlier run has recorded."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from quorate.flows.outcome import StepError, StepOutcome, StepStatus
from quorate.flows.path import ancestors
from quorate.flows.run.failure import StepFailed

_NOTHING = object()


class Mocks:
    """Outputs by the path or the name of a step; `{"error": {...}}` (and nothing else) is a failure.

    `recorded`, if given, are all paths of an earlier run: then only paths count, and a step without an answer must not
    be executed, unless something below it was recorded.
    """

    __slots__ = ("_above", "_given", "_is_complete")

    def __init__(self, given: Mapping[str, Any], *, recorded: Iterable[str] | None = None) -> None:
        self._given = given
        self._is_complete = recorded is not None
        self._above = {above for path in recorded or () for above in ancestors(path)}

    def has(self, path: str, name: str) -> bool:
        """Return whether a step is not to be executed."""
        if self._is_complete:
            return path in self._given or path not in self._above
        return path in self._given or name in self._given

    def answer(self, path: str, name: str) -> Any:
        """Return a step's output; raise `StepFailed` where its answer is an error or there is none."""
        answer = self._given.get(path, _NOTHING if self._is_complete else self._given.get(name, _NOTHING))
        if answer is _NOTHING:
            message = f"nothing was recorded for step {path!r}, and a replay executes nothing"
            raise StepFailed(StepError(stage=path, code="not_recorded", message=message))
        if isinstance(answer, Mapping):
            entries = cast("Mapping[str, Any]", answer)
            if set(entries) == {"error"} and isinstance(entries["error"], Mapping):
                raise StepFailed(_error(path, cast("Mapping[str, Any]", entries["error"])))
        return cast("Any", answer)


def recorded_answers(known: Mapping[str, StepOutcome]) -> Mocks:
    """Return the answers that executed steps gave in an earlier run; not those that are made of others."""
    inside: dict[str, set[str]] = {}
    for path in known:
        below = path
        for above in ancestors(path):
            inside.setdefault(above, set()).add(below)
            below = above
    given = {
        path: _answer(each)
        for path, each in known.items()
        if _was_executed(each) and (path not in inside or _failed_itself(each, inside[path]))
    }
    return Mocks(given, recorded=known)


def _failed_itself(outcome: StepOutcome, inside: set[str]) -> bool:
    """Whether a step was executed although something is below it: only its fallback, which ran after it had failed."""
    return outcome.error is not None and outcome.error.stage == outcome.path and len(inside) == 1


def _was_executed(outcome: StepOutcome) -> bool:
    return outcome.status in (StepStatus.SUCCEEDED, StepStatus.FAILED)


def _answer(outcome: StepOutcome) -> Any:
    error = outcome.error
    if error is None or (outcome.status is StepStatus.SUCCEEDED and outcome.handled_by not in ("value", "fallback")):
        return outcome.output
    return {
        "error": {"code": error.code, "message": error.message, "hint": error.hint, "stage": error.stage},
    }


def _error(path: str, given: Mapping[str, Any]) -> StepError:
    return StepError(
        stage=str(given.get("stage", path)),
        code=str(given.get("code", "mocked")),
        message=str(given.get("message", "the mock of this step is an error")),
        hint=str(given.get("hint", "")),
    )
