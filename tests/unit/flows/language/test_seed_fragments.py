"""Flows in the words in which they were asked for load as they stand."""

import pytest

from flow_samples import BRIEFING, COMPOSITION, CONDITIONS, FUNCTIONS, PARALLEL
from written_flows import read


@pytest.mark.parametrize(
    ("written", "steps"),
    [
        (COMPOSITION, ["document_analysis", "ocr_analysis", "combine_results"]),
        (CONDITIONS, ["check_file_type", "process_pdf", "process_image", "fallback_processing"]),
        (PARALLEL, ["extract_text", "analyze_sentiment", "extract_entities", "combine_analysis"]),
        (FUNCTIONS, ["process_text"]),
        (BRIEFING, ["reports", "procurement", "annex"]),
    ],
)
def test_a_fragment_loads_as_it_is_written(written: str, steps: list[str]) -> None:
    assert [step.name for step in read(written).section.steps] == steps


def test_nothing_of_a_fragment_is_lost() -> None:
    composed = read(COMPOSITION).section
    assert composed.name == "complex_analysis"
    assert composed.steps[0].config == {"flow_name": "document_analysis", "inputs": "{{ inputs }}"}
    conditional = read(CONDITIONS).section.steps[3]
    assert conditional.condition == "{{ steps.process_pdf.success == false and steps.process_image.success == false }}"
    assert conditional.retry is not None
    assert (conditional.retry.max_attempts, conditional.retry.backoff_strategy) == (3, "exponential")
    assert [step.parallel_group for step in read(PARALLEL).section.steps] == [None, "analysis", "analysis", None]
    assert read(FUNCTIONS).section.functions["format_currency"].implementation.startswith("def format_currency(")


def test_the_parallel_pipeline_keeps_its_limits_and_its_ways_to_fail() -> None:
    flow = read(BRIEFING).section
    assert (flow.limits.mode, flow.limits.timeout, flow.limits.max_retries, flow.limits.concurrency) == (
        "async",
        60,
        1,
        2,
    )
    reports, procurement, annex = flow.steps
    assert [(step.name, step.weight, step.on_error and step.on_error.action) for step in reports.steps] == [
        ("briefing", 30, "continue"),
        ("plays", 30, "continue"),
    ]
    assert procurement.on_error is not None
    assert procurement.on_error.value == "{{ inputs.metrics }}"
    assert annex.retry is not None
    assert (annex.retry.max_attempts, annex.retry.on) == (2, ("provider_unavailable", "deadline_exceeded"))
    assert flow.outputs["annex"].value == "{{ steps.annex.result }}"
