"""A step for tests of executors: what it sees is given, and the services around it refuse."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

from quorate.core.clock import Clock
from quorate.core.ids import RunId
from quorate.engine.catalog import Catalog
from quorate.engine.most import WorstCase
from quorate.flows.data.view import VIEW_KEYS
from quorate.flows.executor import FlowServices, StepContext
from quorate.flows.files import FileRef
from quorate.flows.outcome import FlowResult
from quorate.flows.outgoing import OutgoingAnswer
from quorate.model import Call, new_call
from quorate.parallel.result import Result
from quorate.templating.environment import Environment
from quorate.templating.value import Value


class _Refusing:
    """Every service that a step has, in one; whichever is asked raises `AssertionError`."""

    #: No prompt changes.
    generation = 0

    async def refresh(self, clock: Clock) -> None:
        """Do nothing."""
        del clock

    def names(self) -> tuple[str, ...]:
        """No prompt is there."""
        return ()

    def worst_case(self, name: str) -> WorstCase:
        """Refuse to say what a prompt can cost."""
        raise AssertionError(f"the step asks what {name!r} costs; give `executor_step` services that have that prompt")

    async def run(self, name: str, values: Mapping[str, Any], call: Call) -> Result:
        """Refuse to run a prompt."""
        del values, call
        raise AssertionError(f"the step asks the prompt {name!r}; give `executor_step` services that have it")

    async def keep(
        self, run: RunId, content: bytes | AsyncIterator[bytes], *, name: str, max_bytes: int, declared: str = ""
    ) -> FileRef:
        """Refuse to keep a file."""
        del run, content, max_bytes, declared
        raise AssertionError(f"the step keeps the file {name!r}; give `executor_step` services that can")

    async def copy(self, run: RunId, to: RunId) -> None:
        """Copy nothing."""
        del run, to

    def path(self, ref: FileRef) -> Path:
        """Refuse to find a file."""
        raise AssertionError(f"the step reads the file {ref.name!r}; give `executor_step` services that have it")

    async def delete(self, run: RunId) -> None:
        """Refuse to delete files."""
        raise AssertionError(f"the step deletes the files of {run!r}")

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float, max_bytes: int
    ) -> OutgoingAnswer:
        """Refuse to send anything."""
        del headers, body, timeout_s, max_bytes
        raise AssertionError(f"the step sends {method} {url}; give `executor_step` services that can")


def step_view(output: Any = None, *, status: str = "succeeded") -> dict[str, Any]:
    """Return what expressions see of a step that ended so."""
    fields = cast("dict[str, Any]", output) if isinstance(output, dict) else {}
    seen = {"success": status == "succeeded", "status": status, "skipped": status == "skipped", "error": None}
    return {**seen, "result": output, "output": output, **fields}


def executor_step(
    *,
    steps: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    needs: tuple[str, ...] = (),
    services: FlowServices | None = None,
    call: Call | None = None,
    sleep: Callable[[float], Awaitable[None]] | None = None,
    values: Callable[[object], Value] | None = None,
) -> StepContext:
    """Return the first attempt of a step called `it`, as an executor sees it.

    `steps` are outputs of other steps by name, or views of them made with `step_view`. `values` compiles what the
    executor holds under `raw` keys, without functions and macros if not given. Without `services` nothing can be asked,
    kept or sent.
    """
    seen = {name: given if _is_view(given) else step_view(given) for name, given in (steps or {}).items()}
    nobody = _Refusing()
    return StepContext(
        path="it",
        key="run/it",
        attempt=1,
        call=call or new_call(),
        scope={
            "inputs": dict(inputs or {}),
            "steps": seen,
            "run": {"id": "run", "flow": "test", "version": "1.0.0", "tenant": "local", "attempt": 1, "seed": 0},
        },
        services=services or FlowServices(catalog=Catalog(), prompts=nobody, files=nobody, outgoing=nobody),
        say=_say_nothing,
        sleep=sleep or _no_sleep,
        run_flow=_no_flow,
        values=values or _values,
        needs=needs,
    )


def _is_view(given: object) -> bool:
    return isinstance(given, dict) and cast("dict[str, Any]", given).keys() >= VIEW_KEYS


def _say_nothing(text: str) -> None:
    del text


async def _no_flow(flow: str, version: str | None, inputs: Mapping[str, Any], step: StepContext) -> FlowResult:
    del version, inputs
    raise AssertionError(f"{step.path} runs the flow {flow!r}; test it inside a flow, with a mock")


async def _no_sleep(seconds: float) -> None:
    raise AssertionError(f"the step waits {seconds} s; give `executor_step` a `sleep`")


def _values(written: object) -> Value:
    return Environment().value(written, name="it")
