"""What a relayed endpoint is sent and what of its answer is passed on: bytes in, bytes out."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_transport import FakeResponse, FakeTransport, fields_of, pass_on, pass_on_to, relay_to
from quorate.core.errors import Failure, Malformed, ProviderError, Unavailable
from quorate.core.secret import Secret
from quorate.model import Call, new_call
from quorate.model.call import TraceContext
from quorate.model.usage import Usage
from quorate.providers.dialect import OWN_FIELDS, Target
from quorate.providers.openai import KeyHeader, OpenAIDialect
from quorate.providers.relay import RelayEndpoint, relay_of
from quorate.testing import ScriptedModel

ODD = (
    b'{"model":"m","zeta":1.0e+02,"messages":[{"role":"user","content":"\\u00e9\\ud83d\\ude00 \\/ x"}],'
    b'"big":123456789012345678901234567890,"nested":{ "b" : [ 1 , 2.50 ],"a":null },"alpha":-0.0,"temperature":0.70}'
)
DONE = b"data: [DONE]\n\n"
USAGE = b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}'
WHOLE = b'{"id":"x", "choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],' + USAGE + b',"odd":[1.00]}'
FIRST = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"a"}}], "odd": 1.50}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
COUNTS = b'data: {"choices":[],' + USAGE + b"}\n\n"
STREAM = FIRST + b'data: {"choices":[{"index":0,"delta":{"content":"b"}}]}\n\n' + LAST


async def streamed(
    *chunks: bytes | Exception, body: bytes = b'{"model":"m","messages":[],"stream":true}', call: Call | None = None
) -> bytes:
    relay, _ = relay_to(FakeResponse(chunks=chunks))
    return await passed_on(relay, body, call or new_call())


async def passed_on(relay: RelayEndpoint, body: bytes, call: Call) -> bytes:
    """What the caller gets; the end mark is the gateway's to send, after a stream that ends without an error."""
    async with relay.stream(fields_of(body), call) as stream:
        return b"".join([*await pass_on(stream), DONE])


async def sent(body: bytes, **fields: Any) -> bytes:
    relay, transport = relay_to(FakeResponse(chunks=(WHOLE,)), **fields)
    await relay.chat(fields_of(body), new_call())
    return transport.requests[0].body


async def test_a_request_leaves_as_it_came_but_for_the_model() -> None:
    assert await sent(ODD) == ODD.replace(b'"model":"m"', b'"model":"gpt-up"')


@pytest.mark.parametrize("field", ["parallel", "quorate", "api_base", "base_url", "api_key", "extra_headers"])
async def test_our_own_fields_stay_here(field: str) -> None:
    body = b'{"model":"m","messages":[],"%b":{"x":1},"user":"u"}' % field.encode()
    assert await sent(body) == b'{"model":"gpt-up","messages":[],"user":"u"}'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1).filter(lambda name: name not in {"model", *OWN_FIELDS}), JSON))
async def test_whatever_a_request_says_arrives(fields: dict[str, Any]) -> None:
    body = json.dumps({"model": "m", **fields, "messages": []}).encode("utf-8", "surrogatepass")
    try:
        given_fields = fields_of(body)
    except Exception:  # noqa: BLE001 - half a surrogate pair is refused before this
        return
    arrived = json.loads(await sent(body))
    assert arrived == {**json.loads(body), "model": "gpt-up"}
    assert list(arrived) == list(json.loads(body))
    assert given_fields


async def test_configured_parameters_fill_in_and_never_replace() -> None:
    params = {"temperature": 0.5, "max_tokens": 9, "parallel": 1}
    assert await sent(b'{"model":"m","messages":[]}', params=params) == (
        b'{"model":"gpt-up","messages":[],"temperature":0.5,"max_tokens":9}'
    )
    assert await sent(b'{"model":"m","max_completion_tokens":5,"temperature":1}', params=params) == (
        b'{"model":"gpt-up","max_completion_tokens":5,"temperature":1}'
    )


async def test_a_whole_answer_comes_back_as_it_was_and_is_charged() -> None:
    relay, _ = relay_to(FakeResponse(chunks=(WHOLE[:40], WHOLE[40:])))
    call = new_call()
    answer = await relay.chat(fields_of(ODD), call)
    assert answer.body == WHOLE
    assert call.budget.spend.cost_microusd == answer.charge.cost_microusd == 3 * 1 + 2 * 10
    assert not answer.charge.estimated


