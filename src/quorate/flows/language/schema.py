"""The JSON Schema of flows, for editors: every spelling, and the configuration of every executor."""

from collections.abc import Mapping
from typing import Any, cast

from quorate.flows.language import canonical, error_spelling, step_spelling
from quorate.flows.language.input_spelling import DIRECT, FILE_RULES
from quorate.flows.language.output_spelling import WORDS as OUTPUT_WORDS
from quorate.flows.language.schema_spelling import KEYWORDS, TYPE_NAMES, TYPES
from quorate.flows.language.sections import FlowSection
from quorate.flows.language.spelling import Spelling
from quorate.flows.registry import AnyExecutor, Executors
from quorate.source.described import described_schema

Json = dict[str, Any]

#: A value in which a template may stand instead.
_TEMPLATE: Json = {"type": "string", "pattern": r"\{[{%]"}
_TEXTS: Json = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_NOTHING: Json = {"type": "null"}
#: Keys that have to say something where they stand.
_NEVER_EMPTY = frozenset({"name", "items", "implementation"})
_SPELLINGS: Mapping[str, Spelling] = {
    "FlowSection": canonical.FLOW,
    "StepSection": step_spelling.STEP,
    "RetrySection": error_spelling.RETRY,
    "ErrorSection": error_spelling.ON_ERROR,
    "CacheSection": error_spelling.CACHE,
    "ForeachSection": step_spelling.FOREACH,
    "CaseSection": step_spelling.CASE,
    "LimitsSection": canonical.LIMITS,
    "CallbacksSection": canonical.CALLBACKS,
    "RolloutSection": canonical.ROLLOUT,
    "FunctionSection": canonical.FUNCTION,
    "TestSection": canonical.TEST,
}


def words_for(section: str) -> Mapping[str, str]:
    """Return the other words for the keys of a section: word -> canonical key."""
    return _SPELLINGS[section].others if section in _SPELLINGS else {}


def canonical_schema() -> Json:
    """Return the JSON Schema of the canonical spelling alone, with a definition for each section."""
    return _tidied(described_schema(FlowSection))


def flow_schema(executors: Executors) -> Json:
    """Return the JSON Schema (draft 2020-12) of the language as it may be written.

    Templates may stand where the configuration of an executor wants something else. What a schema cannot say (two
    spellings of one key at once, steps that do not exist) is left to the reader and the compiler.
    """
    whole = canonical_schema()
    definitions: dict[str, Json] = whole.pop("$defs")
    definitions["FlowSection"] = whole
    for name, words in _SPELLINGS.items():
        properties: Json = definitions[name]["properties"]
        for word, key in words.others.items():
            if key in properties:
                properties[word] = {**properties[key], "description": f"The same as `{key}`."}
    _widen(definitions)
    _add_executors(definitions, executors)
    flow = definitions.pop("FlowSection")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a flow",
        **flow,
        "$defs": dict(sorted(definitions.items())),
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/$defs/{name}"}


def _any(*choices: Json) -> Json:
    return {"anyOf": list(choices)}


def _or_nothing(schema: Json) -> Json:
    """A value, or an empty key, which says nothing. What is said to readers stays outside: editors show that."""
    kind = schema.get("type")
    if not schema or kind == "null":
        return schema
    if kind is not None and not schema.keys() & {"enum", "const"}:
        kinds = [kind] if isinstance(kind, str) else kind
        return schema if "null" in kinds else {**schema, "type": [*kinds, "null"]}
    said = {key: schema[key] for key in ("description", "default") if key in schema}
    value = {key: schema[key] for key in schema if key not in said}
    choices = value["anyOf"] if value.keys() == {"anyOf"} else [value]
    return {**said, "anyOf": choices if _NOTHING in choices else [*choices, _NOTHING]}


def _named(item: Json) -> Json:
    """A list of what has a name, or a mapping from the names; nothing under a name leaves it out."""
    in_list: Json = {"type": "array", "items": {"allOf": [item, {"type": "object", "required": ["name"]}]}}
    return _any(in_list, {"type": "object", "additionalProperties": _any(item, _NOTHING)})


def _set(definition: Json, words: Spelling, values: Mapping[str, Json]) -> None:
    """Give keys another value, in all their spellings; what was said of them stays."""
    properties: Json = definition["properties"]
    for key, value in values.items():
        for word in (key, *(other for other, meant in words.others.items() if meant == key)):
            said = properties.get(word, {}).get("description")
            properties[word] = {**value, **({"description": said} if said else {})}


