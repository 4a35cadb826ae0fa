"""`/v1/models`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.access.permission import Scope
from quorate.testing import ScriptedModel
from stored_gateway import StoredGateway


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[StoredGateway]:
    gateway = StoredGateway(tmp_path, {name: ScriptedModel(name) for name in ("gpt-a", "gpt-b", "other/x")})
    yield gateway
    gateway.close()


async def test_the_list(stored: StoredGateway) -> None:
    answer = await stored.ask("GET", "/v1/models", await stored.key("acme", Scope.CHAT))
    assert answer.json["object"] == "list"
    assert [model["id"] for model in answer.json["data"]] == ["gpt-a", "gpt-b", "other/x"]
    narrow = await stored.ask("GET", "/v1/models", await stored.key("acme", Scope.CHAT, models=("gpt-*",)))
    assert [model["id"] for model in narrow.json["data"]] == ["gpt-a", "gpt-b"]


async def test_one(stored: StoredGateway) -> None:
    key = await stored.key("acme", Scope.EMBEDDINGS)
    assert (await stored.ask("GET", "/v1/models/other/x", key)).json["id"] == "other/x"
    unknown = await stored.ask("GET", "/v1/models/zzz", key)
    assert (unknown.status, unknown.json["error"]["code"]) == (404, "not_found")


async def test_what_is_not_on_the_list_is_not_there(stored: StoredGateway) -> None:
    key = await stored.key("acme", Scope.CHAT, models=("gpt-*",))
    hidden = await stored.ask("GET", "/v1/models/other/x", key)
    unknown = await stored.ask("GET", "/v1/models/other/y", key)
    assert hidden.status == 404
    assert hidden.body == unknown.body.replace(b"other/y", b"other/x")
    assert b"other/x" not in (await stored.ask("GET", "/v1/models/gpt-z", key)).body


async def test_it_takes_a_key_that_asks_models(stored: StoredGateway) -> None:
    assert (await stored.ask("GET", "/v1/models")).status == 401
    assert (await stored.ask("GET", "/v1/models", await stored.key("acme", Scope.RUNS))).status == 403
