"""Writes docs/reference/flow.md and docs/reference/flow.schema.json from the language of flows itself."""

import json
import sys
from pathlib import Path
from typing import Any

from quorate.flows.executors.standard import standard_executors
from quorate.flows.language.schema import canonical_schema, flow_schema, words_for
from reference_pages import REFERENCE, SchemaPage, row, write_or_compare

SECTIONS = {
    "FlowSection": "The whole file",
    "InputSection": "inputs.NAME",
    "OutputSection": "outputs.NAME",
    "StepSection": "steps",
    "ForeachSection": "foreach",
    "CaseSection": "switch",
    "RetrySection": "retry",
    "ErrorSection": "on_error",
    "CacheSection": "cache",
    "DefaultsSection": "defaults",
    "LimitsSection": "limits",
    "FunctionSection": "functions.NAME",
    "CallbacksSection": "callbacks",
    "RolloutSection": "rollout",
    "TestSection": "tests",
}
HEAD = """# The language of flows

<!-- Written by scripts/generate_flow_reference.py; change the code, then `make generate`. -->

A flow is one YAML file. Editors check it while you type with [the JSON Schema](flow.schema.json): put
`# yaml-language-server: $schema=flow.schema.json` (with the path or address of that file) on the first line.

Many things may be written in more than one way. The tables hold the canonical one; the other words for a key stand
behind its meaning. A key with nothing under it says nothing. Two words for the same thing at once are an error, and so is a key that nobody knows: the message
says where it stands and which key comes closest. Only `metadata` is free.

## Where flows stand

| file | flow |
|---|---|
| `NAME.yaml` | `NAME` |
| `NAME@VERSION.yaml` | `NAME`, in that version |
| `NAME/flow.yaml` | `NAME` |
| `NAME/VERSION.yaml` | `NAME`, in that version |

A `name` in the file counts more than that of the file. Files and folders that begin with `.` or `_` are left alone. A
file that has changed is read again; while it is broken, its last good version goes on.

A run may ask for `1.2.0`, for a range (`^1.2`, `~1.2.0`, `>=1.2,<2`, `1.x`, `1.0.0 || ^3`) or for `latest`. If it does
not, it gets the newest stable version, or what that version's `rollout` says.

## What a file may look like

YAML 1.2's plain values: `no` and `on` are text, `010` is ten. One document of at most 1 MiB and 32 levels. An alias
(`*name`) repeats what an anchor (`&name`) marks, at most 100 times and up to 50,000 values in all. Tags that are not
plain, merge keys (`<<`) and keys given twice are errors.

A duration is `500ms`, `3s`, `2m`, `1h30m`, `7d`, or a number of seconds.

## More than one way

| written | means |
|---|---|
| `inputs: [{name: a, type: text}]`, `inputs: {a: text}` | `inputs: {a: {type: string}}`; also one JSON Schema with `properties` |
| `{min_length: 3}`, `{validation: {min_length: 3}}` | `{schema: {minLength: 3}}`, and so for all keywords of JSON Schema |
| `{type: array, min_length: 1}` | `{type: array, schema: {minItems: 1}}` |
| `{type: array, items: file, max_items: 5}` | `{type: files, schema: {maxItems: 5}}`: several files, 20 if not said |
| `{type: file, validation: {max_size: 10MB, allowed_types: [pdf]}}` | `{type: file, max_bytes: 10485760, accept: [pdf]}`: kinds, media types and extensions, as in the executor `file_handler` |
| `outputs: [{name: o, source: steps.a.text}]`, `outputs: {o: "{{ steps.a.text }}"}` | `outputs: {o: {value: "{{ steps.a.text }}"}}` |
| `steps: {a: {...}}` | `steps: [{name: a, ...}]` |
| `type: parallel` with `steps` | a group: its steps start as soon as what they wait for has ended |
| `type: sequential` with `steps` | a group in which every step waits for the one before it |
| `switch: {on: EXPRESSION, cases: {pdf: [...]}, default: [...]}` | a list of cases that compare the expression's text |
| `foreach: "{{ inputs.list }}"` | `foreach: {items: "{{ inputs.list }}"}` |
| `retry: 3`, `retry: {max_retries: 2}` | `retry: {max_attempts: 3}` |
| `jitter: true`, `jitter: false` | `jitter: full`, `jitter: none` |
| `on_error: continue`, `on_error: fail` | `on_error: {action: continue}`, `on_error: {action: stop}` |
| `error_handling: {on_failure: continue}` | `on_error: {action: continue}` |
| `error_handling: {fallback_step: b}`, `{fallback_value: 0}` | `on_error: {fallback: b}`, `on_error: {value: 0}` |
| `on_failure: fallback` with a `fallback_step` or `fallback_value` | the same without it |
| `on_failure: retry` | the `retry` of the step; without one that of the `defaults`, else three attempts |
| `retry: {on: timeout}`, `unavailable`, `rate_limit` | `retry: {on: [deadline_exceeded]}`, `provider_unavailable`, `rate_limited` |
| `error_handling: {on_failure: retry, max_retries: 2, retry_delay: 1}` | `retry: {max_attempts: 3, delay: 1}` |
| `error_handling` of the whole flow | the same under `defaults` |
| `config: {execution: ..., caching: ..., callbacks: ...}` of the whole flow | `limits`, `cache`, `callbacks` |
| `priority: low`, `normal`, `high` | `priority: -10`, `0`, `10` |
| `version: 1.10` | `version: 1.10.0`, as it is written |

## Inheritance

`extends: base` (or a list, of which the last counts most) takes over everything of other flows but `name`, `version`,
`abstract`, `rollout`, `tests` and `examples`. Mappings are merged key by key, steps by their names, the file's own
values win; `value`, `default`, `items`, `switch` and `on_error` are replaced as a whole, and so is the `config` of a
step that gets another `executor`. `null` leaves out what is inherited: `inputs: {language: null}`,
`steps: {count: null}`. `abstract: true` marks a flow that is only there to be extended.
"""  # noqa: E501 -- rows of tables


def meaning(section: str, key: str, field: dict[str, Any]) -> str:
    """What a key is for, and the other words for it."""
    others = [f"`{word}`" for word, meant in words_for(section).items() if meant == key and word != key]
    said = str(field.get("description", ""))
    return f"{said} Also {', '.join(others)}.".strip() if others else said


def outputs() -> dict[Path, str]:
    """What the files should hold."""
    extends = row("`extends`", "text or list of text", "", "Flows that this one takes over: see above.")
    page = SchemaPage(canonical_schema(), SECTIONS, "FlowSection")
    sections = page.sections(meaning, given=frozenset({"name"}), more={"FlowSection": extends})
    return {
        REFERENCE / "flow.md": HEAD + sections,
        REFERENCE / "flow.schema.json": json.dumps(flow_schema(standard_executors()), indent=1) + "\n",
    }


if __name__ == "__main__":
    sys.exit(write_or_compare(outputs(), sys.argv[1:]))
