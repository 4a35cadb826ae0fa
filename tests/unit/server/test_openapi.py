import json
import re
from typing import Any

import msgspec
import pytest
import schemathesis

from quorate.access.permission import Permission
from quorate.model.event import State
from quorate.server.call_routes import CALLS
from quorate.server.openapi import document
from quorate.server.parallel_request import ParallelOptions
from quorate.server.route import Answer, Exchange, NoQuery, Route
from quorate.wire.chat import ChatRequest


class ThingBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a thing
    is made of."""

    name: str
    size: int | None = None


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """A thing."""

    id: str


class ThingQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which things."""

    after: str
    state: State | None = None
    limit: int | None = None


async def handler(exchange: Exchange) -> Answer:
    return Answer(value=exchange)


def route(method: str, path: str, **fields: Any) -> Route:
    given: dict[str, Any] = {"permission": Permission.KEYS_READ, "summary": "Do it", "tag": "things", **fields}
    return Route(method=method, path=path, handler=handler, **given)


ROUTES = (
    route("GET", "/api/v1/things", query=ThingQuery, answer=Thing),
    route("POST", "/api/v1/things", body=ThingBody, answer=Thing, status=201, idempotent=True),
    route("GET", "/v1/things/{name:path}", answer=Thing),
    route("GET", "/healthz", permission=None),
)
DOCUMENT: Any = json.loads(json.dumps(document(ROUTES, version="1.2.3")))
PATHS: Any = DOCUMENT["paths"]


def references(value: object) -> set[str]:
    return set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(value)))


def test_it_is_a_document_that_a_tool_of_others_reads() -> None:
    schema: Any = schemathesis.openapi.from_dict(DOCUMENT)
    labels = [operation.ok().label for operation in schema.get_all_operations()]
    assert labels == [
        *(f"POST {call.path}" for call in CALLS),
        "GET /api/v1/things",
        "POST /api/v1/things",
        "GET /v1/things/{name}",
        "GET /healthz",
    ]


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        node = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node


def test_it_is_the_same_each_time() -> None:
    assert json.dumps(document(ROUTES, version="1.2.3")) == json.dumps(DOCUMENT)


def test_parameters_of_path_query_and_header() -> None:
    by_name = {each["name"]: each for each in PATHS["/api/v1/things"]["get"]["parameters"]}
    assert by_name["after"] == {"name": "after", "in": "query", "required": True, "schema": {"type": "string"}}
    assert by_name["limit"]["schema"] == {"type": "integer"}
    assert by_name["state"]["schema"] == {"$ref": "#/components/schemas/State"}
    assert "ThingQuery" not in DOCUMENT["components"]["schemas"]
    (path,) = PATHS["/v1/things/{name}"]["get"]["parameters"]
    assert (path["name"], path["in"], path["required"]) == ("name", "path", True)
    (key,) = PATHS["/api/v1/things"]["post"]["parameters"]
    assert (key["name"], key["in"]) == ("Idempotency-Key", "header")


def test_bodies_answers_and_errors() -> None:
    post = PATHS["/api/v1/things"]["post"]
    assert references(post["requestBody"]) == {"#/components/schemas/ThingBody"}
    assert references(post["responses"]["201"]["content"]) == {"#/components/schemas/Thing"}
    assert references(post["responses"]["429"]) == {"#/components/responses/Problem"}
    assert references(PATHS["/v1/things/{name}"]["get"]["responses"]["404"]) == {"#/components/responses/OpenAIError"}
    assert DOCUMENT["components"]["schemas"]["ThingBody"]["additionalProperties"] is False
    assert DOCUMENT["components"]["schemas"]["ThingBody"]["description"] == "What a thing\nis made of."


def test_who_may_ask() -> None:
    assert DOCUMENT["security"] == [{"key": []}]
    assert PATHS["/healthz"]["get"]["security"] == []
    assert PATHS["/api/v1/things"]["get"]["x-quorate-permission"] == "keys.read"
    assert "security" not in PATHS["/api/v1/things"]["get"]


def test_chat_takes_the_extension_and_unknown_fields_and_answers_in_three_forms_or_as_a_stream() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    body = schemas["ChatBody"]
    assert set(body["properties"]) == {field.name for field in msgspec.structs.fields(ChatRequest)} - {"extra"} | {
        "parallel",
        "timeout",
    }
    assert body["additionalProperties"] is True
    assert set(schemas["ParallelOptions"]["properties"]) == {
        field.encode_name for field in msgspec.structs.fields(ParallelOptions)
    }
    content = PATHS["/v1/chat/completions"]["post"]["responses"]["200"]["content"]
    assert references(content["application/json"]) == {
        "#/components/schemas/ChatResponse",
        "#/components/schemas/ParallelCompletion",
        "#/components/schemas/ParallelEstimate",
    }
    assert "text/event-stream" in content
    assert "text/event-stream" not in PATHS["/v1/embeddings"]["post"]["responses"]["200"]["content"]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.path)
def test_the_examples_of_bodies_fit(call: Any) -> None:
    read = msgspec.convert(call.example, call.body)
    assert isinstance(read, call.body)


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for methods in PATHS.values() for operation in methods.values()]
    assert len(set(names)) == len(names)
    assert "get_v1_things_by_name" in names


def test_a_route_without_a_query_has_no_parameters() -> None:
    assert PATHS["/healthz"]["get"]["parameters"] == []
    assert msgspec.structs.fields(NoQuery) == ()
