import asyncio
import json
from typing import Any

import aiohttp
import pytest

from quorate.testing import Cut, Fail, Raw, Respond, Stall, StallAt, Upstream


def body(*, stream: bool = False, model: str = "m", **more: object) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream, **more}


async def post(upstream: Upstream, session: aiohttp.ClientSession, **fields: Any) -> tuple[int, bytes]:
    async with session.post(f"{upstream.base_url}/chat/completions", json=body(**fields)) as response:
        return response.status, await response.read()


async def test_answers_whole_and_keeps_the_request() -> None:
    async with (
        Upstream(Respond(text="Paris", extra={"provider_field": 7})) as upstream,
        aiohttp.ClientSession() as session,
    ):
        status, data = await post(upstream, session, temperature=0.5)
        answer = json.loads(data)
        assert status == 200
        assert answer["choices"][0]["message"]["content"] == "Paris"
        assert answer["provider_field"] == 7
        assert answer["usage"]["total_tokens"] == 15
        (request,) = upstream.requests
        assert (request.path, request.model, request.stream) == ("/v1/chat/completions", "m", False)
        assert request.body["temperature"] == 0.5


async def test_streams_pieces_usage_and_done() -> None:
    respond = Respond(pieces=("Pa", "ris"))
    async with Upstream(respond) as upstream, aiohttp.ClientSession() as session:
        _, data = await post(upstream, session, stream=True, stream_options={"include_usage": True})
    *events, done = [line.removeprefix("data: ") for line in data.decode().split("\n\n") if line]
    chunks = [json.loads(event) for event in events]
    assert done == "[DONE]"
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks[:3]] == ["Pa", "ris", None]
    assert chunks[2]["choices"][0]["finish_reason"] == "stop"
    assert (chunks[3]["choices"], chunks[3]["usage"]["prompt_tokens"]) == ([], 10)


async def test_plays_the_script_in_order_then_repeats_the_last() -> None:
    script = (
        Fail(status=429, headers={"retry-after": "3"}, code="slow_down"),
        Respond(text="one"),
        Respond(text="two"),
    )
    async with Upstream(*script) as upstream, aiohttp.ClientSession() as session:
        status, data = await post(upstream, session)
        assert (status, json.loads(data)["error"]["code"]) == (429, "slow_down")
        texts = [json.loads((await post(upstream, session))[1])["choices"][0]["message"]["content"] for _ in range(3)]
    assert texts == ["one", "two", "two"]
    assert upstream.connections == 1


async def test_models_have_their_own_behaviour() -> None:
    by_model = {"good": Respond(text="yes"), "bad": Fail(status=503, body=b"<html>down</html>")}
    async with Upstream(by_model=by_model) as upstream, aiohttp.ClientSession() as session:
        assert (await post(upstream, session, model="bad")) == (503, b"<html>down</html>")
        assert (await post(upstream, session, model="good"))[0] == 200
        async with session.get(f"{upstream.base_url}/models") as response:
            listed = await response.json()
    assert [each["id"] for each in listed["data"]] == ["good", "bad"]


async def test_cut_ends_without_an_end() -> None:
    async with Upstream(Cut(pieces=("a", "b"))) as upstream, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientPayloadError):
            await post(upstream, session, stream=True)
    assert upstream.disconnects == []


async def test_raw_bytes_pass_as_they_are() -> None:
    raw = Raw(chunks=(b"data: {broken", b"\n\n"), status=207, headers={"x-odd": "1"})
    async with Upstream(raw) as upstream, aiohttp.ClientSession() as session:
        assert await post(upstream, session) == (207, b"data: {broken\n\n")


@pytest.mark.parametrize(("at", "expected"), [(StallAt.BODY, b""), (StallAt.MIDDLE, b"data: ")])
async def test_stall_stops_at_its_place_and_notices_the_client_leave(at: StallAt, expected: bytes) -> None:
    async with Upstream(Stall(at=at)) as upstream, aiohttp.ClientSession() as session:
        async with session.post(f"{upstream.base_url}/chat/completions", json=body(stream=True)) as response:
            if expected:
                assert (await response.content.readany()).startswith(expected)
            assert upstream.open_connections == 1
            response.close()
        gone = await upstream.disconnected()
        assert gone.request.stream
        await asyncio.sleep(0.01)
        assert upstream.open_connections == 0


async def test_stall_before_the_headers() -> None:
    async with Upstream(Stall()) as upstream, aiohttp.ClientSession() as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await post(upstream, session)
        assert (await upstream.disconnected()).request.model == "m"


async def test_leaving_ends_stalled_answers_and_does_not_blame_the_client() -> None:
    async with aiohttp.ClientSession() as session:
        async with Upstream(Stall()) as upstream:
            asking = asyncio.create_task(post(upstream, session))
            assert (await upstream.received()).model == "m"
        with pytest.raises(aiohttp.ClientError):
            await asking
    assert upstream.disconnects == []
