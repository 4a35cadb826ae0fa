"""Run records for tests of what reads them."""

from typing import Any

from quorate.model.event import State
from quorate.model.run import BranchRecord, RunRecord


def branch_record(branch: str = "fast", **changes: Any) -> BranchRecord:
    """A finished branch of 0.2 s."""
    fields: dict[str, Any] = {
        "branch": branch,
        "model": branch.rpartition("/")[2],
        "provider": "openai",
        "state": State.FINISHED,
        "started_at_s": 1000.0,
        "finished_at_s": 1000.2,
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "cost_microusd": 5,
    }
    return BranchRecord(**{**fields, **changes})


def run_record(model: str = "fast", **changes: Any) -> RunRecord:
    """A finished request of 0.3 s with one branch."""
    fields: dict[str, Any] = {
        "id": "run_1",
        "tenant": "acme",
        "key_id": "key_1",
        "request_id": "req-1",
        "operation": "chat",
        "model": model,
        "mode": "single",
        "state": State.FINISHED,
        "status": 200,
        "stream": False,
        "started_at_s": 1000.0,
        "finished_at_s": 1000.3,
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "cost_microusd": 5,
        "branches": (branch_record(model),),
    }
    return RunRecord(**{**fields, **changes})
