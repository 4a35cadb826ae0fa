"""The most that a step which asks models can cost, from its configuration as it is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from quorate.core.errors import QuorateError
from quorate.engine.catalog import Catalog, ModelKind
from quorate.engine.most import UNKNOWN, WorstCase, most_of_plan
from quorate.flows.compiler.values import has_template, leaves
from quorate.flows.model_section import ModelStepSection
from quorate.flows.plan import FlowPlan
from quorate.parallel.plan import Plan
from quorate.parallel.plan_section import PlanSection
from quorate.prompts.asked_plan import asked_plan
from quorate.prompts.book import NoPrompts, PromptBook
from quorate.providers.estimate import estimate_prompt_tokens
from quorate.wire.chat import ChatRequest, Message

_CONTRACT = frozenset({"output", "json_schema", "output_type", "validation"})
#: What says whom a step asks and how often; all else of its configuration is what the models read.
_ASKED = frozenset({"model", "provider", "models"}) | PlanSection.model_fields.keys() | _CONTRACT
_PROMPT = "prompt/"


def _nothing_known(name: str, version: str | None) -> WorstCase:
    del name, version
    return UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Costing:
    """What the worst case of steps is reckoned with: models with their prices, saved prompts, other flows.

    `plan` and `models` are what a question gets that does not say itself. `plans` are those of which a run of a flow
    (its name, a version or `None`) may get one. `flow` is the most that a run of another flow can need.
    """

    catalog: Catalog
    plan: Plan = field(default_factory=lambda: Plan(members=()))
    models: tuple[str, ...] = ()
    prompts: PromptBook = field(default_factory=NoPrompts)
    plans: Callable[[str, str | None], Sequence[FlowPlan]] | None = None
    flow: Callable[[str, str | None], WorstCase] = _nothing_known

    def prompt(self, name: object) -> WorstCase:
        """Return the most that asking a saved prompt can need; not known for a name that a template makes."""
        if not isinstance(name, str) or has_template(name):
            return UNKNOWN
        try:
            return self.prompts.worst_case(name)
        except QuorateError:  # it is not there, or a model of it: said when it is asked
            return UNKNOWN

    def run_of(self, name: object, version: object) -> WorstCase:
        """Return the most that running another flow can need; not known for a name that a template makes."""
        if not isinstance(name, str) or has_template(name) or has_template(version):
            return UNKNOWN
        return self.flow(name, version if isinstance(version, str) else None)


def asking_cost(config: Mapping[str, Any], costing: Costing | None) -> WorstCase:
    """Return the most that asking what a configuration names can need: its `model` (`provider`) or `models`.

    The prompt is all other texts of the configuration, by estimate; where a template stands in them, it is as long as
    the models can read. Not known: without a costing, where a template says whom to ask or how, and for a name that
    the catalog does not have.
    """
    asked = {key: value for key, value in config.items() if key in _ASKED}
    if costing is None or has_template(asked):
        return UNKNOWN
    try:
        section = ModelStepSection.model_validate(asked)
        members = section.members(costing.models)
        cards = [costing.catalog.card(member.model) for member in members]
        if len(cards) == 1 and cards[0].kind is ModelKind.PROMPT:
            return costing.prompt(cards[0].name.removeprefix(_PROMPT))
        if not members:
            return UNKNOWN
        plan = asked_plan(section, members, costing.plan, costing.catalog)
        plan = replace(plan, output=section.contract() or plan.output)
        return most_of_plan(plan, costing.catalog, prompt_tokens=_prompt_tokens(config))
    except (QuorateError, ValidationError):  # a model that is not there, or whose key is not: said when it is asked
        return UNKNOWN


def _prompt_tokens(config: Mapping[str, Any]) -> int | None:
    """Return how long the prompt is, `None` if that is not known before the run."""
    written = {key: value for key, value in config.items() if key not in _ASKED}
    if has_template(written):
        return None
    texts = [Message(role="user", content=leaf) for _, leaf in leaves(written) if isinstance(leaf, str)]
    return estimate_prompt_tokens(ChatRequest(messages=tuple(texts)))
