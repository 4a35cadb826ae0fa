"""One call of a helper (a judge, reviewer, synthesiser, pair judge): its request, and the branch that makes it."""

from collections.abc import Callable, Iterable, Sequence

from quorate.consensus import PromptMessage
from quorate.model import Call, Model, Outcome
from quorate.parallel.branch import Branch
from quorate.parallel.live import Live
from quorate.parallel.plan import Member, Plan
from quorate.parallel.run_branch import BranchRun
from quorate.resilience.contracted import Terms
from quorate.wire.chat import ChatRequest, Message


def helper_request(plan: Plan, model: str, messages: Sequence[PromptMessage], *, stream: bool = False) -> ChatRequest:
    """Return what a helper is asked, under the plan's limit for helpers."""
    return ChatRequest(
        model=model,
        messages=tuple(Message(role=message.role, content=message.content) for message in messages),
        stream=True if stream else None,
        max_tokens=plan.helper_max_tokens,
    )


def helper_run(
    plan: Plan,
    call: Call,
    model: Model,
    request: ChatRequest,
    *,
    name: str,
    index: int,
    members: Iterable[Member],
    settle: Callable[[Outcome], None],
    live: Live | None = None,
    terms: Terms | None = None,
) -> BranchRun:
    """Return the branch `name`, ready to run: charged, limited and tried again like any other, behind all `members`."""
    member = Member(model=model.name, group=max(each.group for each in members) + 1)
    return BranchRun(
        branch=Branch(id=name, index=index, member=member, model=model),
        call=call.child(name, timeout_s=plan.timeout_s),
        request=request,
        retry=plan.retry,
        settle=settle,
        claim=lambda other: other != model.name,
        live=live,
        terms=terms,
    )