def _widen(definitions: dict[str, Json]) -> None:
    for definition in definitions.values():
        definition.pop("required", None)
    definitions |= _new_definitions()
    whole: Mapping[str, Mapping[str, Json]] = {
        "FlowSection": _flow_values(),
        "StepSection": _step_values(),
        "RetrySection": {
            "jitter": _any(_ref("Jitter"), {"type": "boolean"}),
            "backoff_strategy": _any(_ref("Backoff"), {"const": "constant"}),
            "max_retries": {"type": "integer", "minimum": 0, "description": "One less than `max_attempts`."},
            "on": _TEXTS,
            "never_on": _TEXTS,
        },
        "ErrorSection": {"continue": {"type": "boolean"}, "action": _ref("Action")},
        "ForeachSection": {
            "items": _any({"type": "string"}, {"type": "array"}),
            "on_item_error": _any(_ref("OnItemError"), {"enum": ["stop", "continue", "skip"]}),
        },
        "CaseSection": {"steps": _ref("Steps"), "otherwise": _any({"const": True}, _ref("Steps"))},
        "LimitsSection": {"priority": _any({"type": "integer"}, {"enum": list(canonical.PRIORITIES)})},
    }
    for name, values in whole.items():
        _set(definitions[name], _SPELLINGS[name], values)
    definitions["DefaultsSection"]["properties"] |= {
        "retry": _ref("Retry"),
        "on_error": _ref("OnError"),
        "error_handling": _ref("ErrorHandling"),
    }
    definitions["FunctionSection"]["properties"] |= {"name": {"type": "string"}}
    for name in ("DefaultsSection", *_SPELLINGS):
        definitions[name]["properties"] = _may_be_empty(definitions[name]["properties"])
    for name in ("FlowSection", "CaseSection"):  # these have other names then
        properties: Json = definitions[name]["properties"]
        properties["name"] = _or_nothing(properties["name"])


def _flow_values() -> dict[str, Json]:
    return {
        "version": {"type": ["string", "number"]},
        "tags": _TEXTS,
        "secrets": _TEXTS,
        "extends": {**_TEXTS, "description": "Flows whose keys and steps it takes over."},
        "inputs": _any(_named(_ref("InputSection")), _ref("WholeSchema")),
        "outputs": _any(
            {"type": "object"},
            {"type": "array", "items": {"allOf": [_ref("OutputSection"), {"required": ["name"]}]}},
        ),
        "functions": _named(_any(_ref("FunctionSection"), {"type": "string"})),
        "steps": _ref("Steps"),
        "catch": _ref("Steps"),
        "finally": _ref("Steps"),
        "cache": _ref("Cache"),
        "callbacks": _any({"type": "boolean"}, _ref("CallbacksSection")),
        "tests": _named(_ref("TestSection")),
        "examples": _any({"type": "array", "items": {"type": "object"}}, {"type": "object"}),
        "config": _ref("Config"),
        "error_handling": _ref("ErrorHandling"),
    }


def _step_values() -> dict[str, Json]:
    said: Json = {"description": {"type": "string"}}
    in_list: Json = {**_closed({"name": {"type": "string"}, **said}), "required": ["name"]}
    by_name: Json = {"type": "object", "additionalProperties": _or_nothing(_closed(said))}
    return {
        "depends_on": _TEXTS,
        "foreach": _any({"type": "string"}, {"type": "array"}, _ref("ForeachSection")),
        "steps": _ref("Steps"),
        "switch": _any({"type": "array", "items": _ref("CaseSection")}, _ref("Switch")),
        "retry": _ref("Retry"),
        "on_error": _ref("OnError"),
        "error_handling": _ref("ErrorHandling"),
        "cache": _ref("Cache"),
        "outputs": _any({"type": "string"}, {"type": "array", "items": _any({"type": "string"}, in_list)}, by_name),
        "type": {"enum": list(step_spelling.GROUPS), "description": "Of a step with `steps` inside."},
        "remove": {"type": "boolean", "description": "Leaves out a step of the flow that this one extends."},
        "config": {"type": ["object", "null"]},
    }


def _closed(properties: Json, *, filled: Spelling | None = None) -> Json:
    return {"type": "object", "additionalProperties": False, "properties": _may_be_empty(properties, filled=filled)}


def _may_be_empty(properties: Json, *, filled: Spelling | None = None) -> Json:
    """Let keys be empty, but those that have to say something, and all of `filled`."""
    return {
        key: value if key in _NEVER_EMPTY or (filled is not None and key in filled) else _or_nothing(value)
        for key, value in properties.items()
    }


def _in_all_words(words: Spelling, **values: Json) -> Json:
    """Return the values of keys under every word for them."""
    return {**values, **{word: values[key] for word, key in words.others.items()}}