async def test_an_answer_without_counts_is_estimated() -> None:
    relay, _ = relay_to(FakeResponse(chunks=(b'{"choices":[{"message":{"content":"hello there"}}]}',)))
    call = new_call()
    answer = await relay.chat(fields_of(ODD), call)
    assert answer.charge.estimated
    assert answer.charge.usage.prompt_tokens > 0
    assert answer.charge.usage.completion_tokens > 0


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", Malformed),
        (b"{}", Malformed),
        (b'{"choices":[]}', Malformed),
        (b'{"error":{"message":"no","code":500}}', ProviderError),
        (b'{"choices":[{"message":{}}],"error":{"message":"late"}}', ProviderError),
        (b'{"choices":[{"message":{"content":"par"},"finish_reason":"abort"}],' + USAGE + b"}", Unavailable),
        (
            b'{"choices":[{"message":{"content":""},"error":{"message":"broke","code":502}}],' + USAGE + b"}",
            Unavailable,
        ),
    ],
)
async def test_a_body_that_is_no_answer(body: bytes, kind: type[Exception]) -> None:
    relay, _ = relay_to(FakeResponse(chunks=(body,)))
    with pytest.raises(kind):
        await relay.chat(fields_of(ODD), new_call())


async def test_an_error_status_costs_nothing_and_names_the_model_but_not_the_key() -> None:
    body = b'{"error":{"message":"bad key sk-very-secret","type":"x","code":"invalid_api_key"}}'
    target = Target(model_id="gpt-up", base_url="http://up.test/v1", api_key=Secret("sk-very-secret"))
    relay, _ = relay_to(FakeResponse(status=401, chunks=(body,)), target=target)
    call = new_call()
    with pytest.raises(ProviderError) as caught:
        await relay.chat(fields_of(ODD), call)
    assert (caught.value.model, caught.value.provider, caught.value.upstream_code) == ("m", "up", "invalid_api_key")
    assert "sk-very-secret" not in str(caught.value)
    assert call.budget.spend.usage.total_tokens == 0


async def test_a_request_that_never_left_costs_nothing() -> None:
    relay, _ = relay_to(Unavailable("no connection"))
    call = new_call()
    with pytest.raises(Unavailable):
        await relay.chat(fields_of(ODD), call)
    assert call.budget.spend.usage.total_tokens == 0


