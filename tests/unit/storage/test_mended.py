"""Odd values of a run, made fit to be stored and to be added up."""

from quorate.storage.mended import mended
from run_records import branch_record, run_record


def test_many_of_the_largest_counts_still_add_up_in_64_bits() -> None:
    for count in (10**30, -(10**30)):
        branch = branch_record(prompt_tokens=count, cost_microusd=count)
        run = mended(run_record(prompt_tokens=count, cost_microusd=count, branches=(branch,)))
        for record in (run, *run.branches):
            assert abs(record.prompt_tokens) * 10_000 < 2**63
            assert record.cost_microusd is not None
            assert abs(record.cost_microusd) * 10_000 < 2**63
