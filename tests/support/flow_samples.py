"""Flows as they may be written: parts of them with their canonical form, and whole ones from requests of users."""

from typing import Any

#: A part as it is written, and what it is in the canonical spelling.
Spellings = list[tuple[str, dict[str, Any]]]

INPUT_SPELLINGS: Spellings = [
    ("text: string", {"text": {"type": "string"}}),
    ("text: text", {"text": {"type": "string"}}),
    ("n: {type: float, min: 1, max: 2}", {"n": {"type": "number", "schema": {"minimum": 1, "maximum": 2}}}),
    (
        "n: {type: integer, validation: {minimum: 1}}",
        {"n": {"type": "integer", "schema": {"minimum": 1}}},
    ),
    (
        "s: {type: string, minLength: 2, validation: {max_length: 5, pattern: a+, allowed_values: [aa]}}",
        {"s": {"type": "string", "schema": {"minLength": 2, "maxLength": 5, "pattern": "a+", "enum": ["aa"]}}},
    ),
    (
        "l: {type: list, items: text, min_items: 1}",
        {"l": {"type": "array", "schema": {"items": {"type": "string"}, "minItems": 1}}},
    ),
    (
        "o: {type: object, properties: {a: int}, required: [a]}",
        {"o": {"type": "object", "schema": {"properties": {"a": {"type": "integer"}}, "required": ["a"]}}},
    ),
    ("u: {type: [string, 'null']}", {"u": {"type": "any", "schema": {"type": ["string", "null"]}}}),
    (
        "u: {oneOf: [string, int]}",
        {"u": {"type": "any", "schema": {"oneOf": [{"type": "string"}, {"type": "integer"}]}}},
    ),
    (
        "f: {type: file, accept: PDF, max_size: 10MB}",
        {"f": {"type": "file", "accept": ["pdf"], "max_bytes": 10 * 1024 * 1024}},
    ),
    (
        "f: {type: file, validation: {allowed_types: [docx, .txt, image/*, image, jpeg], max_size: 1.5 KiB}}",
        {"f": {"type": "file", "accept": ["docx", ".txt", "image/*", "image", ".jpeg"], "max_bytes": 1536}},
    ),
    (
        "d: {default: [], enum: [a], example: b, x-order: 3}",
        {"d": {"default": [], "schema": {"enum": ["a"], "examples": ["b"], "x-order": 3}}},
    ),
]

OUTPUT_SPELLINGS: Spellings = [
    ("{o: '{{ steps.a.text }}'}", {"o": {"value": "{{ steps.a.text }}"}}),
    (
        "[{name: o, source: steps.a.text, description: d}]",
        {"o": {"value": "{{ steps.a.text }}", "description": "d"}},
    ),
    ("[{name: o, source: '{{ steps.a.text }}'}]", {"o": {"value": "{{ steps.a.text }}"}}),
    ("{o: {value: 1, type: float}}", {"o": {"value": 1, "type": "number"}}),
    (
        "{o: {value: [], type: array, items: string}}",
        {"o": {"value": [], "type": "array", "schema": {"items": {"type": "string"}}}},
    ),
    ("{o: {first: '{{ steps.a }}', second: 2}}", {"o": {"value": {"first": "{{ steps.a }}", "second": 2}}}),
    ("{o: {value: 1, type: any}}", {"o": {"value": 1}}),
    ("{o: {value: 1, type: [string, 'null']}}", {"o": {"value": 1, "schema": {"type": ["string", "null"]}}}),
]

