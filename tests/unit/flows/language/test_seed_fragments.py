"""Flows in the words in which they were asked for load as they stand."""

import pytest

from written_flows import read

COMPOSITION = """
# flows/complex_analysis/flow.yaml
name: "complex_analysis"
steps:
  - name: "document_analysis"
    executor: "flow_executor"  # another flow
    config:
      flow_name: "document_analysis"
      inputs: "{{ inputs }}"

  - name: "ocr_analysis"
    executor: "flow_executor"
    config:
      flow_name: "ocr_analysis"
      inputs: "{{ inputs }}"

  - name: "combine_results"
    executor: "data_combiner"
    config:
      sources:
        - "{{ steps.document_analysis }}"
        - "{{ steps.ocr_analysis }}"
"""

CONDITIONS = """
steps:
  - name: "check_file_type"
    executor: "file_analyzer"

  - name: "process_pdf"
    executor: "document_extractor"
    condition: "{{ steps.check_file_type.file_type == 'pdf' }}"

  - name: "process_image"
    executor: "ocr_processor"
    condition: "{{ steps.check_file_type.file_type == 'image' }}"

  - name: "fallback_processing"
    executor: "generic_processor"
    condition: "{{ steps.process_pdf.success == false and steps.process_image.success == false }}"
    retry:
      max_attempts: 3
      backoff_strategy: "exponential"
"""

PARALLEL = """
steps:
  - name: "extract_text"
    executor: "document_extractor"

  - name: "analyze_sentiment"
    executor: "llm_analyzer"
    depends_on: ["extract_text"]
    parallel_group: "analysis"

  - name: "extract_entities"
    executor: "llm_analyzer"
    depends_on: ["extract_text"]
    parallel_group: "analysis"

  - name: "combine_analysis"
    executor: "data_combiner"
    depends_on: ["analysis"]  # the whole group
"""

FUNCTIONS = """
functions:
  extract_key_phrases:
    description: "The longest words of a text"
    implementation: |
      def extract_key_phrases(text, max_phrases=5):
          # the longest first
          return sorted(text.split(), key=len)[-max_phrases:]

  format_currency:
    description: "A number with its currency"
    implementation: |
      def format_currency(amount, currency="USD"):
          return f"${amount:.2f} {currency}"

steps:
  - name: "process_text"
    executor: "llm_analyzer"
    config:
      text: "{{ inputs.text }}"
      key_phrases: "{{ extract_key_phrases(inputs.text, 10) }}"
      formatted_amount: "{{ format_currency(inputs.amount) }}"
"""

#: Two reports side by side, then two that follow them, each with its own way to fail; at most two calls at once.
BRIEFING = """
name: briefing
config:
  execution: {mode: async, timeout: 60, max_retries: 1, max_concurrent: 2}
inputs:
  - {name: notes, type: string, required: true, description: what is known}
  - {name: metrics, type: object, default: {}}
steps:
  - name: reports
    type: parallel
    steps:
      - name: briefing
        executor: llm
        config: {prompt: "Brief me on {{ inputs.notes }}", extract: markdown}
        error_handling: {on_failure: continue}
        weight: 30
      - name: plays
        executor: llm
        config: {prompt: "Plays for {{ inputs.notes }}", extract: markdown}
        error_handling: {on_failure: continue}
        weight: 30
  - name: procurement
    executor: llm
    depends_on: [reports]
    config: {prompt: "Procurement for {{ inputs.notes }}", extract: json}
    error_handling: {fallback_value: "{{ inputs.metrics }}"}
    weight: 20
  - name: annex
    executor: llm
    depends_on: procurement
    config: {prompt: "An annex to {{ steps.procurement }}", extract: json}
    retry: {max_retries: 1, backoff: linear, delay: 1, retry_on: [unavailable, deadline_exceeded]}
    weight: 20
outputs:
  - {name: briefing, source: steps.briefing.result}
  - {name: plays, source: steps.plays.result}
  - {name: procurement, source: steps.procurement.result}
  - {name: annex, source: steps.annex.result}
"""


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
    assert (annex.retry.max_attempts, annex.retry.on) == (2, ("unavailable", "deadline_exceeded"))
    assert flow.outputs["annex"].value == "{{ steps.annex.result }}"
