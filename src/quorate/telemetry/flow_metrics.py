"""What operators count of flows: runs and steps by how they ended, and how long runs took."""

from collections import Counter
from collections.abc import Iterable, Iterator

from quorate.telemetry import names
from quorate.telemetry.series import Durations
from quorate.telemetry.snapshot import Spread, Value

#: Flows and executors that get series of their own; all further ones count as `other`.
MOST_FLOWS = 20
MOST_EXECUTORS = 40


class FlowMetrics:
    """A live object: the numbers of this worker. `observe` belongs to one thread, the rest to any."""

    def __init__(self, *, most_flows: int = MOST_FLOWS, most_executors: int = MOST_EXECUTORS) -> None:
        self._most_flows = most_flows
        self._most_executors = most_executors
        self._runs = Counter[tuple[str, str]]()
        self._steps = Counter[tuple[str, str]]()
        self._durations: dict[str, Durations] = {}
        self._executors: set[str] = set()

    def observe(self, flow: str, status: str, seconds: float, steps: Iterable[tuple[str, str]]) -> None:
        """Count a run that has ended; `steps` are the executor and the status of each of its steps."""
        if flow not in self._durations and len(self._durations) >= self._most_flows:
            flow = names.OTHER
        self._runs[flow, status] += 1
        self._durations.setdefault(flow, Durations()).add(seconds)
        for executor, ended in steps:
            self._steps[self._label(executor), ended] += 1

    def values(self) -> Iterator[Value]:
        """Yield the counters."""
        for name, counts in ((names.FLOW_RUNS, self._runs), (names.FLOW_STEPS, self._steps)):
            for labels, count in tuple(counts.items()):
                yield Value(name=name, labels=labels, value=count)

    def spreads(self) -> Iterator[Spread]:
        """Yield the histograms."""
        for flow, durations in tuple(self._durations.items()):
            yield Spread(
                name=names.FLOW_DURATION, labels=(flow,), counts=tuple(durations.counts), total=durations.total_s
            )

    def _label(self, executor: str) -> str:
        if executor in self._executors:
            return executor
        if len(self._executors) >= self._most_executors:
            return names.OTHER
        self._executors.add(executor)
        return executor
