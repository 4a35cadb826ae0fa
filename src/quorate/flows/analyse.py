"""Look at a flow before it runs: stages, the critical path, what may be skipped, what it costs at most."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from quorate.flows import path as paths
from quorate.flows.analysis import Analysis, StepReport
from quorate.flows.antichain import most_at_once
from quorate.flows.asking_cost import Costing
from quorate.flows.layers import layers
from quorate.flows.plan import FlowPlan, Require, StepKind, StepPlan
from quorate.flows.registry import Executors
from quorate.flows.worst_case import Spending
from quorate.flows.written_steps import expression_text, written_steps


def analyse(
    plan: FlowPlan,
    *,
    executors: Executors,
    costing: Costing | None = None,
    latencies: Mapping[str, float] | None = None,
) -> Analysis:
    """Return what can be said of a flow without running it or asking anybody.

    `latencies` are seconds by a step's path or name, such as those of an earlier run (`Latency.steps`); one that is not
    named takes no time. Without any, the critical path goes by the steps' weights. Without a `costing`, no cost is
    known. Cost: no I/O; 1 ms for 20 steps.
    """
    written = written_steps(plan)
    spending = Spending(plan=plan, executors=executors, costing=costing, written=written)
    survey = _Survey(spending=spending, latencies=latencies, written=written)
    main = survey.block(plan.steps, "")
    after = main.length if latencies is not None else 0.0
    late = [
        _shifted(report, after, critical=False)
        for region, steps in (("catch", plan.catch), ("finally", plan.finally_))
        for report in survey.block(steps, region).reports
    ]
    most = spending.of_run()
    needs = {step.name: step.needs for step in plan.steps if not step.fallback_only}
    return Analysis(
        flow=plan.name,
        version=plan.version,
        digest=plan.digest,
        steps=(*main.reports, *late),
        stages=layers(needs),
        critical_path=main.critical,
        critical_path_s=main.length if latencies is not None else None,
        sequential_s=main.work if latencies is not None else None,
        most_parallel=min(main.width, plan.limits.concurrency),
        most_calls=most.calls,
        most_cost_microusd=most.cost_microusd,
        limits=plan.limits,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Steps beside each other: their reports, the longest way through, the sum of all, how wide it gets."""

    reports: tuple[StepReport, ...]
    critical: tuple[str, ...]
    length: float
    work: float
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survey:
    spending: Spending
    latencies: Mapping[str, float] | None
    written: Mapping[str, Mapping[str, Any]]

    def block(self, steps: Sequence[StepPlan], parent: str, only: str = "") -> _Block:
        """Return what is to say of steps beside each other; `only`: why none of them may run. It begins at 0."""
        regular = {step.name: step for step in steps if not step.fallback_only}
        needs = {name: step.needs for name, step in regular.items()}
        stages = layers(needs)
        stage = {name: number for number, names in enumerate(stages, start=1) for name in names}
        inner = {step.name: self._inside(step, parent) for step in steps}
        starts: dict[str, float] = {}
        for name in (name for names in stages for name in names):
            starts[name] = max(
                (starts[need] + inner[need].length for need in needs[name] if need in starts), default=0.0
            )
        ends = {name: begin + inner[name].length for name, begin in starts.items()}
        way = _longest(needs, ends, starts)
        reports: list[StepReport] = []
        for step in steps:
            begin, on_way = starts.get(step.name, 0.0), step.name in way
            report = self._report(step, parent, inner[step.name], steps, only)
            reports.append(replace(_shifted(report, begin, critical=on_way), stage=stage.get(step.name, 0)))
            reports += (_shifted(each, begin, critical=on_way and each.critical) for each in inner[step.name].reports)
        return _Block(
            reports=tuple(reports),
            critical=way,
            length=max(ends.values(), default=0.0),
            work=sum(inner[name].work for name in starts),
            width=most_at_once(needs, {name: inner[name].width for name in regular}),
        )

    def _inside(self, step: StepPlan, parent: str) -> _Block:
        """Return what is to say of one execution of a step, and of how many there are at once."""
        path = paths.joined(parent, step.name)
        known = None
        if self.latencies is not None:
            known = self.latencies.get(path, self.latencies.get(step.name))
        if step.kind is StepKind.EXECUTE:
            length = known if known is not None else 0.0 if self.latencies is not None else step.weight
            found = _Block(reports=(), critical=(), length=length, work=length, width=1)
        else:
            blocks = [self.block(steps, path, only) for steps, only in self._ways(step)]
            length = max((block.length for block in blocks), default=0.0)
            found = _Block(
                reports=tuple(report for block in blocks for report in block.reports),
                critical=(),
                length=known if known is not None else length,
                work=max((block.work for block in blocks), default=0.0),
                width=max((block.width for block in blocks), default=0),
            )
        if step.foreach is None:
            return found
        items = self.spending.items(step)
        most = step.foreach.max_parallel
        return replace(found, width=found.width * (most if items is None else min(most, items)))

    def _ways(self, step: StepPlan) -> Iterable[tuple[Sequence[StepPlan], str]]:
        """Yield the steps inside a step, those of each way of a switch by themselves, and when that is not taken."""
        if step.kind is StepKind.GROUP:
            yield step.steps, ""
        written = self.written.get(step.name, {}).get("switch", ())
        for index, case in enumerate(step.cases):
            when = expression_text(written[index].get("when", "")) if case.when is not None else "no other way is taken"
            yield case.steps, f"unless {step.name} goes the way {case.name}: {when}"

    def _report(self, step: StepPlan, parent: str, inner: _Block, beside: Sequence[StepPlan], only: str) -> StepReport:
        most = self.spending.of_step(step, {each.name: each for each in beside})
        timed = self.latencies is not None and not step.fallback_only
        return StepReport(
            path=paths.joined(parent, step.name),
            kind=step.kind.value,
            executor=step.executor,
            stage=0,
            needs=step.needs,
            require=step.require.value,
            skips=((only,) if only else ()) + tuple(self._skips(step, beside)),
            attempts=step.retry.max_attempts,
            timeout_s=step.timeout_s,
            on_failure=_on_failure(step),
            foreach=step.foreach is not None,
            cached=step.cache is not None,
            critical=False,
            width=inner.width,
            most_calls=most.calls,
            most_cost_microusd=most.cost_microusd,
            latency_s=inner.length if timed else None,
            starts_s=0.0 if timed else None,
            ends_s=inner.length if timed else None,
            place=step.place,
        )

    def _skips(self, step: StepPlan, beside: Sequence[StepPlan]) -> Iterable[str]:
        written = self.written.get(step.name, {})
        if step.fallback_only:
            owners = [other.name for other in beside if other.on_error.fallback == step.name]
            yield f"runs only when {' or '.join(owners)} failed"
        if step.condition is not None:
            yield f"unless {expression_text(written.get('condition', ''))}"
        if step.require is Require.ANY and step.needs:
            yield f"if none of {', '.join(step.needs)} succeeded"


def _shifted(report: StepReport, by_s: float, *, critical: bool) -> StepReport:
    if report.starts_s is None or report.ends_s is None:
        return replace(report, critical=critical)
    return replace(report, critical=critical, starts_s=report.starts_s + by_s, ends_s=report.ends_s + by_s)


def _longest(
    needs: Mapping[str, Sequence[str]], ends: Mapping[str, float], starts: Mapping[str, float]
) -> tuple[str, ...]:
    """Return the steps of the longest way, first to last: from the one that ends last, back over those it waits for."""
    if not ends:
        return ()
    way = [max(ends, key=ends.__getitem__)]
    while before := [need for need in needs[way[-1]] if need in ends and ends[need] == starts[way[-1]]]:
        way.append(before[0])
    return tuple(reversed(way))


def _on_failure(step: StepPlan) -> str:
    """Return what its failure means: `stop`, `continue`, `value`, or `fallback: NAME`, perhaps only sometimes."""
    rule = step.on_error
    what = f"fallback: {rule.fallback}" if rule.fallback else "value" if rule.value is not None else rule.action.value
    return f"{what} (on a condition)" if rule.when is not None else what
