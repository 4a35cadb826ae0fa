"""A flow as a model, `flow/NAME[@VERSION]`: a question goes in, one of its outputs is the answer."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from quorate.contracts.json_text import decode_json
from quorate.core.errors import InvalidRequest, Malformed
from quorate.core.ids import RunId, new_id
from quorate.core.tasks import background
from quorate.engine.catalog import Entry, ModelCard, ModelKind
from quorate.flows.event import StepEvent
from quorate.flows.flows import Flows
from quorate.flows.inputs import check_inputs
from quorate.flows.nested_flow import FlowFailed
from quorate.flows.outcome import FlowResult, RunStatus
from quorate.flows.plan import Durability, FlowPlan, OutputPlan
from quorate.flows.spoken_step import said_by, spoken_step
from quorate.model import Call, Completion, Delta, Usage, opens_reply
from quorate.model.event import Event, EventSink, fan_out, ignore_events
from quorate.wire.chat import ChatRequest, ChatResponse, Choice, Message
from quorate.wire.stream import ChatChunk, ChunkChoice, ChunkDelta

_PREFIX = "flow/"
_QUESTIONS = ("question", "prompt", "text", "message", "input", "query")
_ANSWERS = ("answer", "text", "result", "output")


class FlowModel:
    """A flow that is asked like any model; runs in memory, and ends when nobody waits for it any more.

    The last message of the user is the input that is a text (the only one, or that called `question`, `prompt`,
    `text`, `message`, `input` or `query`); a JSON object in it is all inputs. The answer is the output `answer`,
    `text`, `result` or `output`, or the only one, else all outputs as JSON. Where it is the text of one step that says
    `stream: true`, it comes piece by piece, else as one piece.
    """

    def __init__(self, flows: Flows, name: str) -> None:
        self._flows = flows
        self._name = name

    @property
    def name(self) -> str:
        """The catalog name."""
        return self._name

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Run the flow and give its answer; raises `FlowFailed` if it has none, `InvalidInputs`."""
        flow, _, version = self._name.removeprefix(_PREFIX).partition("@")
        plan = self._flows.plan(flow, version or None, key=call.principal)
        # Two flows asked side by side are two runs.
        inner = msgspec.structs.replace(call, id=RunId(new_id("run", call.clock)), sink=_below(call))
        inputs = check_inputs(plan, inputs_of(plan, request), run=inner.id)  # no run has files of this one
        step = spoken_step(plan, _answering(plan)) if request.stream else None
        if step is None:
            result = await self._flows.run(plan, inputs, inner, durability=Durability.FAST, are_checked=True)
            yield _completion(self._name, result)
            return
        async with aclosing(self._spoken(plan, inputs, inner, step)) as pieces:
            async for piece in pieces:
                yield piece

    async def _spoken(
        self, plan: FlowPlan, inputs: Mapping[str, Any], call: Call, step: str
    ) -> AsyncGenerator[Delta | Completion]:
        """Yield what a step says while it says it, and how the run ended."""
        said: asyncio.Queue[str] = asyncio.Queue()

        def hear(event: Event) -> None:
            if text := said_by(step, event):
                said.put_nowait(text)

        heard = msgspec.structs.replace(call, sink=fan_out(call.sink, hear))
        passed_on = list[str]()
        async with background(
            self._flows.run(plan, inputs, heard, durability=Durability.FAST, are_checked=True)
        ) as running:
            running.add_done_callback(lambda _: said.put_nowait(""))  # no step says nothing
            while text := await said.get():
                passed_on.append(text)
                delta = ChunkDelta(role="assistant" if len(passed_on) == 1 else None, content=text)
                yield Delta(chunk=ChatChunk(model=self._name, choices=(ChunkChoice(delta=delta),)))
            completion = _completion(self._name, await running)
        rest = _rest(completion.text, "".join(passed_on))
        if passed_on:
            choice = ChunkChoice(delta=ChunkDelta(content=rest or None), finish_reason="stop")
            yield Delta(chunk=ChatChunk(model=self._name, choices=(choice,)))
        yield completion


