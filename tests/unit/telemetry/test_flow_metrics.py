"""Numbers of flows have few labels, however many names there are."""

from quorate.telemetry import names
from quorate.telemetry.flow_metrics import FlowMetrics


def test_names_beyond_the_limit_count_as_other() -> None:
    metrics = FlowMetrics(most_flows=2, most_executors=1)
    for number in range(5):
        metrics.observe(f"flow-{number}", "succeeded", 0.2, [(f"do-{number}", "succeeded")])
    metrics.observe("flow-0", "failed", 0.2, [])
    found = {(each.name, *each.labels): each.value for each in metrics.values()}
    assert found == {
        (names.FLOW_RUNS, "flow-0", "succeeded"): 1,
        (names.FLOW_RUNS, "flow-1", "succeeded"): 1,
        (names.FLOW_RUNS, "other", "succeeded"): 3,
        (names.FLOW_RUNS, "flow-0", "failed"): 1,
        (names.FLOW_STEPS, "do-0", "succeeded"): 1,
        (names.FLOW_STEPS, "other", "succeeded"): 4,
    }
    assert {each.labels for each in metrics.spreads()} == {("flow-0",), ("flow-1",), ("other",)}
    assert sum(sum(each.counts) for each in metrics.spreads()) == 6
