"""What a branch is asked: the caller's request, changed by the member's parameters or the group's prompt."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from quorate.model import Outcome
from quorate.parallel.branch import Branch
from quorate.parallel.plan import Params
from quorate.templating import Template
from quorate.wire.chat import ChatRequest, Message

_SAMPLING = ("temperature", "top_p", "seed")


def branch_request(request: ChatRequest, branch: Branch) -> ChatRequest:
    """Return the request for `branch`.

    A seed the caller gave is varied over the copies of a member, or they would all say the same.
    """
    changes = _changes(request, branch.member.params)
    changes["model"] = branch.member.model
    seed = changes.get("seed", request.seed)
    if seed is not None and branch.copy:
        changes["seed"] = seed + branch.copy
    return msgspec.structs.replace(request, **changes)


def _changes(request: ChatRequest, params: Params) -> dict[str, Any]:
    changes: dict[str, Any] = {name: value for name in _SAMPLING if (value := getattr(params, name)) is not None}
    if params.max_tokens is not None:
        limit = "max_tokens" if request.max_completion_tokens is None else "max_completion_tokens"
        changes[limit] = params.max_tokens
    if params.stop is not None:
        changes["stop"] = params.stop
    if params.system is not None:
        changes["messages"] = (Message(role="system", content=params.system), *request.messages)
    if params.extra:
        changes["extra"] = {**request.extra, **params.extra}
    return changes


def stage_request(request: ChatRequest, template: Template, outcomes: Sequence[Outcome]) -> ChatRequest:
    """Return the request of a stage with a prompt of its own, rendered in place of the last user message."""
    answers = [_answer(outcome) for outcome in outcomes if outcome.ok]
    groups: dict[int, list[dict[str, Any]]] = {}
    for answer in answers:
        groups.setdefault(answer["group"], []).append(answer)
    text = template.render({"prompt": request.prompt_text, "answers": list(answers), "groups": _plain(groups)})
    return _with_prompt(request, text)


def _answer(outcome: Outcome) -> dict[str, Any]:
    return {"model": outcome.model, "branch": outcome.branch, "text": outcome.text, "group": outcome.group}


def _plain(groups: Mapping[int, list[dict[str, Any]]]) -> dict[int, Any]:
    return dict(groups)


def _with_prompt(request: ChatRequest, text: str) -> ChatRequest:
    messages = list(request.messages)
    last = max((i for i, message in enumerate(messages) if message.role == "user"), default=None)
    message = Message(role="user", content=text)
    if last is None:
        messages.append(message)
    else:
        messages[last] = message
    return msgspec.structs.replace(request, messages=tuple(messages))
