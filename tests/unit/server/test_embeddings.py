"""`/v1/embeddings` through the application."""

import base64
import struct

import pytest

from asgi import RunList, ask, runs_of, services_of
from fake_transport import FakeResponse, relay_to
from quorate.server.app import Gateway
from quorate.server.services import Services
from quorate.testing import ScriptedModel

PATH = "/v1/embeddings"
ANSWER = b'{"object":"list","data":[{"embedding":[0.10]}],"usage":{"prompt_tokens":4,"total_tokens":4}}'


def serving() -> Services:
    relay, _ = relay_to(FakeResponse(chunks=(ANSWER,)))
    return services_of({"m": relay.endpoint, "chatty": ScriptedModel("chatty")}, writer=RunList())


async def test_an_endpoint_s_bytes() -> None:
    services = serving()
    answer = await ask(Gateway(services), "POST", PATH, {"model": "m", "input": "x"})
    assert answer.body == ANSWER
    (run,) = runs_of(services)
    assert (run.operation, run.cost_microusd, run.prompt_tokens, run.mode) == ("embeddings", 4, 4, "single")
    assert [(branch.model, branch.cost_microusd) for branch in run.branches] == [("m", 4)]


async def test_the_built_in_embedder() -> None:
    services = serving()
    gateway = Gateway(services)
    answer = await ask(gateway, "POST", PATH, {"model": "hashed", "input": ["a cat", "a cat", "x"], "dimensions": 64})
    vectors = [item["embedding"] for item in answer.json["data"]]
    assert [item["index"] for item in answer.json["data"]] == [0, 1, 2]
    assert vectors[0] == vectors[1] != vectors[2]
    assert {len(vector) for vector in vectors} == {64}
    packed = await ask(
        gateway, "POST", PATH, {"model": "hashed", "input": "a cat", "dimensions": 64, "encoding_format": "base64"}
    )
    raw = base64.b64decode(packed.json["data"][0]["embedding"])
    assert list(struct.unpack("<64f", raw)) == pytest.approx(vectors[0])
    run = runs_of(services)[0]
    assert (run.cost_microusd, run.estimated) == (0, True)
    assert run.prompt_tokens == answer.json["usage"]["prompt_tokens"] > 0


@pytest.mark.parametrize(
    "body", [{"model": "hashed"}, {"model": "hashed", "input": 5}, {"model": "hashed", "input": []}]
)
async def test_what_is_no_request(body: object) -> None:
    services = serving()
    assert (await ask(Gateway(services), "POST", PATH, body)).status == 400
    assert runs_of(services)[0].status == 400


async def test_models_that_give_none() -> None:
    answer = await ask(Gateway(serving()), "POST", PATH, {"model": "chatty", "input": "x"})
    assert (answer.status, answer.json["error"]["param"]) == (400, "model")
    assert (await ask(Gateway(serving()), "POST", PATH, {"model": "zzz", "input": "x"})).status == 404