STEP_SPELLINGS: Spellings = [
    ("retry: 3", {"retry": {"max_attempts": 3}}),
    ("retry: true", {"retry": {}}),
    ("retry: false", {"retry": {"max_attempts": 1}}),
    (
        "retry: {max_attempts: 3, backoff_strategy: exponential}",
        {"retry": {"max_attempts": 3, "backoff_strategy": "exponential"}},
    ),
    ("retry: {retry_count: 2, backoff: constant}", {"retry": {"max_attempts": 3, "backoff_strategy": "fixed"}}),
    (
        "retry: {max_retries: 2, initial: 500ms, max: 10, jitter: true, multiplier: 3, retry_on: timeout}",
        {
            "retry": {
                "max_attempts": 3,
                "delay": "500ms",
                "max_delay": 10,
                "jitter": "full",
                "factor": 3,
                "on": ["deadline_exceeded"],
            }
        },
    ),
    ("retry: {jitter: false}", {"retry": {"jitter": "none"}}),
    ("on_error: continue", {"on_error": {"action": "continue"}}),
    ("on_error: fail", {"on_error": {"action": "stop"}}),
    (
        "on_error: {continue: true, if: '{{ error.retryable }}'}",
        {"on_error": {"action": "continue", "when": "{{ error.retryable }}"}},
    ),
    ("on_error: {fallback: b}", {"on_error": {"fallback": "b"}}),
    ("on_error: {value: null}", {"on_error": {"value": None, "has_value": True}}),
    ("error_handling: {on_failure: continue}", {"on_error": {"action": "continue"}}),
    ("error_handling: {on_failure: fallback, fallback_step: b}", {"on_error": {"fallback": "b"}}),
    ("error_handling: {fallback_value: {a: 1}}", {"on_error": {"value": {"a": 1}, "has_value": True}}),
    ("error_handling: {on_failure: retry}", {"retry": {}}),
    ("on_failure: retry", {"retry": {}}),
    ("on_failure: retry, retry: {max_attempts: 5}", {"retry": {"max_attempts": 5}}),
    ("error_handling: {on_failure: retry}, retry: 2", {"retry": {"max_attempts": 2}}),
    ("on_error: {on_failure: fallback, fallback_value: 0}", {"on_error": {"value": 0, "has_value": True}}),
    (
        "error_handling: {on_failure: retry, max_retries: 4, retry_delay: 2, fallback_value: 0}",
        {"retry": {"max_attempts": 5, "delay": 2}, "on_error": {"value": 0, "has_value": True}},
    ),
    ("depends_on: b", {"depends_on": ["b"]}),
    ("needs: [b, c]", {"depends_on": ["b", "c"]}),
    ("if: '{{ inputs.a }}'", {"condition": "{{ inputs.a }}"}),
    ("run_if: true", {"condition": True}),
    ("foreach: '{{ inputs.a }}'", {"foreach": {"items": "{{ inputs.a }}"}}),
    ("foreach: [1, 2]", {"foreach": {"items": [1, 2]}}),
    (
        "foreach: {in: [1], as: x, max_concurrency: 2, on_item_error: continue}",
        {"foreach": {"items": [1], "as": "x", "max_parallel": 2, "on_item_error": "collect"}},
    ),
    ("cache: true", {"cache": {"enabled": True}}),
    ("cache: {key_template: k, ttl: 7d}", {"cache": {"key": "k", "ttl": "7d"}}),
    ("outputs: [text, {name: pages, description: how many}]", {"outputs": ["text", "pages"]}),
    ("outputs: {text: , pages: {description: how many}}", {"outputs": ["text", "pages"]}),
    ("type: parallel, steps: [{name: b}]", {"steps": [{"name": "b"}]}),
    (
        "type: sequential, steps: [{name: b}, {name: c, depends_on: x}, {name: d, depends_on: [c]}]",
        {"steps": [{"name": "b"}, {"name": "c", "depends_on": ["x", "b"]}, {"name": "d", "depends_on": ["c"]}]},
    ),
    (
        "switch: [{when: '{{ a }}', steps: [{name: b}]}, {otherwise: true}]",
        {"switch": [{"when": "{{ a }}", "steps": [{"name": "b"}], "name": "case_1"}, {"name": "otherwise"}]},
    ),
    (
        "switch: [{if: '{{ a }}', name: yes}, {else: [{name: b}]}]",
        {"switch": [{"when": "{{ a }}", "name": "yes"}, {"steps": [{"name": "b"}], "name": "otherwise"}]},
    ),
    (
        "switch: {on: '{{ steps.b.kind }}', cases: {pdf: [{name: c}], '2': {steps: []}}, default: []}",
        {
            "switch": [
                {"name": "pdf", "when": '{{ (steps.b.kind) | string == "pdf" }}', "steps": [{"name": "c"}]},
                {"name": "2", "when": '{{ (steps.b.kind) | string == "2" }}', "steps": []},
                {"name": "otherwise", "steps": []},
            ]
        },
    ),
]

#: Keys with nothing under them.
EMPTY_KEYS = [
    "limits: \n",
    "limits: {timeout: , concurrency: }\n",
    "config: {execution: , caching: , callbacks: }\n",
    "defaults: {retry: , on_error: {action: continue, when: }}\n",
    "inputs: {a: {type: , description: , required: , default: , validation: , min_length: }}\n",
    "outputs: {o: {value: 1, type: , description: , minimum: }}\n",
    "steps: [{name: a, executor: , retry: {on: , max_attempts: }, cache: {key: }, outputs: , if: , foreach: }]\n",
    "steps: [{name: a, switch: [{when: x, name: , steps: [{name: b, retry: , timeout: }]}]}]\n",
    "steps: [{name: a, error_handling: {on_failure: continue, fallback_step: , max_retries: }}]\n",
    "tests: [{name: t, inputs: , mocks: }]\n",
    "rollout: {sticky_by: }\nname: \n",
]

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