async def test_headers() -> None:
    target = Target(model_id="g", base_url="http://up.test/v1/", api_key=Secret("k"), headers={"x-team": "a"})
    trace = TraceContext(traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01", tracestate="theirs=1")
    call = new_call(trace=trace)
    relay, transport = relay_to(FakeResponse(chunks=(WHOLE,)), target=target)
    await relay.chat(fields_of(ODD), call)
    request = transport.requests[0]
    assert request.url == "http://up.test/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer k"
    assert request.headers["x-team"] == "a"
    assert request.headers["traceparent"].startswith("00-111")
    assert request.headers["tracestate"] == "theirs=1"
    assert request.headers["content-type"] == request.headers["accept"] == "application/json"
    other, transport = relay_to(
        FakeResponse(chunks=(WHOLE,)), target=target, dialect=OpenAIDialect(key_header=KeyHeader.API_KEY)
    )
    await other.chat(fields_of(ODD), new_call())
    assert transport.requests[0].headers["api-key"] == "k"
    assert "authorization" not in transport.requests[0].headers


# Streams


async def test_the_usage_is_always_asked_for() -> None:
    relay, transport = relay_to(FakeResponse(chunks=(STREAM, DONE)))
    await passed_on(relay, b'{"model":"m","stream":true,"messages":[],"user":"u"}', new_call())
    assert transport.requests[0].body == (
        b'{"model":"gpt-up","stream":true,"messages":[],"user":"u","stream_options":{"include_usage":true}}'
    )
    assert transport.requests[0].headers["accept"] == "text/event-stream"
    await passed_on(relay, b'{"model":"m","stream_options":{"x":1.0,"include_usage":false}}', new_call())
    assert transport.requests[1].body == (
        b'{"model":"gpt-up","stream":true,"stream_options":{"x":1.0,"include_usage":true}}'
    )


async def test_a_server_that_rejects_the_question_is_not_asked() -> None:
    relay, transport = relay_to(FakeResponse(chunks=(STREAM, DONE)), dialect=OpenAIDialect(include_usage=False))
    await passed_on(relay, b'{"model":"m","stream_options":{"include_usage":true}}', new_call())
    assert transport.requests[0].body == b'{"model":"gpt-up","stream":true}'


async def test_events_come_back_as_they_were_and_the_usage_is_hidden() -> None:
    call = new_call()
    assert await streamed(STREAM, COUNTS, DONE, call=call) == STREAM + DONE
    assert call.budget.spend.cost_microusd == 23
    assert not call.budget.spend.estimated


async def test_the_usage_is_shown_to_who_asks() -> None:
    wants = b'{"model":"m","stream_options":{"include_usage":true}}'
    assert await streamed(STREAM, COUNTS, DONE, body=wants) == STREAM + COUNTS + DONE


@pytest.mark.parametrize(
    "stream",
    [
        FIRST + LAST[:-3] + b"," + USAGE + b"}\n\n" + DONE,  # with the last piece
        FIRST[:-3] + b"," + USAGE + b"}\n\n" + LAST + DONE,  # with the first
        COUNTS + FIRST + LAST + DONE,  # before everything
        FIRST + LAST + DONE[:-1] + b"\n" + COUNTS,  # after the end mark, in one piece with it
        FIRST + COUNTS + LAST + COUNTS.replace(b"3", b"0").replace(b"2", b"0").replace(b"5", b"0") + DONE,  # zeros
    ],
)
async def test_the_usage_counts_wherever_it_comes(stream: bytes) -> None:
    call = new_call()
    told = await streamed(stream, call=call)
    assert call.budget.spend.cost_microusd == 23
    assert told.endswith(DONE)
    assert b'"choices":[],' not in told


NOISE = st.sampled_from([b": ping\n\n", b"\n\n", b"event: ping\ndata: hello\n\n", b"data:\n\n", b": \xff\xfe\n\n"])


@given(st.data())
async def test_cut_anywhere_a_stream_says_the_same(data: st.DataObject) -> None:
    events = [FIRST, data.draw(NOISE), LAST, data.draw(NOISE), COUNTS, DONE]
    whole = b"".join(events)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    call = new_call()
    assert await streamed(*pieces, call=call) == await streamed(whole)
    assert call.budget.spend.cost_microusd == 23


async def test_every_single_cut() -> None:
    whole = STREAM + COUNTS + DONE
    for cut in range(1, len(whole)):
        assert await streamed(whole[:cut], whole[cut:]) == STREAM + DONE


async def test_noise_is_dropped_and_comments_pass() -> None:
    assert await streamed(b": up\n\n" + FIRST + b"data: hello\n\n" + LAST, DONE) == b": up\n\n" + FIRST + LAST + DONE


async def test_a_missing_end_mark_is_added() -> None:
    assert await streamed(STREAM) == STREAM + DONE


async def test_what_follows_the_end_mark_is_not_passed_on() -> None:
    assert await streamed(STREAM, DONE, b"data: {late\n\n") == STREAM + DONE


async def test_a_cut_stream_is_an_error_and_costs_what_came() -> None:
    call = new_call()
    with pytest.raises(Unavailable) as caught:
        await streamed(FIRST, b'data: {"choices":[{"ind', call=call)
    assert caught.value.failure is Failure.CUT_STREAM
    assert call.budget.spend.estimated
    assert call.budget.spend.usage.completion_tokens > 0


@pytest.mark.parametrize("end", [b"", DONE])
async def test_an_empty_stream_is_no_answer(end: bytes) -> None:
    with pytest.raises(ProviderError):
        await streamed(b": nothing\n\n" + end)


async def test_an_error_in_mid_stream_is_raised_with_its_code() -> None:
    event = b'data: {"error":{"message":"overloaded","code":"server_overloaded"}}\n\n'
    with pytest.raises(ProviderError) as caught:
        await streamed(FIRST, event)
    assert caught.value.upstream_code == "server_overloaded"


@pytest.mark.parametrize(
    "event",
    [
        b'event: error\ndata: {"message":"overloaded","code":503}\n\n',
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"insufficient_system_resource"}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{},"error":{"message":"x","code":502},"finish_reason":"stop"}]}\n\n',
    ],
)
async def test_a_part_is_not_taken_for_the_whole(event: bytes) -> None:
    relay, _ = relay_to(FakeResponse(chunks=(FIRST + event + DONE,)))
    async with relay.stream(fields_of(b'{"model":"m"}'), new_call()) as stream:
        told: list[bytes] = []
        with pytest.raises(Unavailable):
            await pass_on_to(told, stream)
        assert told == [FIRST]


