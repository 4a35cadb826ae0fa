"""A saved prompt, checked: templates compiled, values checked against what its inputs may be."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from quorate.contracts.contract import Contract
from quorate.contracts.schema import Schema, read_schema
from quorate.core.errors import InvalidRequest
from quorate.prompts.section import PromptInput, PromptSection
from quorate.source.document import Document
from quorate.source.explain import explain
from quorate.source.place import BadConfiguration, KeyPath, Problem, did_you_mean, listed
from quorate.source.section import mapping
from quorate.templating import Template, TemplateError
from quorate.wire.chat import Message

_SHOWN_PROBLEMS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDefinition:
    """A saved prompt that can be rendered.

    `written` tells where each value of its file stands, `digest` is of all of them. `cache_key` tells questions apart
    that want answers of their own, where the file says how.
    """

    name: str
    section: PromptSection
    written: Document
    texts: tuple[tuple[str, Template], ...]
    child_inputs: Mapping[str, Mapping[str, Template]]
    schema: Schema
    contract: Contract | None
    cache_key: Template | None
    digest: str

    def filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a value for every input; raise `InvalidRequest` for one that is missing, unknown or no such value."""
        inputs = self.section.inputs
        for name in values:
            if name not in inputs:
                hint = did_you_mean(name, inputs) or f" (inputs: {listed(inputs)})"
                raise InvalidRequest(f"the prompt {self.name!r} has no input {name!r}{hint}", param=name)
        if missing := [name for name, each in inputs.items() if each.needed and name not in values]:
            raise InvalidRequest(
                f"the prompt {self.name!r} needs a value for {listed(map(repr, missing))}", param=missing[0]
            )
        if problems := self.schema.problems(dict(values)):
            told = "; ".join(str(problem) for problem in problems[:_SHOWN_PROBLEMS])
            raise InvalidRequest(f"a value for the prompt {self.name!r} does not fit: {told}")
        return {name: values.get(name, each.default) for name, each in inputs.items()}

    def values_in(self, text: str) -> dict[str, Any]:
        """Return the values that the text of a message gives.

        A JSON object whose keys are all names of inputs is their values. Any other text is the value of the only
        input, or of the one called `text`, or of the only one that needs a value. Raises `InvalidRequest`.
        """
        inputs = self.section.inputs
        if not inputs:
            return {}
        given = _object_in(text)
        if given is not None and given.keys() <= inputs.keys():
            return given
        needed = [name for name, each in inputs.items() if each.needed]
        for candidates in (list(inputs), ["text"] if "text" in inputs else [], needed):
            if len(candidates) == 1:
                return {candidates[0]: _as(inputs[candidates[0]], text)}
        raise InvalidRequest(
            f"the prompt {self.name!r} has several inputs: send a JSON object with {listed(inputs)}", param="messages"
        )

    def rendered(self, values: Mapping[str, Any]) -> tuple[Message, ...]:
        """Return the messages for values of all inputs and answers of all children; raise `TemplateError`."""
        return tuple(Message(role=role, content=text.render(values)) for role, text in self.texts)


def read_prompt(document: Document, name: str) -> PromptDefinition:
    """Return the prompt in a file; raise `BadConfiguration` with every problem, each with its place."""
    try:
        section = PromptSection.model_validate(document.tree)
    except ValidationError as error:
        raise BadConfiguration(explain(error, PromptSection, document)) from None
    maker = _Maker(section, document)
    texts = tuple(maker.texts())
    child_inputs = maker.child_inputs()
    cache_key = maker.cache_key()
    if section.name is not None and section.name != name:
        maker.problem(("name",), f"{section.name!r} is not the name of the file; it is found by that: {name!r}")
    for path, model in _named(section):
        if model.startswith("prompt/"):
            maker.problem(path, "a saved prompt asks models; have another prompt's answer by `children`")
    if maker.problems:
        raise BadConfiguration(maker.problems)
    return PromptDefinition(
        name=name,
        section=section,
        written=document,
        texts=texts,
        child_inputs=child_inputs,
        schema=_schema(section.inputs),
        contract=None if section.output is None else section.output.contract(None),
        cache_key=cache_key,
        digest=hashlib.sha256(json.dumps(document.tree).encode()).hexdigest(),
    )


class _Maker:
    """Compiles the templates of one section; lives for one file."""

    def __init__(self, section: PromptSection, document: Document) -> None:
        self._section = section
        self._document = document
        self.problems: list[Problem] = []

    def problem(self, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(where=self._document.place(path), path=path, message=message))

    def texts(self) -> list[tuple[str, Template]]:
        section = self._section
        written: list[tuple[str, str, KeyPath]] = []
        if section.system is not None:
            written.append(("system", section.system, ("system",)))
        for index, message in enumerate(section.messages):
            written.append((message.role, message.content, ("messages", index, "content")))
        if section.template is not None:
            written.append(("user", section.template, ("template",)))
        known = [*section.inputs, *section.children]
        return [(role, text) for role, source, path in written if (text := self._template(source, path, known))]

    def child_inputs(self) -> dict[str, dict[str, Template]]:
        known = list(self._section.inputs)
        return {
            child: {
                name: text
                for name, source in each.inputs.items()
                if (text := self._template(source, ("children", child, "inputs", name), known))
            }
            for child, each in self._section.children.items()
        }

    def cache_key(self) -> Template | None:
        source, inputs = self._section.cache.key, list(self._section.inputs)
        if source is None:
            return None
        key = self._template(source, ("cache", "key"), inputs)
        if key is not None and inputs and not key.names:
            self.problem(("cache", "key"), f"uses no input: all questions would get one answer ({listed(inputs)})")
        return key

    def _template(self, source: str, path: KeyPath, known: list[str]) -> Template | None:
        try:
            template = Template(source, name=str(path[-1]))
        except TemplateError as error:
            self.problem(path, error.message)
            return None
        has_children = not self._section.children.keys().isdisjoint(known)
        kinds, none = ("inputs and children", "no input and no child") if has_children else ("inputs", "no input")
        for name in sorted(template.names - set(known)):
            hint = did_you_mean(name, known) or f" ({kinds}: {listed(known)})"
            self.problem(path, f"asks for {name!r}, which is {none}{hint}")
        return template


def _named(section: PromptSection) -> list[tuple[KeyPath, str]]:
    found: list[tuple[KeyPath, str]] = [(("models", index), each.model) for index, each in enumerate(section.models)]
    single = {name: getattr(section, name) for name in ("model", "judge", "synthesiser", "pair_judge")}
    return [*found, *(((name,), model) for name, model in single.items() if model)]


def _schema(inputs: Mapping[str, PromptInput]) -> Schema:
    properties: dict[str, Any] = {
        name: {
            **({} if each.type == "any" else {"type": each.type}),
            **({"enum": list(each.enum)} if each.enum else {}),
        }
        for name, each in inputs.items()
    }
    return read_schema({"type": "object", "properties": properties}, param="inputs")


def _object_in(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return mapping(value)


def _as(given: PromptInput, text: str) -> object:
    """Return the text as the value of an input: JSON for one that is no text, where it is JSON."""
    if given.type in {"string", "any"}:
        return text
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return text  # the check of the value says what is wrong
    return value
