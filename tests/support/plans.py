"""Asking scripted models through a plan, in virtual time."""

from collections.abc import Mapping
from typing import Any

from quorate.model import Call, Model, new_call
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Member, Plan
from quorate.parallel.resources import Resources
from quorate.parallel.result import Result
from quorate.resilience.retry_policy import NO_RETRY
from quorate.testing import RecordingSink, ScriptedAnswer, ScriptedModel, VirtualClock, run_virtual
from quorate.wire.chat import ChatRequest, user_request

CAPITAL = "What is the capital of France?"


def after(delay_s: float, text: str = "Paris", **fields: Any) -> ScriptedAnswer:
    """Return an answer that takes `delay_s`."""
    return ScriptedAnswer(text=text, delay_s=delay_s, **fields)


def models(**answers: str | Exception | ScriptedAnswer) -> dict[str, ScriptedModel]:
    """Return scripted models by name."""
    return {name: ScriptedModel(name, answer) for name, answer in answers.items()}  # pyright: ignore[reportArgumentType] - errors of ours only


def plan(named: Mapping[str, Model], **fields: Any) -> Plan:
    """Return a plan of all the models, without retries and without a limit on concurrency unless told otherwise."""
    members = fields.pop("members", None) or tuple(Member(model=name) for name in named)
    given: dict[str, Any] = {"members": members, "max_concurrent": 100, "retry": NO_RETRY, **fields}
    return Plan(**given)


def virtual_call(sink: RecordingSink | None = None, **fields: Any) -> Call:
    """Return a call on virtual time."""
    return new_call(clock=VirtualClock(), sink=sink or RecordingSink(), seed=7, **fields)


async def ask(
    named: Mapping[str, Model],
    prompt: str | ChatRequest = CAPITAL,
    *,
    call: Call | None = None,
    sink: RecordingSink | None = None,
    **fields: Any,
) -> Result:
    """Run a plan of the models."""
    request = user_request(prompt) if isinstance(prompt, str) else prompt
    ensemble = Ensemble(name="panel", plan=plan(named, **fields), resources=Resources(resolve=named.__getitem__))
    return await ensemble.run(request, call or virtual_call(sink))


def ask_virtually(named: Mapping[str, Model], prompt: str | ChatRequest = CAPITAL, **fields: Any) -> Result:
    """Run a plan of the models in virtual time."""
    return run_virtual(ask(named, prompt, **fields))
