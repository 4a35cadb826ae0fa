"""The OpenAPI 3.1 document of the gateway, made from the tables of routes and the structs they name."""

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from quorate.core.errors import FAILURES
from quorate.server.call_routes import CALLS, CallRoute
from quorate.wire.open import JsonObject, Open

if TYPE_CHECKING:
    from quorate.server.route import Route

_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_KEY = "key"
_NO_TAG = "other"


class OpenAIFault(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong; `code` is one of the error reference, or the provider's own, `param` names the field."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIError(msgspec.Struct, frozen=True, kw_only=True):
    """An error under /v1, as OpenAI's clients read it."""

    error: OpenAIFault


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error elsewhere: RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    instance: str | None = None
    request_id: str | None = None
    param: str | None = None
    upstream_code: str | None = None


def document(routes: "Iterable[Route]", *, version: str, calls: Iterable[CallRoute] = CALLS) -> JsonObject:
    """Return the document for the routes of the tables and the calls of models; JSON-able, the same each time."""
    listed, called = tuple(routes), tuple(calls)
    kinds = dict.fromkeys([OpenAIError, Problem, *_kinds(listed, called)])
    found, schemas = msgspec.json.schema_components(tuple(kinds), ref_template=_REF)
    references = dict(zip(kinds, found, strict=True))
    queries = {route.query.__name__ for route in listed}  # written out as parameters; what they refer to stays
    paths: dict[str, JsonObject] = {}
    for call in called:
        paths.setdefault(call.path, {})["post"] = _call_operation(call, references)
    for route in listed:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Quorate", "version": version, "description": _ABOUT, "license": _LICENSE},
        "servers": [{"url": "/"}],
        "security": [{_KEY: []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag or _NO_TAG for each in (*called, *listed))],
        "paths": paths,
        "components": {
            "schemas": {name: _tidy(name, schemas[name]) for name in sorted(schemas.keys() - queries)},
            "securitySchemes": {_KEY: {"type": "http", "scheme": "bearer", "description": _KEY_ABOUT}},
            "headers": {"RequestId": {"description": _REQUEST_ID, "schema": {"type": "string"}}},
            "responses": {
                "OpenAIError": _failure("An error.", "application/json", references[OpenAIError]),
                "Problem": _failure("An error.", "application/problem+json", references[Problem]),
            },
        },
    }


_ABOUT = (
    "One prompt, many models, one answer with a measured agreement. What stands under /v1 is compatible with OpenAI's "
    "clients."
)
_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_KEY_ABOUT = "An API key, as `Authorization: Bearer qk_...`."
_REQUEST_ID = "What to name in a report: as sent in `x-request-id`, else made here."
_IDEMPOTENCY = (
    "A text of your choice. A repetition with the same one gets the first answer again instead of doing the work again."
)
#: Statuses of errors that are ours; those of providers are added.
_STATUSES = frozenset({400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503})
_OPEN_ABOUT = "Open to everybody who reaches the port."


def _kinds(routes: Sequence["Route"], calls: Sequence[CallRoute]) -> Iterable[type[msgspec.Struct]]:
    for call in calls:
        yield from (call.body, *call.answers)
    for route in routes:
        yield from (kind for kind in (route.body, route.query, route.answer) if kind is not None)
        yield from route.others.values()


def _call_operation(call: CallRoute, references: dict[type[msgspec.Struct], JsonObject]) -> JsonObject:
    answers = [references[kind] for kind in call.answers]
    content: JsonObject = {"application/json": {"schema": answers[0] if len(answers) == 1 else {"anyOf": answers}}}
    if call.stream:
        content["text/event-stream"] = {"schema": {"type": "string", "description": call.stream}}
    return {
        "operationId": _operation_id("post", call.path),
        "summary": call.summary,
        "description": call.stream,
        "tags": [call.tag],
        "x-quorate-permission": call.permission.value,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": references[call.body], "example": call.example}},
        },
        "responses": {
            "200": {"description": "The answer.", "headers": _headers(), "content": content},
            **_failures(call.path),
        },
    }


