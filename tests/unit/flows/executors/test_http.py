"""Steps that reach out: what is sent, what comes back, and what becomes of redirects, statuses and secrets."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from flow_step import flow_step
from quorate.config import build, settings_from_text
from quorate.config.flows_setup import open_flows
from quorate.core.clock import SystemClock
from quorate.core.errors import QuorateError, Rejected, Unavailable
from quorate.core.secret import Secret
from quorate.flows.exchange import Sending, redirected
from quorate.flows.executor import StepRejected
from quorate.flows.executors.http import HttpAnswer, HttpConfig, HttpExecutor
from quorate.flows.executors.webhook import WebhookAnswer, WebhookConfig, WebhookExecutor
from quorate.flows.outgoing_gate import GatedOutgoing
from quorate.providers.aiohttp_transport import AiohttpTransport
from quorate.providers.http1_transport import Http1Transport
from quorate.resilience.webhook import signature
from raw_server import Connection, Handler, RawServer, Received, always, raw_server, whole

Kind = type[Http1Transport | AiohttpTransport]


@pytest.fixture(params=[Http1Transport, AiohttpTransport], ids=["http1", "aiohttp"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


async def sent(
    handler: Handler, config: Callable[[str], dict[str, Any]], kind: Kind = Http1Transport
) -> tuple[HttpAnswer, RawServer]:
    async with raw_server(handler) as server:
        outgoing = GatedOutgoing(kind, allowed=[server.url])
        step = flow_step(outgoing=outgoing, secrets={"token": "s3cret"})
        try:
            return await HttpExecutor().run(HttpConfig.model_validate(config(server.url)), step), server
        finally:
            await outgoing.close()


async def test_json_comes_back_as_json(kind: Kind) -> None:
    body = whole(b'{"a": 1}', content_type="application/json; charset=utf-8", set_cookie="id=1")
    answer, server = await sent(always(body), lambda url: {"url": f"{url}/x?a=1", "query": {"b": [True, 2]}}, kind)
    assert (answer.status, answer.json, answer.text, answer.cut) == (200, {"a": 1}, '{"a": 1}', False)
    assert answer.headers["content-type"].startswith("application/json")
    assert server.requests[0].path == "/x?a=1&b=true&b=2"
    assert "idempotency-key" not in server.requests[0].headers


async def test_what_changes_something_carries_the_steps_key() -> None:
    _, server = await sent(always(whole(b"")), lambda url: {"url": url, "method": "POST", "json": {"ü": 1}})
    request = server.requests[0]
    assert request.headers["idempotency-key"] == "run_1/step"
    assert (request.json(), request.headers["content-type"]) == ({"ü": 1}, "application/json")


async def test_a_form_is_sent_as_one() -> None:
    _, server = await sent(always(whole(b"")), lambda url: {"url": url, "method": "PUT", "form": {"a": "x y"}})
    assert server.requests[0].body == b"a=x+y"


async def test_a_secret_goes_out_under_its_name_only() -> None:
    _, server = await sent(
        always(whole(b"")),
        lambda url: {"url": url, "headers": {"X-Key": {"secret": "token"}}, "bearer": {"secret": "token"}},
    )
    assert server.requests[0].headers["x-key"] == "s3cret"
    assert server.requests[0].headers["authorization"] == "Bearer s3cret"


async def test_a_secret_that_the_flow_may_not_use_is_named() -> None:
    with pytest.raises(StepRejected, match="no secret 'tokem'; did you mean 'token'"):
        await sent(always(whole(b"")), lambda url: {"url": url, "headers": {"X-Key": {"secret": "tokem"}}})


async def test_a_long_answer_is_cut_while_it_is_read(kind: Kind) -> None:
    answer, _ = await sent(
        always(whole(b'"' + b"x" * 100_000 + b'"', content_type="application/json")),
        lambda url: {"url": url, "max_bytes": 1000},
        kind,
    )
    assert (len(answer.text), answer.cut, answer.json) == (1000, True, None)


def steps(*answers: bytes) -> Handler:
    left = list(answers)

    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(left.pop(0))

    return handler


async def test_a_redirect_is_followed_as_browsers_do(kind: Kind) -> None:
    answer, server = await sent(
        steps(whole(b"", 303, location="/there"), whole(b"done")),
        lambda url: {"url": f"{url}/here", "method": "POST", "json": {}},
        kind,
    )
    assert answer.text == "done"
    assert [(each.method, each.path) for each in server.requests] == [("POST", "/here"), ("GET", "/there")]
    assert "content-type" not in server.requests[1].headers


async def test_a_redirect_that_keeps_the_method_keeps_the_body() -> None:
    _, server = await sent(
        steps(whole(b"", 307, location="/there"), whole(b"done")),
        lambda url: {"url": f"{url}/here", "method": "POST", "json": {"a": 1}},
    )
    assert [each.body for each in server.requests] == [b'{"a":1}'] * 2


async def test_redirects_have_an_end() -> None:
    with pytest.raises(StepRejected, match="more than 5 redirects"):
        await sent(always(whole(b"", 302, location="/again")), lambda url: {"url": url})


async def test_a_redirect_may_be_an_answer() -> None:
    answer, _ = await sent(
        always(whole(b"", 302, location="http://10.0.0.1/")), lambda url: {"url": url, "follow_redirects": 0}
    )
    assert (answer.status, answer.headers["location"]) == (302, "http://10.0.0.1/")


def test_another_origin_gets_no_credentials() -> None:
    sending = Sending(
        method="GET",
        url="https://a.example/x",
        headers={"authorization": "Bearer k", "x-key": "s", "accept": "text/plain"},
        private=frozenset({"x-key"}),
    )
    assert redirected(sending, 302, "/y").headers == sending.headers
    assert redirected(sending, 302, "https://b.example/").headers == {"accept": "text/plain"}
    assert redirected(sending, 302, "https://a.example:8443/").headers == {"accept": "text/plain"}


@pytest.mark.parametrize(
    "location", ["http://a.example/", "file:///etc/passwd", "gopher://a.example/", "//u:p@b.example/"]
)
def test_some_redirects_are_not_followed(location: str) -> None:
    with pytest.raises(Rejected):
        redirected(Sending(method="GET", url="https://a.example/x"), 302, location)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_retryable(status: int) -> None:
    with pytest.raises(Unavailable, match=f"127.0.0.1 answered with status {status}: busy") as caught:
        await sent(always(whole(b"busy", status, retry_after="7")), lambda url: {"url": url})
    assert (caught.value.retryable, caught.value.retry_after_s) == (True, 7.0)


async def test_what_does_not_pass_is_not() -> None:
    with pytest.raises(StepRejected, match="status 404") as caught:
        await sent(always(whole(b"", 404)), lambda url: {"url": url})
    assert not caught.value.retryable


async def test_a_status_may_be_expected() -> None:
    answer, _ = await sent(always(whole(b"", 404)), lambda url: {"url": url, "expect_status": [200, 404]})
    assert answer.status == 404


async def test_a_server_that_says_nothing_is_given_up(kind: Kind) -> None:
    async def silent(connection: Connection, received: Received) -> None:
        await connection.gone()

    with pytest.raises(QuorateError) as caught:
        await sent(silent, lambda url: {"url": url, "timeout": "200ms"}, kind)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "config",
    [
        {"json": 1, "body": "x", "method": "POST"},
        {"json": 1},
        {"method": "CONNECT"},
        {"follow_redirects": 6},
        {"timeout": 0},
        {"headers": {"a": {"secret": "x", "more": 1}}},
    ],
)
def test_what_makes_no_request_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpConfig.model_validate({"url": "https://a.example/", **config})


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "proxy-authorization", "a\r\nb", "ü"])
async def test_some_headers_are_not_a_steps_to_set(name: str) -> None:
    with pytest.raises(StepRejected) as caught:
        await sent(always(whole(b"")), lambda url: {"url": url, "headers": {name: "x"}})
    assert caught.value.reason == "bad_header"


async def told(handler: Handler, **config: Any) -> tuple[WebhookAnswer, RawServer]:
    async with raw_server(handler) as server:
        outgoing = GatedOutgoing(Http1Transport, allowed=[server.url])
        step = flow_step(outgoing=outgoing, secrets={"hook": "whsec_c2VjcmV0"})
        written = WebhookConfig.model_validate({"url": f"{server.url}/hook", "payload": {"n": 1}, **config})
        try:
            return await WebhookExecutor().run(written, step), server
        finally:
            await outgoing.close()


async def test_a_message_is_signed_so_that_its_receiver_can_check_it() -> None:
    answer, server = await told(always(whole(b"", 204)), secret={"secret": "hook"}, type="order.done")
    request = server.requests[0]
    assert (answer.id, answer.status, answer.signed) == ("run_1/step", 204, True)
    assert (request.json()["type"], request.json()["data"]) == ("order.done", {"n": 1})
    seconds = int(request.headers["webhook-timestamp"])
    assert abs(seconds - datetime.now(UTC).timestamp()) < 60
    expected = signature(Secret("whsec_c2VjcmV0"), answer.id, seconds, request.body)
    assert request.headers["webhook-signature"] == expected


async def test_a_configured_webhook_has_its_own_address_secret_and_way_out(tmp_path: Path) -> None:
    async with raw_server(always(whole(b"", 204))) as server:
        written = f"""
            version: 1
            webhooks: {{desk: {{url: "{server.url}/desk", secret: env:DESK}}}}
        """
        settings = settings_from_text(dedent(written), environ={"DESK": "whsec_c2VjcmV0", "HOME": str(tmp_path)})
        flows = await asyncio.to_thread(
            lambda: open_flows(build(settings), SystemClock(), folder=tmp_path, durable=False)
        )
        step = msgspec.structs.replace(flow_step(), services=flows.services)
        answer = await WebhookExecutor().run(WebhookConfig(webhook="desk", payload={"n": 1}), step)
        with pytest.raises(StepRejected, match="no webhook 'desc' is configured; did you mean 'desk'"):
            await WebhookExecutor().run(WebhookConfig(webhook="desc"), step)
        with pytest.raises(Rejected):  # its address is allowed for it alone
            await WebhookExecutor().run(WebhookConfig(url=f"{server.url}/desk"), step)
        await flows.close()
    request = server.requests[0]
    assert (request.path, answer.signed, len(server.requests)) == ("/desk", True, 1)
    expected = signature(Secret("whsec_c2VjcmV0"), answer.id, int(request.headers["webhook-timestamp"]), request.body)
    assert request.headers["webhook-signature"] == expected


@pytest.mark.parametrize(
    "written", [{}, {"url": "https://a.example/", "webhook": "a"}, {"webhook": "a", "secret": {"secret": "s"}}]
)
def test_a_message_has_one_place_to_go(written: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WebhookConfig.model_validate(written)


async def test_a_message_that_is_not_taken_is_an_error() -> None:
    with pytest.raises(Unavailable):
        await told(always(whole(b"", 503)))
    with pytest.raises(StepRejected, match="status 302"):
        await told(always(whole(b"", 302, location="http://127.0.0.1:1/")))


async def test_many_at_once_keep_apart() -> None:
    async def echo(connection: Connection, received: Received) -> None:
        await connection.send(whole(received.path.encode()))

    async with raw_server(echo) as server:
        outgoing = GatedOutgoing(Http1Transport, allowed=[server.url])
        step = flow_step(outgoing=outgoing)
        configs = [HttpConfig(url=f"{server.url}/{number}") for number in range(20)]
        answers = await asyncio.gather(*(HttpExecutor().run(each, step) for each in configs))
        await outgoing.close()
    assert [each.text for each in answers] == [f"/{number}" for number in range(20)]