class FlowModels:
    """The flows of a book as models of a catalog, as they are at each moment."""

    prefix = _PREFIX

    def __init__(self, flows: Flows) -> None:
        self._flows = flows

    def entry(self, name: str) -> Entry:
        """Return the flow called `flow/NAME[@VERSION]`; raise `NotFound`."""
        flow, _, version = name.removeprefix(_PREFIX).partition("@")
        plan = self._flows.plan(flow, version or None)
        return Entry(card=_card(name, plan), make=lambda: FlowModel(self._flows, name))

    def cards(self) -> Iterable[ModelCard]:
        """Return the cards of all flows."""
        book = self._flows.book
        return [_card(f"{_PREFIX}{name}", book.usual(name)) for name in book.names()]


def flow_models(flows: Flows) -> FlowModels:
    """Return the flows as models, for `Catalog.mount`."""
    return FlowModels(flows)


def inputs_of(plan: FlowPlan, request: ChatRequest) -> Mapping[str, Any]:
    """Return the inputs that a chat request means; raise `InvalidRequest` if it is not clear which."""
    asked = next((message for message in reversed(request.messages) if message.role == "user"), None)
    text = "" if asked is None else asked.text
    if not text.strip():
        raise InvalidRequest(f"the flow {plan.name!r} needs a message of the user with text", param="messages")
    if text.lstrip().startswith("{"):
        read = decode_json(text).value
        if isinstance(read, dict):
            return read  # pyright: ignore[reportUnknownVariableType] - JSON has texts for keys
    texts = [each.name for each in plan.inputs if not each.is_file and each.schema.get("type", "string") == "string"]
    required = [each.name for each in plan.inputs if each.required and each.name in texts]
    named = next((name for name in _QUESTIONS if name in texts), None)
    only = texts[0] if len(texts) == 1 else required[0] if len(required) == 1 else None
    if (name := named or only) is None:
        told = ", ".join(each.name for each in plan.inputs) or "none"
        raise InvalidRequest(
            f"which input of the flow {plan.name!r} the message is cannot be told; send a JSON object with its inputs "
            f"({told})",
            param="messages",
        )
    return {name: text}


def answer_text(outputs: Mapping[str, Any]) -> str:
    """Return the answer among the outputs of a flow, as text."""
    name = next((name for name in _ANSWERS if outputs.get(name) is not None), None)
    value: Any = outputs[name] if name is not None else outputs
    if name is None and len(outputs) == 1:
        value = next(iter(outputs.values()))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _below(call: Call) -> EventSink:
    """Return a sink that passes events on to the call's, with the paths of steps below its branch."""
    sink, branch = call.sink, call.branch
    if sink is ignore_events or not branch:
        return sink

    def tell(event: Event) -> None:
        told = msgspec.structs.replace(event, step=f"{branch}/{event.step}") if isinstance(event, StepEvent) else event
        sink(told)

    return tell


def _answering(plan: FlowPlan) -> OutputPlan | None:
    """Return the output that is the answer if all are there; `None` if it is all of them."""
    outputs = {each.name: each for each in plan.outputs}
    named = next((outputs[name] for name in _ANSWERS if name in outputs), None)
    return plan.outputs[0] if named is None and len(plan.outputs) == 1 else named


def _rest(answer: str, passed_on: str) -> str:
    if not answer.startswith(passed_on):
        raise Malformed("the answer of the flow is not what its step said on the way; ask again without `stream`")
    return answer[len(passed_on) :]


def _completion(name: str, result: FlowResult) -> Completion:
    if result.status not in {RunStatus.SUCCEEDED, RunStatus.PARTIAL}:
        raise FlowFailed(result)
    message = Message(role="assistant", content=answer_text(result.outputs))
    usage = Usage(prompt_tokens=result.prompt_tokens, completion_tokens=result.completion_tokens)
    return Completion(
        response=ChatResponse(model=name, choices=(Choice(index=0, message=message, finish_reason="stop"),)),
        model=name,
        provider="flow",
        usage=usage,
        cost_microusd=result.cost_microusd,
        metadata={"simulated": True} if result.simulated else {},
    )


def _card(name: str, plan: FlowPlan) -> ModelCard:
    return ModelCard(name=name, kind=ModelKind.FLOW, provider="flow", description=plan.description)
