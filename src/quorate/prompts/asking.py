"""From a saved prompt and values to what is asked of whom: children first, side by side."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from quorate.core.errors import InvalidRequest, Misconfigured
from quorate.engine.catalog import Catalog
from quorate.engine.most import UNKNOWN, WorstCase, most_of_plan, plus
from quorate.model import Call, Completion, Spend
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Plan, Select
from quorate.parallel.result import Result
from quorate.prompts.asked_plan import asked_plan
from quorate.prompts.definition import PromptDefinition
from quorate.providers.estimate import estimate_prompt_tokens
from quorate.wire.chat import ChatRequest
from quorate.wire.open import load

#: How deep prompts may ask for the answers of others.
MOST_DEPTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A prompt rendered, its children answered: what is asked of whom, and what it has cost until here.

    `simulated`: what a child answered, and with it what is asked now, is no real model's.
    """

    ensemble: Ensemble
    request: ChatRequest
    spend: Spend = field(default_factory=Spend)
    simulated: bool = False

    def labelled(self, completion: Completion) -> Completion:
        """Return the answer, called simulated if one that it was made of is."""
        if not self.simulated:
            return completion
        return replace(completion, metadata={**completion.metadata, "simulated": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Asks saved prompts, found by `definition`. `defaults` and `models` are for those that do not say themselves."""

    definition: Callable[[str], PromptDefinition]
    catalog: Catalog
    defaults: Plan
    models: tuple[str, ...]

    async def run(self, name: str, values: Mapping[str, Any], call: Call, *, depth: int = 1) -> Result:
        """Return the result of asking; its cost includes that of the children."""
        asking = await self.asking(name, values, call, depth=depth)
        result = await asking.ensemble.run(asking.request, call)
        completion = asking.labelled(result.completion)
        return replace(result, completion=completion, spend=asking.spend + result.spend)

    async def asking(
        self, name: str, values: Mapping[str, Any], call: Call, *, request: ChatRequest | None = None, depth: int = 1
    ) -> Asking:
        """Return what is asked once the children have answered.

        What a caller's `request` says beside its messages stands above the prompt's parameters.
        """
        if depth > MOST_DEPTH:
            raise InvalidRequest(f"saved prompts are nested deeper than {MOST_DEPTH} at {name!r}", param="prompt")
        prompt = self.definition(name)
        filled = prompt.filled(values)
        children = await self._children(prompt, filled, call, depth)
        answers = {name: _said(result) for name, result in children.items()}
        asked = load({**prompt.section.parameters.fields(), "messages": []}, ChatRequest)
        given = {} if request is None else _given(request)
        return Asking(
            ensemble=Ensemble(name=f"prompt/{name}", plan=self._plan(prompt, filled), resources=self.catalog.resources),
            request=msgspec.structs.replace(asked, **given, messages=prompt.rendered({**filled, **answers})),
            spend=sum((result.spend for result in children.values()), start=Spend()),
            simulated=any(result.completion.metadata.get("simulated") is True for result in children.values()),
        )

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

    async def _children(
        self, prompt: PromptDefinition, filled: Mapping[str, Any], call: Call, depth: int
    ) -> dict[str, Result]:
        """Return the results of all children; the first error of one cancels the others."""
        children = prompt.section.children
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {
                    name: group.create_task(self._child(prompt, name, filled, call.child(name), depth + 1))
                    for name in children
                }
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return {name: task.result() for name, task in tasks.items()}

    async def _child(
        self, parent: PromptDefinition, name: str, filled: Mapping[str, Any], call: Call, depth: int
    ) -> Result:
        child = parent.section.children[name].prompt
        own = {key: text.render(filled) for key, text in parent.child_inputs[name].items()}
        shared = self.definition(child).section.inputs.keys() & filled.keys()
        values = {**{key: filled[key] for key in shared if filled[key] is not None}, **own}
        return await self.run(child, values, call, depth=depth)

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
