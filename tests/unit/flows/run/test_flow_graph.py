"""Steps start when what they wait for has ended; failures stop, go on, or are stood in for."""

from typing import Any

import pytest

from flow_site import FlowSite, Shown, flow, literal, of_step, shown_config, step
from quorate.flows.outcome import FlowResult, RunStatus, StepStatus
from quorate.flows.plan import (
    Backoff,
    ErrorRule,
    FlowLimits,
    FlowPlan,
    Jitter,
    OnFailure,
    OutputPlan,
    Require,
    RetryRule,
)
from quorate.templating.value import Reference
from quorate.testing import run_virtual

CONTINUE = ErrorRule(action=OnFailure.CONTINUE)


def _run(plan: FlowPlan, **fields: Any) -> tuple[FlowResult, FlowSite]:
    async def go() -> tuple[FlowResult, FlowSite]:
        site = FlowSite(plan)
        return await site.run(**fields), site

    return run_virtual(go())


def _dossier(plays: dict[str, object]) -> FlowPlan:
    return flow(
        step("briefing", does={"after_s": 7, "gives": "B"}, group="texts"),
        step("plays", does=plays, group="texts"),
        step("procurement", "briefing", "plays", does={"after_s": 5, "gives": "P"}),
        step("annex", "procurement", does={"after_s": 6, "gives": "A"}),
    )


def test_a_pipeline_takes_as_long_as_its_critical_path() -> None:
    result, _ = _run(_dossier({"after_s": 7, "gives": "L"}))
    assert result.status is RunStatus.SUCCEEDED
    assert result.outputs == {"briefing": "B", "plays": "L", "procurement": "P", "annex": "A"}
    latency = result.latency
    assert (latency.total_s, latency.critical_path_s, latency.work_s) == (18, 18, 25)
    assert latency.speedup == pytest.approx(25 / 18)
    assert (latency.parallel_s, latency.sequential_s) == (7, 11)
    assert latency.groups == {"texts": 7}


def test_a_failed_stage_leaves_the_other_ones_result_and_is_listed() -> None:
    result, _ = _run(_dossier({"after_s": 3, "fails": "too long", "passing": False}))
    assert result.status is RunStatus.FAILED
    assert result.outputs == {"briefing": "B", "plays": None, "procurement": None, "annex": None}
    (error,) = result.errors
    assert (error.stage, error.code, error.message, error.hint) == ("plays", "bad_data", "too long", "mend it")
    assert result.steps["procurement"].reason == "upstream failed"
    assert result.latency.total_s == 7


def test_nothing_new_starts_after_a_failure() -> None:
    result, site = _run(
        flow(
            step("bad", does={"after_s": 1, "fails": "no", "passing": False}),
            step("slow", does={"after_s": 2, "gives": 1}),
            step("next", "slow"),
        )
    )
    assert site.do.ran == ["bad", "slow"]
    assert result.steps["slow"].status is StepStatus.SUCCEEDED
    assert result.steps["next"].reason == "run stopped"


def test_a_step_starts_without_waiting_for_a_whole_stage() -> None:
    result, _ = _run(
        flow(
            step("quick", does={"after_s": 1}),
            step("slow", does={"after_s": 9}),
            step("after_quick", "quick", does={"after_s": 1}),
        )
    )
    assert result.steps["after_quick"].started_s == 1
    assert result.latency.total_s == 9


def test_a_failure_may_be_passed_by() -> None:
    seen = shown_config(lambda scope: [scope["steps"]["bad"]["success"], scope["steps"]["bad"]["text"]])
    result, _ = _run(
        flow(
            step("bad", does={"fails": "no", "passing": False}, on_error=CONTINUE, outputs=("text",)),
            step("after", "bad", config=seen),
        )
    )
    assert result.status is RunStatus.PARTIAL
    assert result.outputs == {"bad": None, "after": [False, None]}
    assert [error.stage for error in result.errors] == ["bad"]


def test_a_value_stands_in_for_a_failed_step() -> None:
    rule = ErrorRule(value=Shown(lambda scope: scope["error"]["code"]))
    result, _ = _run(flow(step("bad", does={"fails": "no", "passing": False}, on_error=rule), step("after", "bad")))
    assert result.status is RunStatus.PARTIAL
    assert result.outputs["bad"] == "bad_data"
    assert result.steps["bad"].handled_by == "value"