def _new_definitions() -> dict[str, Json]:
    """Return the definitions of what the canonical spelling does not know."""
    retries: Json = {"type": "integer", "minimum": 0}
    handling = {
        "on_failure": _ref("Action"),
        "fallback_step": {"type": "string"},
        "fallback_value": {},
        "max_retries": retries,
        "retry_delay": {"type": ["string", "number"]},
        "when": {},
    }
    others = {word: handling[key] for word, key in error_spelling.ERROR_HANDLING.others.items()}
    keywords: Json = {word: {} for word in KEYWORDS.known()}
    types: Json = {"enum": sorted({"file", *TYPE_NAMES, *TYPES})}
    files: Json = {key: {"type": ["string", "integer", "array"]} for key in FILE_RULES}
    one_input = {**keywords, **files, **{key: cast("Json", {}) for key in sorted(DIRECT - FILE_RULES.keys())}}
    one_input |= {"type": _any(types, {"type": "array"}), "description": {"type": "string"}, "name": {"type": "string"}}
    one_input["validation"] = _closed({**keywords, **files})
    one_output = {word: {} for word in (*OUTPUT_WORDS.known(), "source")} | {"name": {"type": "string"}}
    free_keys: Json = {"patternProperties": {"^x-": {}}}
    return {
        "InputSection": _any(types, {**_closed(one_input), **free_keys}),
        "OutputSection": {**_closed(one_output), **free_keys},
        "WholeSchema": {
            "type": "object",
            "required": ["type", "properties"],
            "properties": {
                "type": {"const": "object"},
                "properties": {"type": "object"},
                "required": {"type": "array"},
            },
        },
        "Steps": _named(_ref("StepSection")),
        "Retry": _any(_ref("RetrySection"), {"type": "boolean"}, {"type": "integer", "minimum": 1}),
        "Action": {"enum": list(error_spelling.WORDS)},
        "OnError": _any(_ref("Action"), _ref("ErrorSection")),
        "ErrorHandling": _any(_ref("Action"), _closed({**handling, **others})),
        "Cache": _any({"type": "boolean"}, _ref("CacheSection")),
        "CaseSteps": _closed({"steps": _ref("Steps")}),
        "Switch": _closed(
            _in_all_words(
                step_spelling.SWITCH,
                on={"type": "string"},
                cases={"type": "object", "additionalProperties": _any(_ref("Steps"), _ref("CaseSteps"))},
                default=_any(_ref("Steps"), _ref("CaseSteps")),
            ),
            filled=step_spelling.SWITCH,
        ),
        "Config": _closed(
            _in_all_words(
                canonical.CONFIG,
                execution=_ref("LimitsSection"),
                caching=_ref("Cache"),
                callbacks=_any({"type": "boolean"}, _ref("CallbacksSection")),
            )
        ),
    }


def _add_executors(definitions: dict[str, Json], executors: Executors) -> None:
    """Let `config` of a step be that of its executor."""
    if not (names := executors.names()):
        return
    step = definitions["StepSection"]
    said = step["properties"]["executor"].get("description")
    step["properties"]["executor"] = {"enum": [*names, None], **({"description": said} if said else {})}
    step["allOf"] = [
        {
            "if": {"required": ["executor"], "properties": {"executor": {"const": name}}},
            "then": {"properties": {"config": _any(_ref(f"{name}.config"), {"type": "null"})}},
        }
        for name in names
    ]
    for name in names:
        definitions |= _config_schemas(name, executors.get(name))


def _config_schemas(name: str, executor: AnyExecutor) -> dict[str, Json]:
    """Return the schema of one executor's configuration, and of what it refers to."""
    schema = _tidied(described_schema(executor.config, ref_template=f"#/$defs/{name}.{{model}}"))
    inner: dict[str, Json] = schema.pop("$defs", {})
    properties: Json = schema.get("properties", {})
    free: Json = {key: {} for key in properties if key in executor.raw}
    made: Json = {**_with_templates(schema), "description": executor.summary}
    made.get("properties", {}).update(free)
    found = {f"{name}.{key}": cast("Json", _or_template(value)) for key, value in inner.items()}
    return {f"{name}.config": made, **found}


def _or_template(schema: Any) -> Any:
    """Return a schema that a template fits as well."""
    if not isinstance(schema, dict) or not schema or "$ref" in schema:
        return cast("object", schema)
    known = cast("Json", schema)
    return (
        known
        if known.keys() <= {"type", "description", "default"} and known.get("type") == "string"
        else _any(_with_templates(known), _TEMPLATE)
    )


def _with_templates(schema: Json) -> Json:
    made = dict(schema)
    for key in ("properties", "patternProperties"):
        if key in made:
            made[key] = {name: _or_template(each) for name, each in made[key].items()}
    for key in ("items", "additionalProperties"):
        if key in made:
            made[key] = _or_template(made[key])
    return made


def _tidied(schema: Any) -> Any:
    """Return a schema without titles and without what is no keyword."""
    if isinstance(schema, list):
        return [_tidied(each) for each in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return cast("object", schema)
    kept: Json = {}
    for key, value in cast("Json", schema).items():
        if key in {"properties", "$defs", "patternProperties"}:
            kept[key] = {name: _tidied(each) for name, each in value.items()}
        elif key == "default":
            kept[key] = value
        elif key not in {"title", "ge", "le"}:
            kept[key] = _tidied(value)
    return kept
