"""What can be said of a flow before it runs."""

from dataclasses import dataclass
from typing import Any

from quorate.flows.plan import FlowLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What can be said of one step.

    `path` is where it stands (items of a `foreach` are not told apart), `stage` counts from 1 within its block. `skips`
    are the reasons for which it may not run. `attempts` includes the first one. `width` is how many executions of it,
    or in it, can be under way at once. `most_calls` and `most_cost_microusd` are for all its attempts and items, steps
    inside and its fallback, `None` if not known. `latency_s` is what was given, for a step with others inside the
    longest way through them; `starts_s` and `ends_s` are the earliest. `None` where no latency was given at all.
    """

    path: str
    kind: str
    executor: str
    stage: int
    needs: tuple[str, ...]
    require: str
    skips: tuple[str, ...]
    attempts: int
    timeout_s: float | None
    on_failure: str
    foreach: bool
    cached: bool
    critical: bool
    width: int
    most_calls: int | None
    most_cost_microusd: int | None
    latency_s: float | None
    starts_s: float | None
    ends_s: float | None
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What can be said of a flow.

    `stages` are the steps of the outermost block that could run at once if all took equally long; no stage waits for
    the one before it as a whole. `critical_path` is the longest way through that block, by the latencies that were
    given (`critical_path_s`), else by the weights. `most_parallel`: executions under way at once, within the limit.
    `most_calls` and `most_cost_microusd` are for a whole run with all its attempts, `catch` and `finally` included;
    `None`: not known, as for a loop over a list of any length. A limit of the flow on its cost holds besides.
    """

    flow: str
    version: str
    digest: str
    steps: tuple[StepReport, ...]
    stages: tuple[tuple[str, ...], ...]
    critical_path: tuple[str, ...]
    critical_path_s: float | None
    sequential_s: float | None
    most_parallel: int
    most_calls: int | None
    most_cost_microusd: int | None
    limits: FlowLimits

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        limits = self.limits
        return {
            "flow": self.flow,
            "version": self.version,
            "digest": self.digest,
            "stages": [list(stage) for stage in self.stages],
            "critical_path": list(self.critical_path),
            "critical_path_s": self.critical_path_s,
            "sequential_s": self.sequential_s,
            "most_parallel": self.most_parallel,
            "most_calls": self.most_calls,
            "most_cost_microusd": self.most_cost_microusd,
            "limits": {
                "concurrency": limits.concurrency,
                "runs": limits.runs,
                "timeout_s": limits.timeout_s,
                "max_cost_microusd": limits.max_cost_microusd,
                "durability": limits.durability.value,
            },
            "steps": [_step(step) for step in self.steps],
        }


def _step(step: StepReport) -> dict[str, Any]:
    return {
        "path": step.path,
        "kind": step.kind,
        "executor": step.executor,
        "stage": step.stage,
        "needs": list(step.needs),
        "require": step.require,
        "skips": list(step.skips),
        "attempts": step.attempts,
        "timeout_s": step.timeout_s,
        "on_failure": step.on_failure,
        "foreach": step.foreach,
        "cached": step.cached,
        "critical": step.critical,
        "width": step.width,
        "most_calls": step.most_calls,
        "most_cost_microusd": step.most_cost_microusd,
        "latency_s": step.latency_s,
        "starts_s": step.starts_s,
        "ends_s": step.ends_s,
        "place": step.place,
    }
