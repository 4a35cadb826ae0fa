"""A Model whose answers keep an output contract."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from quorate.contracts.check import Checked, check
from quorate.contracts.contract import Contract
from quorate.contracts.feedback import ask_again, repair_messages
from quorate.core.errors import OutputInvalid, QuorateError
from quorate.core.secret import new_nonce
from quorate.core.units import format_usd
from quorate.model import Call, Completion, Delta, Model, Usage, complete, opens_reply
from quorate.model.event import BranchRetry, Warned
from quorate.model.output import Problem
from quorate.resilience.retry import settle
from quorate.wire.chat import ChatRequest, Message

#: The part of a call's path in which a repair runs: none begins inside of another.
_REPAIR = "output-repair"
_CUT_OFF = frozenset({"length", "content_filter"})
_CUT_OFF_PROBLEM = Problem(path="$", message="the answer was cut off before its end")
_TOLD_PROBLEMS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Contracted:
    """`model`, its answers read, checked and, if need be, mended as `contract` says; streamed ones wait for that.

    The answer is one, whatever `n` says, and its text is the canonical JSON of the value (for `string`, the text). A
    strict contract has the model asked again with what was wrong; each attempt is charged, an event, and told to
    `on_retry`. After the last one it raises `OutputInvalid`. Calls of tools are no answers and pass as they are.
    `resolve` gives the model that repairs.
    """

    model: Model
    contract: Contract
    resolve: Callable[[str], Model]
    on_retry: Callable[[BranchRetry], None] | None = None

    @property
    def name(self) -> str:
        """The wrapped model's name."""
        return self.model.name

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Answer with what keeps the contract, in one piece."""
        request = msgspec.structs.replace(request, n=None)
        asked, attempt = request, 1
        spent: list[Completion] = []
        while True:
            async with self.model.open(asked, call) as reply:
                completion = await reply.completion()
            if completion.response.message.tool_calls:
                yield completion
                return
            spent.append(completion)
            checked = await self._checked(completion, call, spent)
            if checked.output.valid or not self.contract.strict:
                yield _answer(completion, checked, attempt, spent)
                return
            problems = checked.output.problems
            self._try_again(problems, attempt, call)
            asked = ask_again(request, completion.text, self.contract, problems)
            attempt += 1

    def around(self, model: Model, *, on_retry: Callable[[BranchRetry], None] | None) -> "Contracted":
        """Return the same contract for `model`: what tries again stands inside of it."""
        return replace(self, model=model, on_retry=on_retry)

    async def _checked(self, completion: Completion, call: Call, spent: list[Completion]) -> Checked:
        cut_off = completion.finish_reason in _CUT_OFF
        # A mended end would pass for the whole: what was cut off is read as it is, if it can be.
        contract = replace(self.contract, repair=False) if cut_off else self.contract
        checked = check(completion.text, contract)
        if cut_off and not (contract.is_json and checked.output.valid):
            output = replace(checked.output, problems=(*checked.output.problems, _CUT_OFF_PROBLEM))
            return replace(checked, output=output)
        if checked.output.valid or contract.repair_model is None or _REPAIR in call.branch.split("/"):
            return checked
        return await self._repaired(contract.repair_model, completion.text, checked, call, spent) or checked

    async def _repaired(
        self, name: str, text: str, checked: Checked, call: Call, spent: list[Completion]
    ) -> Checked | None:
        """Return what another model makes of an answer, `None` if that does not keep the contract either."""
        part = call.child(_REPAIR)
        messages = repair_messages(text, self.contract, checked.output.problems, nonce=new_nonce())
        request = ChatRequest(
            model=name, messages=tuple(Message(role=each.role, content=each.content) for each in messages)
        )
        try:
            completion = await complete(self.resolve(name), request, part)
        except QuorateError as error:
            _warn(call, f"the answer of {self.name} was not repaired: {error.message}")
            return None
        spent.append(completion)
        mended = check(completion.text, self.contract)
        kept = mended.output.valid and completion.finish_reason not in _CUT_OFF
        how = "repaired" if kept else "not repaired"
        cost = format_usd(part.budget.spend.cost_microusd)
        _warn(call, f"the answer of {self.name} was {how} by {name}, which cost {cost}")
        return replace(mended, output=replace(mended.output, repaired=True)) if kept else None

    def _try_again(self, problems: Sequence[Problem], attempt: int, call: Call) -> None:
        """Tell that the model is asked again; raises `OutputInvalid` if it is not to be."""
        error = OutputInvalid(
            f"the answer of {self.name} does not keep its output contract: {told(problems)}",
            model=self.name,
            problems=[(problem.path, problem.message) for problem in problems],
        )
        over = attempt > self.contract.retries or call.deadline.remaining_s() == 0.0
        if over or not call.may_try_again():
            settle(error, call)
            raise error
        retry = BranchRetry(
            call_id=call.id,
            at_s=call.at_s,
            branch=call.branch or self.name,
            model=self.name,
            attempt=attempt,
            delay_s=0.0,
            code=error.code,
            message=error.message,
        )
        call.emit(retry)
        if self.on_retry is not None:
            self.on_retry(retry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A contract for the answers of many models; `resolve` gives the one that repairs."""

    contract: Contract
    resolve: Callable[[str], Model]

    def for_model(self, model: Model, *, on_retry: Callable[[BranchRetry], None] | None = None) -> Contracted:
        """Return `model` under the contract."""
        return Contracted(model=model, contract=self.contract, resolve=self.resolve, on_retry=on_retry)


def told(problems: Sequence[Problem]) -> str:
    """Return problems for a message, the rest counted."""
    more = f" and {len(problems) - _TOLD_PROBLEMS} more" if len(problems) > _TOLD_PROBLEMS else ""
    return "; ".join(str(problem) for problem in problems[:_TOLD_PROBLEMS]) + more


def _warn(call: Call, message: str) -> None:
    call.emit(Warned(call_id=call.id, at_s=call.at_s, code="output_repair", message=message))


def _answer(completion: Completion, checked: Checked, attempts: int, spent: Sequence[Completion]) -> Completion:
    """Return the answer with its value, the text that stands for it, and the counts of all that were paid for it."""
    response = completion.response
    if response.choices:
        first = response.choices[0]
        message = msgspec.structs.replace(first.message, content=checked.text)
        response = msgspec.structs.replace(response, choices=(msgspec.structs.replace(first, message=message),))
    answer = replace(completion, response=response, output=replace(checked.output, attempts=attempts))
    if len(spent) == 1:
        return answer
    usage = sum((each.usage for each in spent), start=Usage())
    costs = [each.cost_microusd for each in spent]
    known = [cost for cost in costs if cost is not None]
    return replace(
        answer,
        response=msgspec.structs.replace(response, usage=usage.to_wire()),
        usage=usage,
        cost_microusd=sum(known) if len(known) == len(costs) else None,
        estimated=any(each.estimated for each in spent),
    )
