"""The OpenAPI document with an operation for each flow, put together from pieces that are kept."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from quorate.flows.plan import FlowPlan, InputPlan
from quorate.server.flow_cards import examples_of
from quorate.server.flow_names import model_name
from quorate.server.flow_routes import RUN_ROUTE
from quorate.wire.open import JsonObject

if TYPE_CHECKING:
    from quorate.flows.flows import Flows

_PROBLEM = {"$ref": "#/components/responses/Problem"}
_RAN = "How the run ended; `status` says whether it succeeded."
_ACCEPTED = "The run goes on; `Location` says where to ask for it."
_MOST_KEPT = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A document as JSON, and its entity tag."""

    body: bytes
    etag: str


class _Plan:
    """A plan as a key: two are the same when their digests are."""

    __slots__ = ("plan",)

    def __init__(self, plan: FlowPlan) -> None:
        self.plan = plan

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Plan) and self.plan.digest == other.plan.digest and self.plan.name == other.plan.name

    def __hash__(self) -> int:
        return hash(self.plan.digest)


def described(flows: "Flows | None", may_ask: Callable[[str], bool]) -> Described:
    """Return the document for somebody who may ask these models; the same object as long as nothing has changed."""
    if flows is None:
        return _described(())
    names = [name for name in flows.book.names() if may_ask(model_name(name))]
    return _described(tuple(_Plan(flows.book.usual(name)) for name in names))


@lru_cache(maxsize=16)
def _described(plans: tuple[_Plan, ...]) -> Described:
    # That module describes this API, whose table of routes holds the one that asks here.
    from quorate.server.reference_api import openapi  # noqa: PLC0415

    base = openapi()
    paths = {RUN_ROUTE.path.replace("{name}", each.plan.name): {"post": _operation(each)} for each in plans}
    body = msgspec.json.encode({**base, "paths": {**base["paths"], **paths}})
    return Described(body=body, etag=f'"{sha256(body).hexdigest()[:32]}"')


@lru_cache(maxsize=_MOST_KEPT)
def _operation(key: _Plan) -> msgspec.Raw:
    """Return the operation of one flow as JSON."""
    return msgspec.Raw(msgspec.json.encode(operation_of(key.plan)))


def operation_of(plan: FlowPlan) -> JsonObject:
    """Return the operation that runs a flow: typed inputs, as JSON and as a form, and typed outputs."""
    answer: JsonObject = {
        "allOf": [
            {"$ref": "#/components/schemas/FlowAnswer"},
            {"type": "object", "properties": {"outputs": _outputs(plan)}},
        ]
    }
    return {
        "operationId": f"run_{plan.name}",
        "summary": plan.description or f"Run the flow {plan.name}",
        "tags": ["flows", *plan.tags],
        "x-quorate-permission": "flows.run",
        "x-quorate-flow": {"name": plan.name, "version": plan.version, "digest": plan.digest},
        "parameters": [*_query_parameters(), _PREFER, _IDEMPOTENCY],
        "requestBody": {"required": any(each.required for each in plan.inputs), "content": _content(plan)},
        "responses": {
            "200": {
                "description": _RAN,
                "headers": {"Preference-Applied": _TEXT, "Idempotency-Replayed": _TEXT, "X-Quorate-Run-Id": _TEXT},
                "content": {"application/json": {"schema": answer}},
            },
            "202": {
                "description": _ACCEPTED,
                "headers": {"Location": _TEXT, "Preference-Applied": _TEXT},
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/FlowAccepted"}}},
            },
            **dict.fromkeys(("400", "401", "403", "404", "409", "413", "415", "422", "429", "503"), _PROBLEM),
        },
    }


_TEXT: JsonObject = {"schema": {"type": "string"}}
_PREFER: JsonObject = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=SECONDS`: how long to wait for the end; `respond-async`: not at all (RFC 7240).",
    "schema": {"type": "string"},
    "example": "wait=30",
}
_IDEMPOTENCY: JsonObject = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A repetition with the same one gets the first answer again.",
    "schema": {"type": "string", "maxLength": 255},
}


def _content(plan: FlowPlan) -> JsonObject:
    form: JsonObject = {"schema": _embedded(plan, "form", _form_schema(plan))}
    examples = examples_of(plan)
    if examples:
        form["examples"] = _numbered([_as_form(plan, each) for each in examples])
    if any(each.takes_files and each.required for each in plan.inputs):
        return {"multipart/form-data": form}
    files = {each.name for each in plan.inputs if each.takes_files}
    given = plan.input_schema
    properties = {name: each for name, each in given.get("properties", {}).items() if name not in files}
    json: JsonObject = {"schema": _embedded(plan, "inputs", {**given, "properties": properties})}
    if without_files := [each for each in examples if files.isdisjoint(each)]:
        json["examples"] = _numbered(without_files)
    return {"application/json": json, "multipart/form-data": form}


def _numbered(examples: Iterable[Mapping[str, Any]]) -> JsonObject:
    return {f"example{number}": {"value": each} for number, each in enumerate(examples, 1)}


def _as_form(plan: FlowPlan, inputs: Mapping[str, Any]) -> JsonObject:
    """Return an example as a form has it: in place of a file stands that there is one."""
    known = {each.name: each for each in plan.inputs}
    return {
        name: value if not known[name].takes_files else "(binary)" if known[name].is_file else ["(binary)"] * len(value)
        for name, value in inputs.items()
        if name in known and value is not None
    }


def _query_parameters() -> Iterable[JsonObject]:
    """Return what the query of every run may say, as the operation for any flow has it."""
    # That module describes this API, whose table of routes holds the one that asks here.
    from quorate.server.reference_api import openapi  # noqa: PLC0415

    run = openapi()["paths"][RUN_ROUTE.path]["post"]
    return [each for each in run["parameters"] if each["in"] == "query"]


def _form_schema(plan: FlowPlan) -> JsonObject:
    given = plan.input_schema["properties"]
    properties: JsonObject = {
        each.name: _file_schema(each) if each.takes_files else given[each.name] for each in plan.inputs
    }
    required = [each.name for each in plan.inputs if each.required]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _file_schema(plan: InputPlan) -> JsonObject:
    file: JsonObject = {"type": "string", "format": "binary", "description": _file_about(plan.accept)}
    return file if plan.is_file else {**plan.schema, "items": file, "maxItems": plan.most_files}


def _file_about(accept: tuple[str, ...]) -> str:
    return f"A file: {', '.join(accept)}." if accept else "A file."


def _outputs(plan: FlowPlan) -> JsonObject:
    return _embedded(plan, "outputs", plan.output_schema)


def _embedded(plan: FlowPlan, what: str, schema: Mapping[str, Any]) -> JsonObject:
    """Return a schema as a part of the document; one that refers to parts of itself gets an address of its own."""
    kept = {key: value for key, value in schema.items() if key != "$schema"}
    if b'"$ref"' in msgspec.json.encode(kept):
        kept = {"$id": f"/schema/flows/{plan.name}/{what}", **kept}
    return kept
