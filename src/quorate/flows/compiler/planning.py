"""Drafts and sections -> the values of a plan."""

from collections.abc import Sequence

from quorate.flows.compiler.draft import Draft
from quorate.flows.language.sections import CallbacksSection, LimitsSection, RetrySection, TestSection
from quorate.flows.plan import (
    Backoff,
    Callbacks,
    Case,
    FlowLimits,
    FlowTest,
    Jitter,
    RetryRule,
    StepKind,
    StepPlan,
)
from quorate.source.explain import Written
from quorate.source.section import microusd
from quorate.templating.value import Value


def step_plans(drafts: Sequence[Draft], written: Written) -> tuple[StepPlan, ...]:
    """Return the plans of steps that stand beside each other, in written order."""
    order = {draft.name: index for index, draft in enumerate(drafts)}
    return tuple(_step(draft, order, written) for draft in drafts)


def _step(draft: Draft, order: dict[str, int], written: Written) -> StepPlan:
    section = draft.section
    cases = tuple(
        Case(
            name=case.name or _case_name(index, draft.whens[index]),
            when=draft.whens[index],
            steps=step_plans([child for child in draft.children if child.case == index], written),
        )
        for index, case in enumerate(section.switch)
    )
    kind = StepKind.EXECUTE if section.executor else StepKind.SWITCH if cases else StepKind.GROUP
    return StepPlan(
        name=section.name,
        kind=kind,
        executor=section.executor or "",
        description=section.description,
        config=draft.config,
        needs=tuple(sorted(draft.needs, key=order.__getitem__)),
        require=section.require,
        condition=draft.condition,
        group=section.parallel_group,
        foreach=draft.foreach,
        steps=step_plans(draft.children, written) if kind is StepKind.GROUP else (),
        cases=cases,
        retry=retry_rule(draft.retry),
        timeout_s=draft.timeout_s,
        on_error=draft.on_error,
        cache=draft.cache,
        concurrency=section.concurrency,
        fallback_only=draft.fallback_only,
        outputs=section.outputs,
        weight=section.weight,
        place=written.place(draft.at),
    )


def _case_name(index: int, when: Value | None) -> str:
    return "otherwise" if when is None else f"case_{index + 1}"


def retry_rule(section: RetrySection | None) -> RetryRule:
    """Return how often a step is tried: once, unless something else is written."""
    if section is None:
        return RetryRule()
    fixed = section.backoff_strategy is Backoff.FIXED
    most_s = max(section.delay, RetryRule().most_s) if section.max_delay is None else section.max_delay
    return RetryRule(
        max_attempts=section.max_attempts,
        backoff=section.backoff_strategy,
        initial_s=section.delay,
        most_s=most_s,
        factor=section.factor,
        jitter=section.jitter or (Jitter.NONE if fixed else Jitter.FULL),
        only=section.on,
        never=section.never_on,
    )


def flow_limits(section: LimitsSection, key: Value | None) -> FlowLimits:
    """Return what a run may use; `key` is `per_key`, compiled."""
    return FlowLimits(
        concurrency=section.concurrency,
        runs=section.runs,
        key=key,
        timeout_s=section.timeout,
        max_cost_microusd=None if section.max_cost_usd is None else microusd(section.max_cost_usd),
        priority=section.priority,
        durability=section.durability,
        run_async=section.mode == "async",
        auto_resume=section.auto_resume,
        max_retries=section.max_retries,
    )


def callbacks(section: CallbacksSection | None) -> Callbacks:
    """Return whether the end of a run is told; nothing written: it is not."""
    if section is None:
        return Callbacks()
    return Callbacks(enabled=section.enabled, max_retries=section.max_retries, retry_delay_s=section.retry_delay)


def flow_tests(sections: Sequence[TestSection], written: Written) -> tuple[FlowTest, ...]:
    """Return the tests that are written in a flow."""
    return tuple(
        FlowTest(
            name=test.name,
            inputs=test.inputs,
            mock=test.mock,
            expect=test.expect,
            place=written.place(("tests", index)),
        )
        for index, test in enumerate(sections)
    )
