"""Metrics: every record counted once, bounded series, text that Prometheus' own parser reads."""

import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from quorate.core.clock import ManualClock
from quorate.model.event import State
from quorate.model.run import RunRecord
from quorate.telemetry import names
from quorate.telemetry.families import FAMILIES, Kind
from quorate.telemetry.metrics import MAX_SERIES, CallMetrics
from run_records import branch_record, run_record

MODELS = ("fast", "strong", "panel")
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def call_metrics(models: Iterable[str] = MODELS) -> CallMetrics:
    return CallMetrics(ManualClock(), models=models, version="1.2.3")


def samples(metrics: CallMetrics) -> Samples:
    text, _ = metrics.render()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse_plain(text.decode())
        for sample in family.samples
    }


def value(metrics: CallMetrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, tuple(sorted(labels.items()))))


def observed(*records: RunRecord) -> CallMetrics:
    metrics = call_metrics()
    for record in records:
        metrics.observe(record)
    return metrics


def test_a_request_is_counted_with_all_it_used() -> None:
    metrics = observed(run_record(cached_tokens=3, reasoning_tokens=4), run_record())
    assert value(metrics, names.REQUESTS, operation="chat", model="fast", state="finished", status="2xx") == 2
    assert value(metrics, f"{names.REQUEST_DURATION}_count", operation="chat", model="fast") == 2
    assert value(metrics, f"{names.REQUEST_DURATION}_sum", operation="chat", model="fast") == pytest.approx(0.6)
    tokens = {kind: value(metrics, names.TOKENS, model="fast", type=kind) for kind in ("input", "output", "cached")}
    assert tokens == {"input": 20, "output": 40, "cached": 3}
    assert value(metrics, names.COST_TOTAL, model="fast") == 10
    assert value(metrics, names.BRANCHES, model="fast", provider="openai", state="finished") == 2
    assert value(metrics, names.BRANCH_COST, model="fast", provider="openai") == 10
    assert value(metrics, f"{names.BRANCH_DURATION}_count", model="fast", provider="openai") == 2


def test_a_bucket_counts_what_is_at_most_its_bound() -> None:
    metrics = observed(run_record(finished_at_s=1000.25), run_record(finished_at_s=1000.250001))
    buckets = {
        dict(labels)["le"]: count
        for (name, labels), count in samples(metrics).items()
        if name == f"{names.REQUEST_DURATION}_bucket"
    }
    assert (buckets["0.1"], buckets["0.25"], buckets["0.5"], buckets["+Inf"]) == (0, 1, 2, 2)


def test_a_clock_that_was_set_back_takes_nothing_from_a_sum() -> None:
    metrics = observed(run_record(finished_at_s=990.0))
    assert value(metrics, f"{names.REQUEST_DURATION}_sum", operation="chat", model="fast") == 0
    assert value(metrics, f"{names.REQUEST_DURATION}_count", operation="chat", model="fast") == 1


def test_how_branches_ended() -> None:
    branches = (
        branch_record("panel/fast", attempts=3),
        branch_record("panel/strong", state=State.FAILED, error_code="provider_unavailable", cost_microusd=0),
        branch_record("panel/fast#2", model="fast", state=State.CANCELLED),
    )
    metrics = observed(run_record("panel", mode="race", agreement=0.75, agreement_kind="choice", branches=branches))
    assert value(metrics, names.BRANCHES, model="fast", provider="openai", state="cancelled") == 1
    assert value(metrics, names.BRANCH_RETRIES, model="fast", provider="openai") == 2
    errors = {"model": "strong", "provider": "openai", "code": "provider_unavailable"}
    assert value(metrics, names.UPSTREAM_ERRORS, **errors) == 1
    # a branch without an answer has no duration of an answer
    assert value(metrics, f"{names.BRANCH_DURATION}_count", model="strong", provider="openai") == 0
    assert value(metrics, f"{names.AGREEMENT}_sum", model="panel", kind="choice") == 0.75


def test_an_inner_ensemble_is_counted_and_its_leaves_pay_once() -> None:
    branches = (
        branch_record("panel", leaf=False, provider="", cost_microusd=5),
        branch_record("panel/fast", cost_microusd=5),
    )
    metrics = observed(run_record("strong", branches=branches))
    paid = [count for (name, _), count in samples(metrics).items() if name == names.BRANCH_COST]
    assert sum(paid) == 5
    assert value(metrics, names.BRANCHES, model="panel", provider="", state="finished") == 1


def test_a_model_without_a_price_is_counted_as_such() -> None:
    metrics = observed(run_record(cost_microusd=None, branches=(branch_record(cost_microusd=None),)))
    assert value(metrics, names.UNPRICED, model="fast") == 1
    assert value(metrics, names.COST_TOTAL, model="fast") == 0


def test_time_to_first_token_where_one_was_seen() -> None:
    metrics = observed(run_record(first_token_at_s=1000.1), run_record())
    assert value(metrics, f"{names.TIME_TO_FIRST_TOKEN}_count", operation="chat", model="fast") == 1


