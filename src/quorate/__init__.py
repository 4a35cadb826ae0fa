"""Quorate: one prompt, many models, one answer with a measured agreement.

    from quorate import Quorate

    async with Quorate.from_file() as q:
        result = await q.ask("What is the capital of France?", models=["a", "b", "c"], mode="quorum")

Names are loaded when they are first used, so importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quorate.consensus import Agreement, Kind
    from quorate.contracts.contract import Contract, OutputType, Validation
    from quorate.core.errors import OutputInvalid, QuorateError
    from quorate.library.quorate import Quorate
    from quorate.library.sync import SyncQuorate
    from quorate.model import Call, Completion, Delta, Event, Model, Outcome, Reply, State, opens_reply
    from quorate.parallel.cascade_plan import cascade
    from quorate.parallel.ensemble import Ensemble
    from quorate.parallel.plan import Member, Mode, Params, Plan, Score, Select, Synthesis
    from quorate.parallel.progress import Progress
    from quorate.parallel.result import Result
    from quorate.resilience.retry_policy import Backoff, RetryPolicy
    from quorate.wire.chat import ChatRequest, Message

__version__ = "0.1.0"

_HOMES = {
    "Agreement": "quorate.consensus",
    "Backoff": "quorate.resilience.retry_policy",
    "Call": "quorate.model",
    "ChatRequest": "quorate.wire.chat",
    "Completion": "quorate.model",
    "Contract": "quorate.contracts.contract",
    "Delta": "quorate.model",
    "Ensemble": "quorate.parallel.ensemble",
    "Event": "quorate.model",
    "Kind": "quorate.consensus",
    "Member": "quorate.parallel.plan",
    "Message": "quorate.wire.chat",
    "Mode": "quorate.parallel.plan",
    "Model": "quorate.model",
    "Outcome": "quorate.model",
    "OutputInvalid": "quorate.core.errors",
    "OutputType": "quorate.contracts.contract",
    "Params": "quorate.parallel.plan",
    "Plan": "quorate.parallel.plan",
    "Progress": "quorate.parallel.progress",
    "Quorate": "quorate.library.quorate",
    "QuorateError": "quorate.core.errors",
    "Reply": "quorate.model",
    "Result": "quorate.parallel.result",
    "RetryPolicy": "quorate.resilience.retry_policy",
    "Score": "quorate.parallel.plan",
    "Select": "quorate.parallel.plan",
    "State": "quorate.model",
    "SyncQuorate": "quorate.library.sync",
    "Synthesis": "quorate.parallel.plan",
    "Validation": "quorate.contracts.contract",
    "cascade": "quorate.parallel.cascade_plan",
    "opens_reply": "quorate.model",
}

__all__ = [
    "Agreement",
    "Backoff",
    "Call",
    "ChatRequest",
    "Completion",
    "Contract",
    "Delta",
    "Ensemble",
    "Event",
    "Kind",
    "Member",
    "Message",
    "Mode",
    "Model",
    "Outcome",
    "OutputInvalid",
    "OutputType",
    "Params",
    "Plan",
    "Progress",
    "Quorate",
    "QuorateError",
    "Reply",
    "Result",
    "RetryPolicy",
    "Score",
    "Select",
    "State",
    "SyncQuorate",
    "Synthesis",
    "Validation",
    "__version__",
    "cascade",
    "opens_reply",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its home (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