def test_a_fallback_stands_in_and_is_seen_under_its_own_name() -> None:
    result, site = _run(
        flow(
            step("pdf", does={"fails": "scanned", "passing": False}, on_error=ErrorRule(fallback="ocr")),
            step("ocr", does={"gives": {"text": "read"}}, fallback_only=True),
            step("after", "pdf", "ocr", config=shown_config(lambda scope: scope["steps"]["ocr"]["text"])),
            outputs={"pdf": of_step("pdf", "text"), "after": of_step("after")},
        )
    )
    assert site.do.ran == ["pdf", "pdf/ocr", "after"]
    assert result.outputs == {"pdf": "read", "after": "read"}
    assert result.status is RunStatus.PARTIAL
    assert result.steps["pdf"].handled_by == "fallback"


def test_a_fallback_that_is_not_needed_is_skipped_for_all_to_see() -> None:
    result, _ = _run(
        flow(
            step("pdf", on_error=ErrorRule(fallback="ocr")),
            step("ocr", fallback_only=True, outputs=("text",)),
            outputs={"text": of_step("ocr", "text"), "skipped": of_step("ocr", "skipped")},
        )
    )
    assert result.outputs == {"text": None, "skipped": True}
    assert result.status is RunStatus.SUCCEEDED


def test_a_rule_applies_only_when_its_condition_holds() -> None:
    rule = ErrorRule(action=OnFailure.CONTINUE, when=Shown(lambda scope: scope["error"]["code"] == "other"))
    result, _ = _run(flow(step("bad", does={"fails": "no", "passing": False}, on_error=rule)))
    assert result.status is RunStatus.FAILED


def test_a_condition_that_does_not_hold_skips_the_step_and_not_what_waits_for_it() -> None:
    result, site = _run(
        flow(
            step("pdf", condition=Shown(lambda scope: False), outputs=("text",)),
            step("after", "pdf", config=shown_config(lambda scope: scope["steps"]["pdf"]["text"])),
            document={"steps": [{"name": "pdf", "condition": "inputs.n > 2"}]},
        )
    )
    assert site.do.ran == ["after"]
    assert (result.steps["pdf"].status, result.steps["pdf"].reason) == (StepStatus.SKIPPED, "inputs.n > 2")
    assert result.status is RunStatus.SUCCEEDED
    assert result.outputs["after"] is None


@pytest.mark.parametrize(
    ("require", "runs"), [(Require.ALL, True), (Require.ANY, False), (Require.DONE, True)], ids=str
)
def test_whether_a_step_needs_any_success(require: Require, *, runs: bool) -> None:
    no = literal(value=False)
    result, site = _run(flow(step("a", condition=no), step("b", condition=no), step("c", "a", "b", require=require)))
    assert ("c" in site.do.ran) is runs
    assert result.status is RunStatus.SUCCEEDED


def test_one_success_is_enough_for_any() -> None:
    bad = step("bad", does={"fails": "no", "passing": False}, on_error=CONTINUE)
    _, site = _run(flow(bad, step("good"), step("last", "bad", "good", require=Require.ANY)))
    assert site.do.ran[-1] == "last"


def test_an_error_that_may_pass_is_tried_again_after_growing_delays() -> None:
    rule = RetryRule(max_attempts=3, backoff=Backoff.EXPONENTIAL, initial_s=2, jitter=Jitter.NONE)
    result, _ = _run(flow(step("a", does={"fails": "busy", "times": 2, "gives": 1}, retry=rule)))
    assert result.status is RunStatus.SUCCEEDED
    assert (result.steps["a"].attempts, result.latency.total_s) == (3, 6)


def test_an_error_that_stays_is_not_tried_again() -> None:
    _, site = _run(flow(step("a", does={"fails": "no", "passing": False}, retry=RetryRule(max_attempts=5))))
    assert site.do.ran == ["a"]


