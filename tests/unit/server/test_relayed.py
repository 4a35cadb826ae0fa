"""Bytes of an endpoint, passed through the whole application."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from asgi import JSON, RunList, ask, chat_body, runs_of, services_of
from fake_transport import FakeResponse, FakeTransport, relay_to
from quorate.server.app import Gateway
from quorate.server.services import Services

CHAT = "/v1/chat/completions"
USAGE = b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}'
WHOLE = b'{ "odd" : 1.50e0, "choices":[{"message":{"content":"\\u00e9"},"finish_reason":"stop"}],' + USAGE + b"}\n"
EVENTS = [
    b": comment\n\n",
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"a"}}],"x":1.0}\r\n\r\n',
    b'data: {"choices":[{"index":0,"delta":{"content":"b"},"logprobs":null}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
]
COUNTS = b'data: {"choices":[],' + USAGE + b"}\n\n"
DONE = b"data: [DONE]\n\n"


def serving(*chunks: bytes) -> tuple[Services, FakeTransport]:
    relay, transport = relay_to(FakeResponse(chunks=chunks, headers={"set-cookie": "a=b", "x-request-id": "theirs"}))
    return services_of({"m": relay.endpoint}, writer=RunList()), transport


async def test_a_whole_answer() -> None:
    services, transport = serving(WHOLE)
    body = b'{ "messages": [ {"role":"user", "content":"\\u0041"} ] ,"model":"m","top_p":0.10,"mine":{"a":1E2}}'
    answer = await ask(Gateway(services), "POST", CHAT, body)
    assert answer.body == WHOLE
    assert transport.requests[0].body == (
        b'{"messages":[ {"role":"user", "content":"\\u0041"} ],"model":"gpt-up","top_p":0.10,"mine":{"a":1E2}}'
    )
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-quorate-cost-usd"] == "0.000023"
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-request-id"] != "theirs"


@given(st.data())
async def test_a_stream_cut_anywhere(data: st.DataObject) -> None:
    whole = b"".join(EVENTS) + COUNTS + DONE
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=8)))
    services, _ = serving(*[whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)])
    answer = await ask(Gateway(services), "POST", CHAT, chat_body(stream=True))
    assert answer.body == b"".join(EVENTS) + DONE
    (run,) = runs_of(services)
    assert (run.cost_microusd, run.estimated, run.stream) == (23, False, True)
    assert run.first_token_at_s is not None


async def test_the_usage_for_who_asks() -> None:
    services, _ = serving(*EVENTS, COUNTS, DONE)
    body = chat_body(stream=True, stream_options={"include_usage": True})
    answer = await ask(Gateway(services), "POST", CHAT, body)
    assert answer.body == b"".join(EVENTS) + COUNTS + DONE


async def test_nothing_of_ours_leaves() -> None:
    services, transport = serving(WHOLE)
    await ask(
        Gateway(services), "POST", CHAT, chat_body(quorate={"x": 1}), [*JSON, (b"x-evil", b"1"), (b"cookie", b"c")]
    )
    request = transport.requests[0]
    assert "quorate" not in json.loads(request.body)
    assert {name.lower() for name in request.headers} <= {"content-type", "accept", "accept-encoding", "authorization"}


async def test_a_question_that_is_no_question_is_the_provider_s_to_refuse() -> None:
    """Messages are not read on this way; an estimate of them must not fall over either."""
    services, _ = serving(b'{"choices":[{"message":{"content":"hi"}}]}')
    answer = await ask(Gateway(services), "POST", CHAT, {"model": "m", "messages": "what?", "tools": 5, "n": "x"})
    assert answer.status == 200
    (run,) = runs_of(services)
    assert run.estimated


async def test_every_branch_row_adds_up() -> None:
    services, _ = serving(WHOLE)
    for _ in range(3):
        await ask(Gateway(services), "POST", CHAT, chat_body())
    runs: list[Any] = runs_of(services)
    assert len({run.id for run in runs}) == 3
    for run in runs:
        assert run.cost_microusd == sum(branch.cost_microusd for branch in run.branches if branch.leaf) == 23