async def test_a_byte_order_mark_hides_nothing() -> None:
    assert await streamed(b"\xef\xbb", b"\xbf" + STREAM + DONE) == STREAM + DONE
    call = new_call()
    with pytest.raises(ProviderError, match="overloaded"):
        await streamed(b'\xef\xbb\xbfdata: {"error":{"message":"overloaded"}}\n\n', call=call)
    assert call.budget.spend.cost_microusd == 0


async def test_reasoning_is_the_first_piece_of_an_answer() -> None:
    thought = b'data: {"choices":[{"index":0,"delta":{"reasoning":"hm"}}]}\n\n'
    relay, transport = relay_to(FakeResponse(chunks=(thought, FIRST, LAST, DONE)))
    await passed_on(relay, b'{"model":"m"}', new_call())
    response = transport.answers[0]
    assert isinstance(response, FakeResponse)
    assert response.began_after == 1


async def test_nobody_is_paid_for_negative_counts() -> None:
    call = new_call()
    await streamed(STREAM, COUNTS.replace(b'ns":3', b'ns":-3').replace(b'ns":5', b'ns":-1'), DONE, call=call)
    assert call.budget.spend.usage == Usage(completion_tokens=2)


@pytest.mark.parametrize("cut", [0, 5, len(FIRST), len(FIRST) + 5])
async def test_what_came_before_an_error_is_passed_on_wherever_the_network_cut(cut: int) -> None:
    data = FIRST + b'data: {"error":{"message":"overloaded"}}\n\n'
    relay, _ = relay_to(FakeResponse(chunks=tuple(piece for piece in (data[:cut], data[cut:]) if piece)))
    told: list[bytes] = []

    with pytest.raises(ProviderError):
        async with relay.stream(fields_of(b'{"model":"m"}'), new_call()) as stream:
            await pass_on_to(told, stream)
    assert told == [FIRST]


async def test_an_error_before_any_text_comes_alone_so_that_it_can_be_tried_again() -> None:
    role = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    relay, _ = relay_to(FakeResponse(chunks=(role + b'data: {"error":{"message":"overloaded"}}\n\n',)))
    async with relay.stream(fields_of(b'{"model":"m"}'), new_call()) as stream:
        told: list[bytes] = []
        with pytest.raises(ProviderError):
            await pass_on_to(told, stream)
        assert told == []


async def test_a_broken_chunk_ends_the_stream() -> None:
    with pytest.raises(Malformed):
        await streamed(FIRST, b'data: {"choices": no}\n\n', LAST, DONE)


async def test_an_event_without_end_is_refused() -> None:
    relay, _ = relay_to(FakeResponse(chunks=tuple([b"data: " + b"x" * 1_000_000] * 17)))
    with pytest.raises(Malformed):
        await passed_on(relay, b'{"model":"m"}', new_call())


async def test_the_first_piece_is_told_once() -> None:
    relay, transport = relay_to(FakeResponse(chunks=(b": x\n\n", FIRST, LAST, DONE)))
    told: list[int] = []
    response = transport.answers[0]
    assert isinstance(response, FakeResponse)
    async with relay.stream(fields_of(b'{"model":"m"}'), new_call()) as stream:
        await pass_on(stream, first=lambda: told.append(response.given))
    assert told == [2]
    assert response.began_after == 2


async def test_leaving_in_mid_stream_costs_what_came() -> None:
    relay, _ = relay_to(FakeResponse(chunks=(FIRST, LAST, DONE)))
    call = new_call()
    async with relay.stream(fields_of(b'{"model":"m"}'), call) as stream:
        assert await pass_on(stream, leave_after=1) == [FIRST]
    assert call.budget.spend.estimated
    assert call.budget.spend.usage.completion_tokens == 1


async def test_n_answers_are_waited_for() -> None:
    both = b'data: {"choices":[{"index":1,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n'
    relay, transport = relay_to(FakeResponse(chunks=(FIRST, LAST, both)))
    body = b'{"model":"m","n":2}'
    assert await passed_on(relay, body, new_call()) == FIRST + LAST + both + DONE
    response = transport.answers[0]
    assert isinstance(response, FakeResponse)
    assert len(response.lingered) == 1


# Embeddings


async def test_embeddings_pass_and_are_charged() -> None:
    answer = b'{"data":[{"embedding":[0.10]}],"usage":{"prompt_tokens":4,"total_tokens":4}}'
    relay, transport = relay_to(FakeResponse(chunks=(answer,)))
    call = new_call()
    result = await relay.embeddings(fields_of(b'{"input":"x","model":"m","dimensions":2}'), call)
    assert result.body == answer
    assert transport.requests[0].url == "http://up.test/v1/embeddings"
    assert transport.requests[0].body == b'{"input":"x","model":"gpt-up","dimensions":2}'
    assert call.budget.spend.cost_microusd == 4