def test_a_retry_does_not_outlast_the_deadline() -> None:
    rule = RetryRule(max_attempts=9, initial_s=8, jitter=Jitter.NONE, backoff=Backoff.FIXED)
    plan = flow(step("a", does={"after_s": 1, "fails": "busy"}, retry=rule), limits=FlowLimits(timeout_s=12))
    result, site = _run(plan)
    assert (site.do.ran, result.latency.total_s) == (["a", "a"], 10)


def test_a_timeout_names_the_step() -> None:
    result, _ = _run(flow(step("a", does={"after_s": 60}, timeout_s=2)))
    assert result.errors[0].code == "deadline_exceeded"
    assert result.errors[0].message == "step 'a' took longer than its timeout of 2 s"
    assert result.latency.total_s == 2


def test_the_deadline_of_a_run_fails_it_and_its_end_has_time_of_its_own() -> None:
    plan = flow(
        step("a", does={"after_s": 60}),
        limits=FlowLimits(timeout_s=5),
        finally_=(step("clean", does={"after_s": 3}),),
        catch=(step("report", config=shown_config(lambda scope: scope["error"]["stage"])),),
        outputs={"caught": of_step("report")},
    )
    result, _ = _run(plan)
    assert result.status is RunStatus.FAILED
    assert result.outputs == {"caught": "a"}
    assert result.steps["finally/clean"].status is StepStatus.SUCCEEDED
    assert result.latency.total_s == 8


def test_finally_sees_how_the_run_ended() -> None:
    last = step("clean", config=shown_config(lambda scope: scope["run"]["status"]))
    result, _ = _run(flow(step("a"), finally_=(last,), outputs={"end": of_step("clean")}))
    assert result.outputs == {"end": "succeeded"}


def test_a_defect_of_an_executor_tells_nobody_its_details(caplog: pytest.LogCaptureFixture) -> None:
    result, _ = _run(flow(step("a", executor="breaks")))
    (error,) = result.errors
    assert error.code == "internal_error"
    assert error.message == "the executor 'breaks' failed in step 'a' with KeyError"
    assert "api-key-12345" in caplog.text


def test_a_config_that_does_not_fit_names_the_key_and_the_value() -> None:
    result, _ = _run(flow(step("a", does={"after_s": "soon"})))
    (error,) = result.errors
    assert error.code == "bad_config"
    assert "after_s" in error.message
    assert "soon" in error.message


def test_an_output_that_is_not_what_its_schema_says_fails_the_run() -> None:
    output = OutputPlan(name="n", value=of_step("a"), schema={"type": "integer"})
    result, _ = _run(flow(step("a", does={"gives": "one"}), outputs={"n": output}))
    assert result.status is RunStatus.FAILED
    assert [(error.stage, error.code) for error in result.errors] == [("outputs.n", "output_invalid")]
    assert result.outputs == {"n": "one"}


def test_an_output_that_cannot_be_made_is_null_and_says_why() -> None:
    value = Shown(lambda scope: scope["steps"]["a"]["nothing"], references=(Reference(names=("steps", "a")),))
    result, _ = _run(flow(step("a"), outputs={"n": value}))
    assert result.outputs == {"n": None}
    assert [error.stage for error in result.errors] == ["outputs.n"]


def test_too_long_an_output_is_refused() -> None:
    result, _ = _run(flow(step("a", config=Shown(lambda scope: {"gives": "x" * 5_000_000}))))
    assert result.errors[0].code == "output_too_large"


def test_the_costs_of_all_attempts_count() -> None:
    rule = RetryRule(max_attempts=3, initial_s=0, jitter=Jitter.NONE)
    result, _ = _run(flow(step("a", does={"costs": 5, "fails": "busy", "times": 2}, retry=rule), step("b")))
    assert (result.steps["a"].cost_microusd, result.cost_microusd, result.prompt_tokens) == (15, 15, 9)


def test_mocked_steps_are_not_executed() -> None:
    plan = flow(step("a"), step("b", "a", on_error=CONTINUE), step("c", "b"))
    result, site = _run(plan, mocks={"a": {"n": 1}, "b": {"error": {"code": "down", "message": "it is down"}}})
    assert site.do.ran == ["c"]
    assert result.outputs == {"a": {"n": 1}, "b": None, "c": "c"}
    assert result.errors[0].code == "down"
