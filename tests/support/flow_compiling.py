"""Flows compiled in tests: a small template environment and executors that do nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import minijinja
import msgspec
from pydantic import ConfigDict

from quorate.flows.compiler.compile import compile_flow
from quorate.flows.executor import Executor, StepContext
from quorate.flows.language.sections import FlowSection
from quorate.flows.plan import FlowPlan
from quorate.flows.registry import Executors
from quorate.source.document import parse_document
from quorate.source.place import BadConfiguration
from quorate.source.section import Section
from quorate.templating.template import TemplateError
from quorate.templating.value import Reference, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallValue:
    """A tree of literals and expressions, rendered by minijinja."""

    written: object
    engine: minijinja.Environment
    references: tuple[Reference, ...]
    is_condition: bool = False
    slow: bool = False

    def render(self, scope: Scope) -> Any:
        """Return the plain value."""
        if self.is_condition:
            return bool(self._expression(str(self.written), scope))
        return self._rendered(self.written, scope)

    def _rendered(self, written: object, scope: Scope) -> Any:
        if isinstance(written, dict):
            return {key: self._rendered(part, scope) for key, part in cast("dict[str, object]", written).items()}
        if isinstance(written, list | tuple):
            return [self._rendered(part, scope) for part in cast("Sequence[object]", written)]
        if not isinstance(written, str):
            return written
        text = written.strip()
        if text.startswith("{{") and text.endswith("}}") and text.count("{{") == 1:
            return self._expression(text, scope)
        return self.engine.render_str(written, **scope)

    def _expression(self, text: str, scope: Scope) -> Any:
        bare = text.strip().removeprefix("{{").removesuffix("}}")
        return bare == "True" or (bare != "False" and self.engine.eval_expr(bare, **scope))


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallEnvironment:
    """Compiles values; names of `given` are functions and macros."""

    given: frozenset[str] = frozenset()
    engine: minijinja.Environment = field(default_factory=lambda: minijinja.Environment(undefined_behavior="strict"))

    def value(self, written: object, *, name: str) -> SmallValue:
        """Return a JSON tree compiled."""
        references = tuple(self._references(written, (), name))
        return SmallValue(written=written, engine=self.engine, references=references)

    def condition(self, written: str | bool, *, name: str) -> SmallValue:
        """Return an expression compiled."""
        bare = str(written).strip().removeprefix("{{").removesuffix("}}")
        references = tuple(self._references(f"{{{{ {bare} }}}}", (), name))
        return SmallValue(written=bare, engine=self.engine, references=references, is_condition=True)

    def _references(self, written: object, place: tuple[str | int, ...], name: str) -> list[Reference]:
        if isinstance(written, str):
            try:
                found = self.engine.undeclared_variables_in_str(written, nested=True)
            except minijinja.TemplateError as error:
                raise TemplateError(f"{name}: {error.detail or error.kind}") from None
            names = [tuple(each.split(".")) for each in sorted(found) if each not in {"True", "False"}]
            return [Reference(names=each, place=place) for each in names if each[0] not in self.given]
        parts: list[tuple[str | int, object]] = []
        if isinstance(written, Mapping):
            parts = list(cast("Mapping[str | int, object]", written).items())
        elif isinstance(written, list | tuple):
            parts = list(enumerate(cast("Sequence[object]", written)))
        return [found for step, part in parts for found in self._references(part, (*place, step), name)]


def environments(*, functions: Mapping[str, str], macros: Mapping[str, str]) -> SmallEnvironment:
    """Return the environment of one flow."""
    for name, text in functions.items():
        if f"def {name}" not in text:
            raise TemplateError(f"the function {name!r} has no `def {name}`")
    return SmallEnvironment(given=frozenset({*functions, *macros}))


class NoteConfig(Section):
    """What `note` takes."""

    text: str = ""
    times: int = 1
    tags: list[str] = []  # noqa: RUF012 - pydantic copies it
    extra: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What `note` gives."""

    text: str
    pages: int = 1


class NoteExecutor(Executor[NoteConfig, Note]):
    """Repeats a text."""

    name: ClassVar[str] = "note"
    summary: ClassVar[str] = "Repeats a text."
    config = NoteConfig
    result = Note

    async def run(self, config: NoteConfig, step: StepContext) -> Note:
        """Return it."""
        del step
        return Note(text=config.text * config.times)


class FreeConfig(Section):
    """What `free` takes: a text, and whatever else there is."""

    model_config = ConfigDict(extra="allow")

    text: str = ""


class FreeExecutor(Executor[FreeConfig, str]):
    """Takes keys of anybody's own."""

    name: ClassVar[str] = "free"
    summary: ClassVar[str] = "Takes keys of anybody's own."
    config = FreeConfig
    result = str

    async def run(self, config: FreeConfig, step: StepContext) -> str:
        """Return the text."""
        del step
        return config.text


class AskConfig(Section):
    """What `ask` takes."""

    prompt: str
    model: str = "small"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What `ask` gives."""

    answer: str


class AskExecutor(Executor[AskConfig, Answer]):
    """Stands for a question to a model: it costs money and may have further fields."""

    name: ClassVar[str] = "ask"
    summary: ClassVar[str] = "Asks a model."
    config = AskConfig
    result = Answer
    open_result: ClassVar[bool] = True
    billed: ClassVar[bool] = True

    async def run(self, config: AskConfig, step: StepContext) -> Answer:
        """Return an answer."""
        del step
        return Answer(answer=config.prompt)


class EachConfig(Section):
    """What `each` takes."""

    items: Any = None
    expression: str


class EachExecutor(Executor[EachConfig, list[Any]]):
    """Renders an expression for each item by itself."""

    name: ClassVar[str] = "each"
    summary: ClassVar[str] = "Maps."
    config = EachConfig
    result = list
    raw: ClassVar[frozenset[str]] = frozenset({"expression"})

    def mentions(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the step that gives the items."""
        items = config.get("items")
        return (items,) if isinstance(items, str) and "{{" not in items else ()

    async def run(self, config: EachConfig, step: StepContext) -> list[Any]:
        """Return nothing."""
        del config, step
        return []


def small_executors() -> Executors:
    """Return executors for tests."""
    return Executors([NoteExecutor(), FreeExecutor(), AskExecutor(), EachExecutor()])


def compiled(text: str, *, executors: Executors | None = None) -> FlowPlan:
    """Return the plan of a flow in the canonical spelling."""
    document = parse_document(text, "flow.yaml")
    section = FlowSection.model_validate(document.tree)
    executors = executors or small_executors()
    return compile_flow(section, document, executors=executors, environments=environments, file=document.file)


def complaints(text: str) -> list[str]:
    """Return everything that is wrong with a flow, one text each."""
    try:
        compiled(text)
    except BadConfiguration as error:
        return [str(problem) for problem in error.problems]
    return []


def steps_flow(steps: str, *, head: str = "") -> str:
    """Return the text of a flow with some steps, indented by two spaces."""
    return f"name: trial\n{head}steps:\n{steps}"
