"""From what a call was charged to the lines of its ledger."""

from quorate.model.call import Call
from quorate.model.ledger import LedgerLine, Move


def charged(call: Call, *, model: str, at_s: float) -> tuple[LedgerLine, ...]:
    """Return a line for everything that was charged by now, the Unix time `at_s`; `model` is what was asked."""
    tries: dict[tuple[str, str], int] = {}
    lines: list[LedgerLine] = []
    for position, attempt in enumerate(call.budget.attempts, 1):
        answered = attempt.model or model
        branch = attempt.branch or answered
        number = tries[branch, answered] = tries.get((branch, answered), 0) + 1
        charge = attempt.charge
        lines.append(
            LedgerLine(
                move=Move.SETTLE,
                at_s=at_s,
                amount_microusd=charge.cost_microusd,
                position=position,
                branch=branch,
                model=answered,
                attempt=number,
                prompt_tokens=charge.usage.prompt_tokens,
                completion_tokens=charge.usage.completion_tokens,
                estimated=charge.estimated,
            )
        )
    return tuple(lines)
