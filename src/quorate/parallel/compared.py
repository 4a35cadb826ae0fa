"""What agreement sees of a plan's answers: the panel of a plan, and an outcome as one of its answers."""

from quorate.consensus import Answer, Panel, ToolCallText
from quorate.consensus.ballot import Ballot
from quorate.model import Outcome
from quorate.parallel.plan import Plan

#: Why an answer is not the whole answer.
_UNFINISHED = frozenset({"length", "content_filter"})


def panel_for(plan: Plan, question: str, *, ballot: Ballot | None = None) -> Panel:
    """Return an empty panel that compares as the plan says, with the ballot's votes if there is one.

    Without key fields of its own the plan takes those that the schema of its output contract marks.
    """
    schema = None if plan.output is None else plan.output.schema
    key_fields = plan.key_fields or (() if schema is None else schema.key_fields)
    return Panel(question, kind=plan.kind, threshold=plan.threshold, key_fields=key_fields, ballot=ballot)


def compared(outcome: Outcome, *, weight: float = 1.0, name: str = "") -> Answer:
    """Return an outcome as an answer to compare: its text, the functions it calls, and whether it is whole."""
    completion = outcome.completion
    whole = completion is not None and completion.finish_reason not in _UNFINISHED
    return Answer(text=outcome.text, name=name, weight=weight, complete=whole, tool_calls=_tool_calls(outcome))


def _tool_calls(outcome: Outcome) -> tuple[ToolCallText, ...]:
    choices = outcome.completion.response.choices if outcome.completion is not None else ()
    calls = choices[0].message.tool_calls if choices else None
    return tuple(
        ToolCallText(name=call.function.name or "", arguments=call.function.arguments or "")
        for call in calls or ()
        if call.function is not None
    )
