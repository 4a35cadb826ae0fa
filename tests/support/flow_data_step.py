"""A step for executors that work on data: a small real template engine, and services that nobody may ask."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import minijinja

from quorate.core.clock import Clock
from quorate.core.ids import RunId
from quorate.engine.catalog import Catalog
from quorate.flows.executor import Executor, FlowServices, StepContext
from quorate.flows.files import FileRef
from quorate.flows.outcome import FlowResult
from quorate.flows.outgoing import OutgoingAnswer
from quorate.model import Call, new_call
from quorate.parallel.result import Result
from quorate.templating.template import TemplateError
from quorate.templating.value import Reference, Scope

_WHOLE = re.compile(r"\{\{((?:(?!\}\}).)*)\}\}", re.DOTALL)


class TreeValue:
    """A tree with templates in its texts, rendered by minijinja; a text that is one expression keeps its type."""

    def __init__(self, written: object) -> None:
        self._written = written
        self._engine = minijinja.Environment(undefined_behavior="strict", fuel=100_000)
        self.slow = False

    @property
    def references(self) -> tuple[Reference, ...]:
        names: set[str] = set()
        for text in _texts(self._written):
            names |= self._engine.undeclared_variables_in_str(text, nested=True)
        longest = [name for name in names if not any(other.startswith(f"{name}.") for other in names)]
        return tuple(Reference(names=tuple(name.split("."))) for name in sorted(longest))

    def render(self, scope: Scope) -> Any:
        return self._render(self._written, scope)

    def _render(self, written: object, scope: Scope) -> Any:
        match written:
            case str():
                return self._text(written, scope)
            case Mapping():
                return {key: self._render(value, scope) for key, value in cast("Mapping[str, Any]", written).items()}
            case list():
                return [self._render(value, scope) for value in cast("list[Any]", written)]
            case _:
                return written

    def _text(self, text: str, scope: Scope) -> Any:
        try:
            if whole := _WHOLE.fullmatch(text.strip()):
                return self._engine.eval_expr(whole.group(1), **scope)
            return self._engine.render_str(text, **scope) if "{" in text else text
        except minijinja.TemplateError as error:
            raise TemplateError(f"{text}: {error.detail or error.kind}") from None


def _texts(written: object) -> list[str]:
    match written:
        case str():
            return [written]
        case Mapping():
            return [text for value in cast("Mapping[str, Any]", written).values() for text in _texts(value)]
        case list():
            return [text for value in cast("list[Any]", written) for text in _texts(value)]
        case _:
            return []


class Nobody:
    """Every service in one; asking any of them is a mistake of the test."""

    def names(self) -> tuple[str, ...]:
        return ()

    async def run(self, name: str, values: Mapping[str, Any], call: Call) -> Result:
        raise AssertionError("no prompt is asked here")

    async def keep(
        self, run: RunId, content: bytes | AsyncIterator[bytes], *, name: str, max_bytes: int, declared: str = ""
    ) -> FileRef:
        raise AssertionError("no file is kept here")

    def path(self, ref: FileRef) -> Path:
        raise AssertionError("no file is read here")

    async def delete(self, run: RunId) -> None:
        raise AssertionError("no file is deleted here")

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", timeout_s: float, max_bytes: int
    ) -> OutgoingAnswer:
        raise AssertionError("nothing leaves here")


async def _no_flow(flow: str, version: str | None, inputs: Mapping[str, Any], step: StepContext) -> FlowResult:
    raise AssertionError("no flow is run here")


async def _no_sleep(seconds: float) -> None:
    raise AssertionError("nobody sleeps here")


def view(output: Any = None, *, status: str = "succeeded") -> dict[str, Any]:
    """What expressions see of a step."""
    fields = cast("dict[str, Any]", output) if isinstance(output, dict) else {}
    seen = {"success": status == "succeeded", "status": status, "skipped": status == "skipped", "error": None}
    return {**seen, "result": output, "output": output, **fields}


def data_step(
    *,
    steps: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    needs: tuple[str, ...] = (),
    sleep: Callable[[float], Any] = _no_sleep,
    clock: Clock | None = None,
    values: Callable[[object], TreeValue] = TreeValue,
) -> StepContext:
    """One attempt of a step; `steps` are outputs, or views made with `view`."""
    seen = {name: given if _is_view(given) else view(given) for name, given in (steps or {}).items()}
    nobody = Nobody()
    return StepContext(
        path="it",
        key="run/it",
        attempt=1,
        call=new_call(clock=clock),
        scope={"inputs": dict(inputs or {}), "steps": seen, "run": {"id": "run"}},
        services=FlowServices(catalog=Catalog(), prompts=nobody, files=nobody, outgoing=nobody),
        say=lambda text: None,
        sleep=sleep,
        run_flow=_no_flow,
        values=values,
        needs=needs,
    )


def _is_view(given: object) -> bool:
    return isinstance(given, dict) and given.keys() >= {"success", "skipped", "result", "output"}


async def run_step(executor: Executor[Any, Any], written: Mapping[str, Any], step: StepContext) -> Any:
    """What the executor returns for a config as it is written: rendered but for its raw keys, then validated."""
    rendered = {
        key: value if key in executor.raw else TreeValue(value).render(step.scope) for key, value in written.items()
    }
    return await executor.run(executor.config.model_validate(rendered), step)