def _operation(route: "Route", references: dict[type[msgspec.Struct], JsonObject]) -> JsonObject:
    operation: JsonObject = {
        "operationId": _operation_id(route.method, route.path),
        "summary": route.summary,
        "tags": [route.tag or _NO_TAG],
        "parameters": _parameters(route),
    }
    if route.permission is None:
        operation |= {"security": [], "description": _OPEN_ABOUT}
    else:
        operation["x-quorate-permission"] = route.permission.value
    if route.body is not None:
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {"application/json": {"schema": references[route.body]}},
        }
    elif route.accepts:
        operation["requestBody"] = {"content": dict(route.accepts)}
    answers = {route.status: route.answer, **route.others}
    done = {str(status): _done(kind, references) for status, kind in answers.items()}
    if route.stream:
        streamed: JsonObject = {"schema": {"type": "string", "description": route.stream}}
        first = done[str(route.status)]
        first["content"] = {**first.get("content", {}), "text/event-stream": streamed}
    operation["responses"] = {**done, **_failures(route.path)}
    return operation


def _done(kind: type[msgspec.Struct] | None, references: dict[type[msgspec.Struct], JsonObject]) -> JsonObject:
    done: JsonObject = {"description": "Done.", "headers": _headers()}
    if kind is not None:
        done["content"] = {"application/json": {"schema": references[kind]}}
    return done


def _parameters(route: "Route") -> list[JsonObject]:
    parameters: list[JsonObject] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    schema = msgspec.json.schema_components((route.query,), ref_template=_REF)[1][route.query.__name__]
    required = schema.get("required", ())
    for name, kind in schema["properties"].items():
        parameters.append({"name": name, "in": "query", "required": name in required, "schema": _of_query(kind)})
    if route.idempotent:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": _IDEMPOTENCY,
                "schema": {"type": "string", "maxLength": 255},
            }
        )
    return parameters


def _of_query(schema: JsonObject) -> JsonObject:
    """Return a schema without null: in a query a value is there or not."""
    kept = {key: value for key, value in schema.items() if (key, value) != ("default", None)}
    options = [option for option in kept.pop("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        return {**options[0], **kept}
    return {**kept, "anyOf": options} if options else kept


def _failures(path: str) -> JsonObject:
    """Return references to the error form of a path, for the statuses that our errors and our providers' have."""
    form = {"$ref": f"#/components/responses/{'OpenAIError' if path.startswith('/v1/') else 'Problem'}"}
    statuses = {400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503} | {
        status for status, _ in FAILURES.values()
    }
    return {str(status): form for status in sorted(statuses)}


def _failure(description: str, content_type: str, schema: JsonObject) -> JsonObject:
    return {"description": description, "headers": _headers(), "content": {content_type: {"schema": schema}}}


def _headers() -> JsonObject:
    return {"x-request-id": {"$ref": "#/components/headers/RequestId"}}


def _operation_id(method: str, path: str) -> str:
    words = re.findall(r"\w+", _PARAMETER.sub(r"by \1", path))
    return "_".join([method.lower(), *words])


def _tidy(name: str, schema: JsonObject) -> JsonObject:
    """Return a schema with a readable description; of a struct that keeps unknown fields, one that says so."""
    schema = {key: value for key, value in schema.items() if key != "title"}
    if "description" in schema:
        schema["description"] = inspect.cleandoc(schema["description"])
    if name in _open_names():
        properties = {key: value for key, value in schema.get("properties", {}).items() if key != "extra"}
        schema |= {"properties": properties, "additionalProperties": True}
    return schema


def _open_names() -> frozenset[str]:
    """Return the names of all structs that keep unknown fields."""
    kinds: list[type[Any]] = [Open]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    return frozenset(kind.__name__ for kind in kinds if kind.__module__.startswith("quorate."))
