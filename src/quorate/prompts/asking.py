"""From a saved prompt and values to what is asked of whom: children first, side by side."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from quorate.core.errors import InvalidRequest, Misconfigured, NotFound
from quorate.engine.catalog import Catalog
from quorate.engine.most import UNKNOWN, WorstCase, most_of_plan, plus
from quorate.model import Call, Delta, Spend
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Plan, Select
from quorate.parallel.result import Result
from quorate.prompts.answer_cache import AnswerCache, is_whole
from quorate.prompts.answer_key import answer_key, files_digest
from quorate.prompts.asked_plan import asked_plan
from quorate.prompts.definition import PromptDefinition
from quorate.providers.estimate import estimate_prompt_tokens
from quorate.wire.chat import ChatRequest
from quorate.wire.open import load

#: How deep prompts may ask for the answers of others.
MOST_DEPTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A prompt with a value for each of its inputs, and what is `given` to stand above its parameters.

    `key` tells it from all other questions, `None` where its answer is not kept; `files` is the digest of all prompts
    that it is about. `began_s`: when it came, in seconds since the call began.
    """

    prompt: PromptDefinition
    filled: Mapping[str, Any]
    given: Mapping[str, Any]
    call: Call
    depth: int
    began_s: float
    files: str = ""
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A prompt rendered, its children answered: what is asked of whom, and what it has cost until here.

    `simulated`: what a child answered, and with it what is asked now, is no real model's. `whole`: every child's answer
    is one that may be given again.
    """

    question: Question
    ensemble: Ensemble
    request: ChatRequest
    spend: Spend
    simulated: bool
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The result of a prompt, and whether it may be given again."""

    result: Result
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Asks saved prompts, found by `definition`. `defaults` and `models` are for those that do not say themselves.

    What a prompt wants kept is in `answers`.
    """

    definition: Callable[[str], PromptDefinition]
    catalog: Catalog
    defaults: Plan
    models: tuple[str, ...]
    answers: AnswerCache

    async def run(self, name: str, values: Mapping[str, Any], call: Call) -> Result:
        """Return the result of asking; its cost includes that of the children."""
        return (await self._answered(self._question(name, values, call))).result

    async def pieces(
        self, name: str, values: Mapping[str, Any], call: Call, request: ChatRequest
    ) -> AsyncGenerator[Delta | Result]:
        """Yield the answer piece by piece if the caller's `request` wants that, and then the result.

        What the request says beside its messages stands above the prompt's parameters. An answer that was kept comes as
        the result alone.
        """
        question = self._question(name, values, call, given=_given(request))
        if (kept := self._kept(question)) is not None:
            yield kept
            return
        asking = await self._asking(question)
        async with asking.ensemble.open(asking.request, call) as reply:
            if request.stream:
                async for delta in reply:
                    yield delta
            completion = await reply.completion()
        assert isinstance(completion.detail, Result)
        yield self._ended(asking, completion.detail).result

    async def _answered(self, question: Question) -> Answered:
        if (kept := self._kept(question)) is not None:
            return Answered(result=kept, whole=True)
        asking = await self._asking(question)
        return self._ended(asking, await asking.ensemble.run(asking.request, question.call))

    def _question(
        self,
        name: str,
        values: Mapping[str, Any],
        call: Call,
        *,
        given: Mapping[str, Any] | None = None,
        depth: int = 1,
    ) -> Question:
        if depth > MOST_DEPTH:
            raise InvalidRequest(f"saved prompts are nested deeper than {MOST_DEPTH} at {name!r}", param="prompt")
        prompt = self.definition(name)
        question = Question(
            prompt=prompt,
            filled=prompt.filled(values),
            given=given or {},
            call=call,
            depth=depth,
            began_s=call.at_s,
        )
        if not prompt.section.cache.enabled:
            return question
        files = files_digest(name, self.definition)
        return replace(question, files=files, key=answer_key(prompt, files, question.filled, question.given, call))

    def _kept(self, question: Question) -> Result | None:
        if question.key is None:
            return None
        return self.answers.get(question.key, question.call, began_s=question.began_s)

    async def _asking(self, question: Question) -> Asking:
        """Return what is asked once the children have answered."""
        prompt, filled = question.prompt, question.filled
        children = await self._children(question)
        answers = {name: _said(answered.result) for name, answered in children.items()}
        asked = load({**prompt.section.parameters.fields(), "messages": []}, ChatRequest)
        messages = prompt.rendered({**filled, **answers})
        results = [answered.result for answered in children.values()]
        return Asking(
            question=question,
            ensemble=Ensemble(
                name=f"prompt/{prompt.name}", plan=self._plan(prompt, filled), resources=self.catalog.resources
            ),
            request=msgspec.structs.replace(asked, **question.given, messages=messages),
            spend=sum((result.spend for result in results), start=Spend()),
            simulated=any(result.completion.metadata.get("simulated") is True for result in results),
            whole=all(answered.whole for answered in children.values()),
        )

    def _ended(self, asking: Asking, result: Result) -> Answered:
        """Return the result with what the children cost, called simulated if one of them is; keep it if it may be."""
        question, completion = asking.question, result.completion
        whole = asking.whole and is_whole(result, asking.ensemble.plan)
        if asking.simulated:
            completion = replace(completion, metadata={**completion.metadata, "simulated": True})
        result = replace(result, completion=completion, spend=asking.spend + result.spend)
        if whole and question.key is not None and self._stands(question):
            ttl_s, now_s = question.prompt.section.cache.ttl, question.call.clock.monotonic()
            self.answers.keep(question.key, result, now_s=now_s, ttl_s=ttl_s)
        return Answered(result=result, whole=whole)

    def _stands(self, question: Question) -> bool:
        """Return whether all prompts are still what they were when it was asked."""
        try:
            return files_digest(question.prompt.name, self.definition) == question.files
        except NotFound:
            return False

    def worst_case(self, name: str, known: dict[str, WorstCase] | None = None) -> WorstCase:
        """Return the most that asking a prompt and its children can need, whatever its values are.

        `known` is what was found of others on the way to it.
        """
        known = {} if known is None else known
        if name not in known:
            known[name] = UNKNOWN  # what a prompt that asks for its own answer finds on its way down
            known[name] = self._worst_case(name, known)
        return known[name]

    def _worst_case(self, name: str, known: dict[str, WorstCase]) -> WorstCase:
        prompt = self.definition(name)
        section = prompt.section
        is_fixed = not section.inputs and not section.children
        tokens = estimate_prompt_tokens(ChatRequest(messages=prompt.rendered({}))) if is_fixed else None
        plan = self._plan(prompt, {})
        own = most_of_plan(plan, self.catalog, prompt_tokens=tokens, max_tokens=section.parameters.max_tokens)
        children = (self.worst_case(child.prompt, known) for child in section.children.values())
        return plus((own, *children))

    async def _children(self, question: Question) -> dict[str, Answered]:
        """Return the answers of all children; the first error of one cancels the others."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {
                    name: group.create_task(self._child(question, name)) for name in question.prompt.section.children
                }
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return {name: task.result() for name, task in tasks.items()}

    async def _child(self, parent: Question, name: str) -> Answered:
        child, filled = parent.prompt.section.children[name].prompt, parent.filled
        own = {key: text.render(filled) for key, text in parent.prompt.child_inputs[name].items()}
        shared = self.definition(child).section.inputs.keys() & filled.keys()
        values = {**{key: filled[key] for key in shared if filled[key] is not None}, **own}
        return await self._answered(self._question(child, values, parent.call.child(name), depth=parent.depth + 1))

    def _plan(self, prompt: PromptDefinition, filled: Mapping[str, Any]) -> Plan:
        section = prompt.section
        members = section.members(self.models)
        if not members:
            raise Misconfigured(
                f"the prompt {prompt.name!r} names no model, and none is asked by default", where=prompt.written.file
            )
        plan = asked_plan(section, members, self.defaults, self.catalog)
        plan = replace(plan, output=prompt.contract or plan.output)
        if section.selector_prompt is None:
            return plan
        chooser = self.definition(section.selector_prompt)
        values = {name: value for name, value in filled.items() if name in chooser.section.inputs and value is not None}
        criteria = "\n\n".join(message.text for message in chooser.rendered(chooser.filled(values)))
        return replace(plan, select=Select.PROMPT_SELECTOR, judge=chooser.section.model, instructions=criteria)


def _said(result: Result) -> Any:
    """Return an answer as a value for templates: the value under its contract, else the text."""
    output = result.output
    return result.answer if output is None or output.value is None else output.value


def _given(request: ChatRequest) -> dict[str, Any]:
    """Return what a request says beside whom it asks what."""
    fields = {name: getattr(request, name) for name in ChatRequest.__struct_fields__}
    return {
        name: value
        for name, value in fields.items()
        if name not in {"messages", "model"} and value is not None and value != {}
    }