@pytest.mark.parametrize(
    ("given", "tokens"), [(b'"hello there"', 3), (b'["hello there","you"]', 4), (b"[5,6,7]", 3), (b"[[5,6],[7]]", 3)]
)
@pytest.mark.parametrize("usage", [b"", b',"usage":null', b',"usage":{"prompt_tokens":-4,"total_tokens":-4}'])
async def test_embeddings_that_nobody_counted_are_estimated(given: bytes, tokens: int, usage: bytes) -> None:
    relay, _ = relay_to(FakeResponse(chunks=(b'{"data":[{"embedding":[0.10]}]%b}' % usage,)))
    call = new_call()
    result = await relay.embeddings(fields_of(b'{"input":%b,"model":"m"}' % given), call)
    assert result.charge.estimated
    assert call.budget.spend.usage == Usage(prompt_tokens=tokens)


@pytest.mark.parametrize(
    "usage", [b'{"prompt_tokens":4.0,"total_tokens":4}', b'{"prompt_tokens":null,"total_tokens":4}']
)
async def test_counts_of_embeddings_may_be_written_oddly(usage: bytes) -> None:
    relay, _ = relay_to(FakeResponse(chunks=(b'{"data":[{"embedding":[0.10]}],"usage":%b}' % usage,)))
    result = await relay.embeddings(fields_of(b'{"input":"x","model":"m"}'), new_call())
    assert (result.charge.usage, result.charge.estimated) == (Usage(prompt_tokens=4), False)


async def test_embeddings_that_break_off_cost_their_input() -> None:
    relay, _ = relay_to(FakeResponse(chunks=(b'{"data":[', Unavailable("cut", failure=Failure.CUT_STREAM))))
    call = new_call()
    with pytest.raises(Unavailable):
        await relay.embeddings(fields_of(b'{"input":"hello there","model":"m"}'), call)
    assert call.budget.spend.usage == Usage(prompt_tokens=3)
    with pytest.raises(Unavailable):
        await relay.embeddings(fields_of(b'{"input":{"odd":1},"model":"m"}'), call)


async def test_an_error_in_place_of_embeddings_says_what_it_is_and_costs_nothing() -> None:
    relay, _ = relay_to(FakeResponse(chunks=(b'{"error":{"message":"no such thing","code":400}}',)))
    call = new_call()
    with pytest.raises(ProviderError, match="no such thing"):
        await relay.embeddings(fields_of(b'{"input":"x","model":"m"}'), call)
    assert call.budget.spend.cost_microusd == 0


@pytest.mark.parametrize("body", [b"no", b"{}", b"[]", b'{"data":null}', b'{"data":null,"error":null}'])
async def test_what_is_no_embedding(body: bytes) -> None:
    relay, _ = relay_to(FakeResponse(chunks=(body,)))
    with pytest.raises(Malformed):
        await relay.embeddings(fields_of(b'{"input":"x","model":"m"}'), new_call())


def test_only_endpoints_that_speak_openai_are_relayed() -> None:
    relay, _ = relay_to(FakeResponse())
    assert relay_of(relay.endpoint) is not None
    assert relay_of(ScriptedModel("s")) is None
    assert relay.name == "m"
    assert isinstance(relay.endpoint.transport, FakeTransport)


async def test_an_error_that_comes_instead_of_a_stream_says_what_it_is_and_costs_nothing() -> None:
    """Some gateways answer a streamed request with status 200 and an error in plain JSON."""
    call = new_call()
    with pytest.raises(ProviderError, match="no such thing"):
        await streamed(b'{"error":{"message":"no such thing",', b'"type":"invalid_request_error"}}', call=call)
    assert call.budget.spend.cost_microusd == 0
    with pytest.raises(Malformed, match="not a stream"):
        await streamed(WHOLE)


@pytest.mark.parametrize("options", [b"null", b"[]", b'"x"', b'{"\xff":1}', b'{"include_usage":1}'])
async def test_odd_stream_options_ask_for_nothing(options: bytes) -> None:
    body = b'{"model":"m","messages":[],"stream":true,"stream_options":%b}' % options
    assert COUNTS not in await streamed(STREAM + COUNTS + DONE, body=body)
