"""A step for executors that work on data, with a small real template engine."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import minijinja

from quorate.core.clock import Clock
from quorate.flows.executor import Executor, StepContext
from quorate.model import new_call
from quorate.templating.template import TemplateError
from quorate.templating.value import Reference, Scope, Value
from quorate.testing import executor_step

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


def data_step(
    *,
    steps: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    needs: tuple[str, ...] = (),
    sleep: Callable[[float], Awaitable[None]] | None = None,
    clock: Clock | None = None,
    values: Callable[[object], Value] = TreeValue,
) -> StepContext:
    """One attempt of a step; `steps` are outputs, or views made with `step_view`."""
    call = new_call(clock=clock)
    return executor_step(steps=steps, inputs=inputs, needs=needs, call=call, sleep=sleep, values=values)


async def run_step(executor: Executor[Any, Any], written: Mapping[str, Any], step: StepContext) -> Any:
    """What the executor returns for a config as it is written: rendered but for its raw keys, then validated."""
    rendered = {
        key: value if key in executor.raw else TreeValue(value).render(step.scope) for key, value in written.items()
    }
    return await executor.run(executor.config.model_validate(rendered), step)
