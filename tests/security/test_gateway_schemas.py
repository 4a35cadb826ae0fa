"""Schemas from outside: they fetch nothing, hang nothing up, and their errors tell nothing of an answer."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway_site import Site, chat, site
from raw_client import Reply

CHAT = "/v1/chat/completions"
SECRET = "sk_" + "s" * 150
PRICED = {"provider": "up", "price": {"input": 1, "output": 2}}
MODELS: dict[str, dict[str, Any]] = {
    "secretive": {"model": f"says-{SECRET}", **PRICED},
    "listed": {"model": f"says-{'[' * 24}5{']' * 24}", **PRICED},
    "alone": {"type": "ensemble", "members": ["listed"], "mode": "all"},
}
OVERRIDES: dict[str, Any] = {f"models__{name}": section for name, section in MODELS.items()}


@pytest.fixture(scope="module")
def gateway() -> Iterator[Site]:
    with site(**OVERRIDES) as running:
        yield running


async def ask(gateway: Site, model: str, schema: object, door: str) -> Reply:
    body: dict[str, Any] = chat(model)
    if door == "parallel":
        del body["model"]
        body["parallel"] = {"models": [model], "output": {"schema": schema, "maxRetries": 0}}
    else:
        given = {"name": "x", "schema": schema, "strict": True}
        body |= {"model": "alone", "response_format": {"type": "json_schema", "json_schema": given}}
    async with gateway.client() as client, asyncio.timeout(20):
        return await client.ask("POST", CHAT, body)


def asked(gateway: Site) -> int:
    return sum(len(gateway.upstream.requests(section["model"])) for section in MODELS.values() if "model" in section)


@pytest.mark.parametrize("door", ["parallel", "response_format"])
async def test_no_reference_is_followed(gateway: Site, door: str) -> None:
    arrived: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(await reader.read(100))
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/schema.json"
        for schema in (
            {"$ref": address},
            {"$schema": address, "type": "object"},
            {"$id": address, "$ref": "other.json"},
            {"properties": {"a": {"$dynamicRef": f"{address}#x"}}},
            {"allOf": [{"$recursiveRef": address}], "$schema": "https://json-schema.org/draft/2019-09/schema"},
            {"$ref": "file:///etc/passwd"},
        ):
            reply = await ask(gateway, "listed", schema, door)
            assert reply.status == 400, (schema, reply)
            assert b"root:" not in reply.body
        await asyncio.sleep(0.2)
    assert arrived == []


#: What is dear to check: 2^24 ways to refuse a nested array, and a pattern that backtracking engines never finish.
FORKING = {
    "$defs": {"a": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/a"}}] * 2}},
    "$ref": "#/$defs/a",
}
SLOW = {"type": "string", "pattern": "^(s+)+(k+_?s*)*$!"}


async def test_a_dear_schema_holds_nobody_up(gateway: Site) -> None:
    began = time.monotonic()
    first, second = await asyncio.gather(
        ask(gateway, "listed", FORKING, "parallel"), ask(gateway, "secretive", SLOW, "parallel")
    )
    assert (first.status, second.status) == (502, 502)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": ["x" * 70_000] * 4},
        {"enum": list(range(6000))},
        {"pattern": "((a{0,1000}){0,1000}){0,1000}"},
        {"pattern": "(?=x)"},
        {"$ref": "#"},
    ],
)
async def test_a_schema_beyond_its_bounds_is_refused_before_anybody_is_asked(gateway: Site, schema: object) -> None:
    before = asked(gateway)
    reply = await ask(gateway, "listed", schema, "parallel")
    assert (reply.status, reply.json["error"]["param"]) == (400, "parallel.output.schema")
    assert len(reply.body) < 1500
    assert asked(gateway) == before


async def test_an_error_does_not_hold_the_answer(gateway: Site) -> None:
    for schema in ({"type": "string", "maxLength": 3}, {"type": "string", "enum": ["a"]}, {"type": "object"}):
        reply = await ask(gateway, "secretive", schema, "parallel")
        assert reply.status == 502
        assert b"ssss" not in reply.body