def test_gauges_and_rejections() -> None:
    metrics = call_metrics()
    metrics.in_flight += 3
    metrics.in_flight -= 1
    metrics.rejected("rate_limited")
    waiting = [7]
    metrics.watch(names.RECORDS_WAITING, lambda: waiting[0])
    assert value(metrics, names.IN_FLIGHT) == 2
    assert value(metrics, names.REJECTED, code="rate_limited") == 1
    assert value(metrics, names.RECORDS_WAITING) == 7
    assert value(metrics, names.START) == ManualClock().now().timestamp()
    assert (value(metrics, names.CPU) or 0) > 0
    with pytest.raises(ValueError, match="has labels"):
        metrics.watch(names.REQUESTS, lambda: 1)


def test_a_name_that_nobody_configured_is_other() -> None:
    metrics = observed(run_record("sk-pasted-by-mistake"), run_record("sk-another"))
    text, _ = metrics.render()
    assert b"sk-" not in text
    assert value(metrics, names.REQUESTS, operation="chat", model="other", state="finished", status="2xx") == 2
    assert value(metrics, names.BRANCHES, model="other", provider="other", state="finished") == 2
    metrics.know(["sk-another"])
    metrics.observe(run_record("sk-another"))
    assert value(metrics, names.COST_TOTAL, model="sk-another") == 5


def test_a_known_model_without_room_left_is_other() -> None:
    metrics = CallMetrics(ManualClock(), models=MODELS, max_series=450)
    for _ in range(3):
        for model in MODELS:
            branches = (branch_record(model, state=State.FAILED), branch_record(model))
            metrics.observe(run_record(model, first_token_at_s=1000.1, status=201, branches=branches))
            metrics.observe(run_record(model, status=500, agreement=0.1))
    counted = samples(metrics)
    assert len(counted) <= 450
    for name, expected in ((names.REQUESTS, 18), (names.BRANCHES, 27), (f"{names.TIME_TO_FIRST_TOKEN}_count", 9)):
        assert sum(count for (found, _), count in counted.items() if found == name) == expected
    assert value(metrics, names.COST_TOTAL, model="fast") == 30
    assert value(metrics, names.COST_TOTAL, model="other") == 60


def test_series_are_bounded_whatever_comes() -> None:
    metrics = call_metrics([f"model-{i}" for i in range(3000)])
    for i in range(3000):
        branch = branch_record(f"model-{i}", provider=f"provider-{i}", state=State.FAILED, error_code=f"code-{i}")
        record = run_record(
            f"model-{i}",
            operation=f"operation-{i}" if i % 2 else "chat",
            status=i,
            first_token_at_s=1000.1,
            agreement=0.5,
            agreement_kind=f"kind-{i}",
            branches=(branch,),
        )
        metrics.observe(record)
        metrics.rejected(f"code-{i}")
    counted = samples(metrics)
    assert 1000 < len(counted) <= MAX_SERIES
    assert sum(count for (name, _), count in counted.items() if name == names.REQUESTS) == 3000
    assert sum(count for (name, _), count in counted.items() if name == names.UPSTREAM_ERRORS) == 3000
    assert sum(count for (name, _), count in counted.items() if name == names.REJECTED) == 3000


def test_openmetrics_when_it_is_asked_for() -> None:
    metrics = observed(run_record())
    text, content_type = metrics.render("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith(b"# EOF\n")
    unannotated: Any = openmetrics
    read = unannotated.text_string_to_metric_families(text.decode())
    assert {family.name for family in read} >= {"quorate_requests", "quorate_request_duration_seconds"}
    assert metrics.render("nonsense;version=;;,")[1].startswith("text/plain; version=0.0.4")


@given(
    st.lists(
        st.builds(
            run_record,
            st.sampled_from([*MODELS, "unknown"]),
            state=st.sampled_from([State.FINISHED, State.FAILED, State.CANCELLED]),
            status=st.integers(100, 599),
            prompt_tokens=st.integers(0, 10**9),
            cost_microusd=st.none() | st.integers(0, 10**12),
            finished_at_s=st.floats(0, 1e6),
        ),
        max_size=30,
    )
)
def test_sums_are_those_of_the_records(records: list[RunRecord]) -> None:
    counted = samples(observed(*records))

    def total(name: str, **labels: str) -> float:
        wanted = set(labels.items())
        return sum(count for (found, given), count in counted.items() if found == name and wanted <= set(given))

    assert total(names.REQUESTS) == len(records) == total(f"{names.REQUEST_DURATION}_count")
    assert total(names.TOKENS, type="input") == sum(record.prompt_tokens for record in records)
    assert total(names.COST_TOTAL) == sum(record.cost_microusd or 0 for record in records)
    assert total(names.UNPRICED) == sum(record.cost_microusd is None for record in records)


def test_names_keep_to_prometheus_conventions() -> None:
    for family in FAMILIES.values():
        assert family.name.startswith(("quorate_", "process_")), family.name
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER), family.name
        assert bool(family.bounds) == (family.kind is Kind.HISTOGRAM), family.name
        assert not {"tenant", "key", "prompt"} & set(family.labels), family.name


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    program = (
        "import sys, quorate.telemetry.metrics, quorate.telemetry.tracing, quorate.telemetry.logs;"
        "print({'prometheus_client', 'opentelemetry', 'structlog'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")
