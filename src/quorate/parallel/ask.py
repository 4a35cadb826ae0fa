"""What a branch is asked: the caller's request, changed by the member's parameters or the group's prompt."""

from collections.abc import Sequence
from typing import Any

import msgspec

from quorate.model import Model, Outcome, leaf
from quorate.parallel.branch import Branch
from quorate.parallel.plan import Params
from quorate.providers.endpoint import Endpoint
from quorate.templating import Plain, Template
from quorate.wire.chat import ChatRequest, Message

#: Fields that parameters never set through `extra`: they are the caller's, the plan's or have a name of their own.
_OWNED = frozenset({"extra", "messages", "model", "stream", "stream_options"})
#: What the prompt of a group may speak of.
STAGE_NAMES = frozenset({"prompt", "answers", "groups"})
_SAMPLING = ("temperature", "top_p", "seed", "stop")
_NAMED = frozenset(ChatRequest.__struct_fields__) - _OWNED


def branch_request(request: ChatRequest, branch: Branch, *, max_tokens: int | None = None) -> ChatRequest:
    """Return the request for `branch`, its answer limited to `max_tokens` at most.

    A seed the caller gave is varied over the copies of a member, or they would all say the same.
    """
    changes = _changes(request, branch.member.params)
    changes["model"] = branch.member.model
    seed = changes.get("seed", request.seed)
    if seed is not None and branch.copy:
        changes["seed"] = seed + branch.copy
    changed = msgspec.structs.replace(request, **changes)
    return changed if max_tokens is None else _limited(changed, branch.model, max_tokens)


def wanted_tokens(request: ChatRequest, branch: Branch) -> int | None:
    """Return the limit of the answer that caller and member ask for; `None` if they leave it open."""
    return branch_request(request, branch).output_limit


def _limited(request: ChatRequest, model: Model, max_tokens: int) -> ChatRequest:
    """Lower the limit; a lower one of the endpoint's own stays, which it sets itself where the request says nothing."""
    endpoint = leaf(model)
    asked = endpoint.with_params(request) if isinstance(endpoint, Endpoint) else request
    if asked.output_limit is not None and asked.output_limit <= max_tokens:
        return request
    name = "max_tokens" if request.max_completion_tokens is None else "max_completion_tokens"
    return msgspec.structs.replace(request, **{name: max_tokens})


def _changes(request: ChatRequest, params: Params) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if params.extra:
        changes |= {name: value for name, value in params.extra.items() if name in _NAMED}
        unknown = {name: value for name, value in params.extra.items() if name not in _NAMED | _OWNED}
        if unknown:
            changes["extra"] = {**request.extra, **unknown}
    for name in _SAMPLING:
        value = getattr(params, name)
        if value is not None:
            changes[name] = value
    if params.max_tokens is not None:
        changes["max_tokens" if request.max_completion_tokens is None else "max_completion_tokens"] = params.max_tokens
    if params.system is not None:
        changes["messages"] = (Message(role="system", content=params.system), *request.messages)
    return changes


def stage_request(request: ChatRequest, template: Template, outcomes: Sequence[Outcome]) -> ChatRequest:
    """Return the request of a stage with a prompt of its own, rendered in place of the last user message."""
    answers: list[Plain] = [_answer(outcome) for outcome in outcomes if outcome.ok]
    groups: dict[int, list[Plain]] = {}
    for outcome in outcomes:
        if outcome.ok:
            groups.setdefault(outcome.group, []).append(_answer(outcome))
    return _with_prompt(request, template.render({"prompt": request.prompt_text, "answers": answers, "groups": groups}))


def _answer(outcome: Outcome) -> dict[str, Plain]:
    return {"model": outcome.model, "branch": outcome.branch, "text": outcome.text, "group": outcome.group}


def _with_prompt(request: ChatRequest, text: str) -> ChatRequest:
    messages = list(request.messages)
    last = max((i for i, message in enumerate(messages) if message.role == "user"), default=None)
    message = Message(role="user", content=text)
    if last is None:
        messages.append(message)
    else:
        messages[last] = message
    return msgspec.structs.replace(request, messages=tuple(messages))
