"""Odd values of a run, made fit to be stored and to be added up."""

from quorate.model.event import State
from quorate.model.run import BranchRecord, RunRecord
from quorate.storage.mended import mended


def odd_run(count: int) -> RunRecord:
    branch = BranchRecord(
        branch="m",
        model="m",
        provider="p",
        state=State.FINISHED,
        started_at_s=1.0,
        finished_at_s=2.0,
        prompt_tokens=count,
        cost_microusd=count,
    )
    return RunRecord(
        id="run_1",
        tenant="t",
        key_id=None,
        request_id="r",
        operation="chat",
        model="m",
        mode="single",
        state=State.FINISHED,
        status=200,
        stream=False,
        started_at_s=1.0,
        finished_at_s=2.0,
        prompt_tokens=count,
        cost_microusd=count,
        branches=(branch,),
    )


def test_many_of_the_largest_counts_still_add_up_in_64_bits() -> None:
    for count in (10**30, -(10**30)):
        run = mended(odd_run(count))
        for record in (run, *run.branches):
            assert abs(record.prompt_tokens) * 10_000 < 2**63
            assert record.cost_microusd is not None
            assert abs(record.cost_microusd) * 10_000 < 2**63
