"""What a question may say about how it is asked, and the plan that follows from it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Literal, TypedDict, TypeVar, cast

import msgspec

from quorate.consensus import Kind
from quorate.consensus.trust import Weighting
from quorate.core.errors import InvalidRequest
from quorate.core.units import MICROUSD_PER_USD
from quorate.model import EventSink
from quorate.parallel.plan import (
    FailureStrategy,
    Member,
    Mode,
    Parallelization,
    Plan,
    Score,
    Select,
    StopForm,
    Synthesis,
)
from quorate.wire.chat import ChatRequest, Message
from quorate.wire.open import load

ModeName = Mode | Literal["all", "race", "quorum"]
SelectName = (
    Select
    | Literal[
        "first",
        "random",
        "best",
        "prompt_selector",
        "consensus",
        "majority",
        "medoid",
        "field_vote",
        "synthesis",
        "auto",
    ]
)
Prompt = str | Sequence[Message | Mapping[str, Any]] | ChatRequest


class AskOptions(TypedDict, total=False):
    """How a question is asked; whatever is left out comes from the configuration's defaults.

    `models`: catalog names, or `Member`s with parameters of their own. `plan`: a whole plan, which the other options
    change. `count`: copies of each model. `retries`: further attempts per branch. `key_fields`: top-level fields of
    JSON answers that decide alone whether two agree. `params`: named values of this run. `on_event`: is called with
    every event, at once and on the event loop: it must be quick. Times are in seconds.
    """

    models: Sequence[str | Member] | str
    plan: Plan
    mode: ModeName
    select: SelectName
    score: Score | str
    synthesis: Synthesis | str
    kind: Kind | str
    key_fields: Sequence[str]
    failure_strategy: FailureStrategy | str
    min_models: int
    max_models: int
    max_concurrent: int
    threshold: float
    weighting: Weighting | str
    stop: StopForm | str
    stop_confidence: float
    floor: float
    fuse_top: int
    provenance: bool
    timeout_s: float
    deadline_s: float
    count: int
    retries: int
    enabled: bool
    judge: str
    synthesiser: str
    pair_judge: str
    max_judged_pairs: int
    instructions: str
    system: str
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    max_cost_usd: float
    params: Mapping[str, Any]
    on_event: EventSink


_ENUMS: dict[str, type[StrEnum]] = {
    "mode": Mode,
    "select": Select,
    "score": Score,
    "synthesis": Synthesis,
    "kind": Kind,
    "weighting": Weighting,
    "stop": StopForm,
    "failure_strategy": FailureStrategy,
}
_PLAIN = (
    "min_models",
    "max_models",
    "max_concurrent",
    "threshold",
    "stop_confidence",
    "floor",
    "fuse_top",
    "provenance",
    "timeout_s",
    "deadline_s",
    "enabled",
    "judge",
    "synthesiser",
    "instructions",
    "pair_judge",
    "max_judged_pairs",
)
_SAMPLING = ("temperature", "top_p", "max_tokens", "seed")

E = TypeVar("E", bound=StrEnum)


def require_known(options: AskOptions) -> None:
    """Raise `InvalidRequest` for an option that does not exist: `model=` would silently ask every model."""
    known = AskOptions.__annotations__
    for name in options:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the options are {', '.join(sorted(known))}"
            raise InvalidRequest(f"there is no option {name!r}; {hint}", param=name)


def plan_from(base: Plan, options: AskOptions) -> Plan:
    """Return `base` changed by the options; raises `InvalidRequest` naming the option that cannot be used."""
    given = cast("dict[str, Any]", options)
    changes = {name: given[name] for name in _PLAIN if name in given}
    changes |= {name: one_of(kind, given[name], name) for name, kind in _ENUMS.items() if name in given}
    if "key_fields" in options:
        changes["key_fields"] = _names(options["key_fields"])
    if "count" in options:
        changes |= {"count": options["count"], "parallelization": Parallelization.STATIC_COUNT}
    if "retries" in options:
        changes["retry"] = replace(base.retry, max_retries=options["retries"])
    return replace(base, **changes)


def one_of(kind: type[E], value: object, param: str) -> E:
    """Return the member of an enumeration that `value` names; raises `InvalidRequest` listing the choices."""
    try:
        return kind(value)
    except ValueError:
        choices = ", ".join(member.value for member in kind)
        raise InvalidRequest(f"{param} is {value!r}; choose one of: {choices}", param=param) from None


def _names(fields: Sequence[str]) -> tuple[str, ...]:
    return (fields,) if isinstance(fields, str) else tuple(fields)


def members_from(models: Sequence[str | Member] | str) -> tuple[Member, ...]:
    """Return members for names (a text is one name, or several with commas between)."""
    names = [name.strip() for name in models.split(",") if name.strip()] if isinstance(models, str) else models
    return tuple(name if isinstance(name, Member) else Member(model=name) for name in names)


def request_from(prompt: Prompt, options: AskOptions) -> ChatRequest:
    """Return the chat request for a prompt: a text, messages, or a request, which the sampling options change."""
    if isinstance(prompt, ChatRequest):
        request = prompt
    elif isinstance(prompt, str):
        if not prompt.strip():
            raise InvalidRequest("the prompt is empty; ask something", param="prompt")
        request = ChatRequest(messages=(Message(role="user", content=prompt),))
    else:
        request = ChatRequest(
            messages=tuple(part if isinstance(part, Message) else load(_plain(part), Message) for part in prompt)
        )
    if not request.messages:
        raise InvalidRequest("the prompt has no messages; ask something", param="prompt")
    given = cast("dict[str, Any]", options)
    changes = {name: given[name] for name in _SAMPLING if name in given}
    if "system" in options:
        changes["messages"] = (Message(role="system", content=options["system"]), *request.messages)
    return msgspec.structs.replace(request, **changes)


def _plain(part: object) -> object:
    return dict(cast("Mapping[str, Any]", part)) if isinstance(part, Mapping) else part


def limit_microusd(options: AskOptions, default: int | None) -> int | None:
    """Return what the question may cost."""
    if "max_cost_usd" not in options:
        return default
    limit = options["max_cost_usd"]
    if not 0 < limit < math.inf:
        raise InvalidRequest(
            f"max_cost_usd is {limit!r}; it must be above 0, and is left out for no limit", param="max_cost_usd"
        )
    return math.ceil(round(limit * MICROUSD_PER_USD, 3))
