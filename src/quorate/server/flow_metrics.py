"""Counting runs of flows: from how a run ended to the numbers of this worker."""

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from quorate.flows.outcome import FlowResult
from quorate.flows.plan import FlowPlan
from quorate.server.flow_names import model_name
from quorate.telemetry import names
from quorate.telemetry.flow_metrics import FlowMetrics
from quorate.telemetry.metrics import CallMetrics

if TYPE_CHECKING:
    from quorate.flows.book import FlowBook
    from quorate.flows.flows import Flows


def watch_flows(flows: "Flows | None", metrics: CallMetrics) -> None:
    """Have the metrics read what flows count; zeros where there are none."""
    metrics.watch(names.FLOW_RUNS_IN_PROGRESS, lambda: 0 if flows is None else flows.dispatcher.running)
    metrics.watch(names.FLOW_RUNS_QUEUED, lambda: 0 if flows is None else flows.queued)
    metrics.watch(names.FLOW_TAKEOVERS, lambda: 0 if flows is None else flows.runner.takeovers)
    if flows is None:
        return
    metrics.know_later(_names(flows.book))
    own = FlowMetrics()
    metrics.watch_each(own.values)
    metrics.watch_spreads(own.spreads)

    def count(plan: FlowPlan, result: FlowResult, before: Collection[str]) -> None:
        own.observe(plan.name, str(result.status), result.latency.total_s, _steps(plan, result, before))

    flows.runner.on_end = count


def _names(book: "FlowBook") -> Callable[[str], bool]:
    """Return whether a model is a flow of the book as it is now: flows come and go while the gateway runs."""
    prefix = model_name("")
    return lambda model: model.startswith(prefix) and book.has(model.removeprefix(prefix))


def _steps(plan: FlowPlan, result: FlowResult, before: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield executor and status of the steps that have executors and ended since the run was taken up."""
    executors = {step.name: step.executor for step in plan.every_step() if step.executor}
    for path, outcome in result.steps.items():
        executor = executors.get(path.rpartition("/")[2].partition("[")[0])
        if executor is not None and path not in before:
            yield executor, str(outcome.status)
