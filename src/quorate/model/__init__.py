"""The Model Protocol and what passes through it: Call, Reply, Completion, Delta, Outcome, Event."""

from quorate.model.call import Call, TraceContext, new_call
from quorate.model.completion import Completion, Delta, Detail, Outcome
from quorate.model.event import Event, EventSink, State
from quorate.model.model import Model, complete, leaf, opens_reply, stream
from quorate.model.reply import Reply
from quorate.model.usage import Budget, Charge, Spend, Usage

__all__ = [
    "Budget",
    "Call",
    "Charge",
    "Completion",
    "Delta",
    "Detail",
    "Event",
    "EventSink",
    "Model",
    "Outcome",
    "Reply",
    "Spend",
    "State",
    "TraceContext",
    "Usage",
    "complete",
    "leaf",
    "new_call",
    "opens_reply",
    "stream",
]
