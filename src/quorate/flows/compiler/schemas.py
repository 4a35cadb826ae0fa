"""Inputs and outputs of a flow: their plans and their JSON Schemas."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from quorate.contracts.schema import read_schema
from quorate.core.errors import InvalidRequest
from quorate.flows.compiler.keywords import check_keywords
from quorate.flows.compiler.problems import Problems
from quorate.flows.language.sections import FlowSection, InputSection, OutputSection
from quorate.flows.plan import InputPlan
from quorate.source.place import KeyPath, did_you_mean, shown

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILE_SCHEMA: Mapping[str, Any] = {"type": "object", "format": "file"}
TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")


def input_plans(section: FlowSection, problems: Problems) -> tuple[InputPlan, ...]:
    """Return the plans of all inputs; report schemas that cannot be used."""
    found: list[InputPlan] = []
    for name, written in section.inputs.items():
        at = ("inputs", name)
        is_file, is_files = written.type == "file", written.type == "files"
        if not is_file and not is_files:
            for key in ("accept", "max_bytes"):
                if getattr(written, key):
                    problems.at_key((*at, key), f"is for files; {name!r} is of type {written.type!r}")
        elif written.default is not None:
            problems.at((*at, "default"), "a file has no default; it comes with the request")
        check_keywords(written.type, written.schema_, at, problems)
        plan = InputPlan(
            name=name,
            schema=_input_schema(written),
            required=written.required and written.default is None,
            default=written.default,
            is_file=is_file,
            is_files=is_files,
            accept=written.accept,
            max_bytes=written.max_bytes,
        )
        _check_schema(plan.schema, (*at, "schema"), problems)
        found.append(plan)
    return tuple(found)


def output_schemas(section: FlowSection, problems: Problems) -> dict[str, Mapping[str, Any]]:
    """Return the schema of each output; report those that cannot be used."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, written in section.outputs.items():
        at = ("outputs", name)
        if written.type and written.type not in {*TYPES, "any"}:
            told = f"{shown(written.type)} is not one of {', '.join(TYPES)}, any"
            problems.at((*at, "type"), f"{told}{did_you_mean(written.type, TYPES)}")
            continue
        check_keywords(written.type, written.schema_, at, problems)
        found[name] = _output_schema(written)
        _check_schema(found[name], (*at, "schema"), problems)
    return found


def whole_input_schema(section: FlowSection, inputs: tuple[InputPlan, ...]) -> Mapping[str, Any]:
    """Return the schema of all inputs together; no others are allowed."""
    properties = {
        plan.name: {
            **_described(section.inputs[plan.name].description),
            **_as_property(plan.schema, plan.name),
            **({"default": plan.default} if plan.default is not None else {}),
        }
        for plan in inputs
    }
    return {
        "$schema": DIALECT,
        "title": f"Inputs of {section.name}",
        "type": "object",
        "properties": properties,
        "required": [plan.name for plan in inputs if plan.required],
        "additionalProperties": False,
    }


def whole_output_schema(section: FlowSection, schemas: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the schema of all outputs of a run that succeeded."""
    return {
        "$schema": DIALECT,
        "title": f"Outputs of {section.name}",
        "type": "object",
        "properties": {
            name: {
                **_described(section.outputs[name].description),
                **_as_property(schema, name),
            }
            for name, schema in schemas.items()
        },
        "required": list(schemas),
        "additionalProperties": False,
    }


def _input_schema(written: InputSection) -> dict[str, Any]:
    if written.type == "file":
        return {**FILE_SCHEMA, **written.schema_}
    if written.type == "files":
        return {"type": "array", "items": FILE_SCHEMA, **written.schema_}
    return {**({"type": written.type} if written.type != "any" else {}), **written.schema_}


def _output_schema(written: OutputSection) -> dict[str, Any]:
    return {**({"type": written.type} if written.type not in {"", "any"} else {}), **written.schema_}


#: Keywords whose values are no schemas, whatever they look like.
_DATA = frozenset({"enum", "const", "default", "examples"})


def _as_property(schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a schema as that of a property of another one: what refers to its own parts finds them there."""
    return {
        key: value if key in _DATA else _there(value, name) if key == "$ref" else _moved(value, name)
        for key, value in schema.items()
    }


def _moved(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return _as_property(cast("Mapping[str, Any]", value), name)
    if isinstance(value, list | tuple):
        return [_moved(each, name) for each in cast("Sequence[Any]", value)]
    return value


def _there(reference: Any, name: str) -> Any:
    is_own = isinstance(reference, str) and (reference == "#" or reference.startswith("#/"))
    return f"#/properties/{name}{reference[1:]}" if is_own else _moved(reference, name)


def _described(description: str) -> dict[str, str]:
    return {"description": description} if description else {}


def _check_schema(schema: Mapping[str, Any], at: KeyPath, problems: Problems) -> None:
    try:
        read_schema(schema, param=f"{at[0]}.{at[1]}")
    except InvalidRequest as error:
        problems.at(at, error.message)
