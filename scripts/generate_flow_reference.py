"""Writes docs/reference/flow.md and docs/reference/flow.schema.json from the language of flows itself."""

import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import quorate.flows.executors as own_executors
from quorate.flows.executor import Executor
from quorate.flows.language.schema import canonical_schema, flow_schema, words_for
from quorate.flows.registry import AnyExecutor, Executors

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs/reference"
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
behind its meaning. Two words for the same thing at once are an error, and so is a key that nobody knows: the message
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
| `{type: file, validation: {max_size: 10MB, allowed_types: [pdf]}}` | `{type: file, max_bytes: 10485760, accept: [.pdf]}` |
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


def executors() -> Executors:
    """The executors of this package, one in each file."""
    found: dict[str, AnyExecutor] = {}
    for module in pkgutil.iter_modules(own_executors.__path__, f"{own_executors.__name__}."):
        members = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        for kind in cast("list[type[AnyExecutor]]", [each for _, each in members if issubclass(each, Executor)]):
            if not inspect.isabstract(kind) and hasattr(kind, "name"):
                found[kind.name] = kind()
    known = Executors()
    for name in sorted(found):
        known.add(found[name])
    return known


def row(*cells: str) -> str:
    """One line of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def kind(field: dict[str, Any]) -> str:
    """The type of a field in words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{SECTIONS[name]}](#{anchor(SECTIONS[name])})" if name in SECTIONS else kind(SCHEMA["$defs"][name])
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{choice}`" for choice in field["enum"])
    if options := field.get("anyOf"):
        return " or ".join(dict.fromkeys(kind(option) for option in options if option.get("type") != "null"))
    match field.get("type"):
        case "array":
            return f"list of {kind(field.get('items', {}))}"
        case "object":
            entries = field.get("additionalProperties") or next(iter(field.get("patternProperties", {}).values()), None)
            return f"mapping to {kind(cast('dict[str, Any]', entries))}" if isinstance(entries, dict) else "mapping"
        case "string":
            return "text"
        case str(name):
            return name + bounds(field)
        case _:
            return "any"


def bounds(field: dict[str, Any]) -> str:
    """The limits of a number."""
    words = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
    found = [f"{words[name]} {field[name]:g}" for name in words if name in field]
    return f" ({', '.join(found)})" if found else ""


def anchor(title: str) -> str:
    """How a heading is linked to."""
    return "".join(c for c in title.lower() if c.isalnum() or c in " -_").replace(" ", "-")


def section(name: str) -> Iterator[str]:
    """One section: its text and its keys."""
    shape = SCHEMA if name == "FlowSection" else SCHEMA["$defs"][name]
    yield f"\n## {SECTIONS[name]}\n\n{shape['description']}\n\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|\n"
    required = set(shape.get("required", ())) - ({"name"} if name == "FlowSection" else set[str]())
    for key, field in shape["properties"].items():
        default = "required" if key in required else shown(field.get("default"))
        yield row(f"`{key}`", kind(field), default, meaning(name, key, field))
    if name == "FlowSection":
        yield row("`extends`", "text or list of text", "", "Flows that this one takes over: see above.")


def meaning(name: str, key: str, field: dict[str, Any]) -> str:
    """What a key is for, and the other words for it."""
    others = [f"`{word}`" for word, meant in words_for(name).items() if meant == key and word != key]
    said = field.get("description", "")
    return f"{said} Also {', '.join(others)}.".strip() if others else said


def shown(default: object) -> str:
    """A default for the table; sections and empty values need none."""
    return "" if default in (None, "", [], {}) or isinstance(default, dict) else f"`{json.dumps(default)}`"


SCHEMA = canonical_schema()


def outputs() -> dict[Path, str]:
    """What the files should hold."""
    page = HEAD + "".join(part for name in SECTIONS for part in section(name))
    return {
        REFERENCE / "flow.md": page,
        REFERENCE / "flow.schema.json": json.dumps(flow_schema(executors()), indent=1) + "\n",
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with --check compare them."""
    stale = 0
    for path, text in outputs().items():
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"{path.relative_to(ROOT)} is not up to date")
            stale += 1
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
