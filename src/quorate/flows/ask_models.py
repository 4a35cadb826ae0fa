"""A step asks models: its plan runs as any other does, under the step's call."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from quorate.contracts.contract import Contract
from quorate.core.errors import InvalidRequest
from quorate.flows.executor import StepContext, StepRejected
from quorate.flows.extract import extracted
from quorate.flows.model_section import ModelStepSection
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.result import Result
from quorate.prompts.asked_plan import asked_plan
from quorate.wire.chat import ChatRequest, Message
from quorate.wire.open import load


async def ask_models(
    section: ModelStepSection, messages: Sequence[Message], step: StepContext, *, contract: Contract | None = None
) -> Result:
    """Return the result of asking what the section says; `contract` stands in for one that it does not have.

    Raises `StepRejected` if nobody is named, `NotFound` for a model that is not there, and the errors of the models as
    they are: what may pass is retryable.
    """
    services = step.services
    members = section.members(services.models)
    if not members:
        raise StepRejected("no model is named, and none is asked by default", hint="set `model` or `models`")
    plan = asked_plan(section, members, services.plan, services.catalog)
    plan = replace(plan, output=section.contract() or contract or plan.output)
    ensemble = Ensemble(name=step.path, plan=plan, resources=services.catalog.resources)
    request = _request(section, messages)
    return await (_said(ensemble, request, step) if section.stream else ensemble.run(request, step.call))


def value_of(section: ModelStepSection, result: Result) -> object:
    """Return what an answer says under its contract, as plain JSON, or what is to be extracted of it."""
    output = result.output
    return extracted(result.answer, section.extract) if output is None else output.value


async def _said(ensemble: Ensemble, request: ChatRequest, step: StepContext) -> Result:
    """Return the result; what comes of the answer until then is passed on."""
    async with ensemble.open(msgspec.structs.replace(request, stream=True), step.call) as reply:
        async for delta in reply:
            if delta.text:
                step.say(delta.text)
        detail = (await reply.completion()).detail
    assert isinstance(detail, Result)
    return detail


def _request(section: ModelStepSection, messages: Sequence[Message]) -> ChatRequest:
    try:
        request = load({**section.request_fields(), "messages": []}, ChatRequest)
    except InvalidRequest as error:
        raise StepRejected(f"the request cannot be made: {error.message}", code="bad_request") from None
    return msgspec.structs.replace(request, messages=tuple(messages))
