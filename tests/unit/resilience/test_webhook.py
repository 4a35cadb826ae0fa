"""Webhooks: signed as the standard says, sent again until taken, never waited for."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from quorate.core.clock import SystemClock
from quorate.core.net import OutboundGate
from quorate.core.secret import Secret
from quorate.core.tasks import background
from quorate.providers.http1_transport import Http1Transport
from quorate.resilience.retry_policy import Backoff, RetryPolicy
from quorate.resilience.webhook import MOST_WAITING, Webhook, WebhookMessage, signature
from raw_server import Connection, Handler, RawServer, Received, raw_server, whole

AT = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)
MESSAGE = WebhookMessage(id="budget:house", type="budget.over_limit", at=AT, data={"budget": {"name": "house"}})
SOON = RetryPolicy(max_retries=3, strategy=Backoff.FIXED, delay_s=0.01)


@asynccontextmanager
async def webhook_to(
    server: RawServer, *, secret: Secret | None = None, timeout_s: float = 5.0, trusted: bool = True
) -> AsyncGenerator[Webhook]:
    url = f"{server.url}/hook?x=1"
    gate = OutboundGate.for_base_urls([url] if trusted else [])
    transport = Http1Transport(gate)
    hook = Webhook("chat", url, transport, SystemClock(), secret=secret, timeout_s=timeout_s, retries=SOON)
    try:
        async with background(hook.run()):
            yield hook
    finally:
        await transport.close()


def handler_of(statuses: list[int]) -> Handler:
    async def handle(connection: Connection, _: Received) -> None:
        await connection.send(whole(b"", status=statuses.pop(0) if len(statuses) > 1 else statuses[0]))

    return handle


def test_the_signature_is_that_of_the_standard() -> None:
    # The example of the Standard Webhooks specification.
    secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    found = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(Secret("plain"), "id", 1, body) != signature(Secret("other"), "id", 1, body)


async def test_a_message_arrives_signed() -> None:
    secret = Secret("s3cret")
    async with raw_server(handler_of([204])) as server, webhook_to(server, secret=secret) as hook:
        hook.send(MESSAGE)
        await hook.drain(5)
        (received,) = server.requests
    assert (received.method, received.path) == ("POST", "/hook?x=1")
    assert received.json() == {
        "type": "budget.over_limit",
        "timestamp": "2026-11-28T10:00:00Z",
        "data": {"budget": {"name": "house"}},
    }
    assert received.headers["webhook-id"] == "budget:house"
    timestamp = int(received.headers["webhook-timestamp"])
    assert received.headers["webhook-signature"] == signature(secret, "budget:house", timestamp, received.body)


async def test_what_is_not_taken_is_sent_again_with_the_same_id() -> None:
    async with raw_server(handler_of([500, 429, 200])) as server, webhook_to(server) as hook:
        hook.send(MESSAGE)
        await hook.drain(5)
        assert [received.headers["webhook-id"] for received in server.requests] == ["budget:house"] * 3
        assert "webhook-signature" not in server.requests[0].headers


async def test_a_redirect_is_not_followed_and_in_the_end_it_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async with raw_server(handler_of([302])) as server, webhook_to(server) as hook:
        hook.send(MESSAGE)
        await hook.drain(5)
        assert len(server.requests) == 4
    assert "webhook chat: budget.over_limit is dropped after 4 tries: HTTP 302" in caplog.text


async def test_an_address_that_nobody_configured_is_never_reached(caplog: pytest.LogCaptureFixture) -> None:
    async with raw_server(handler_of([200])) as server, webhook_to(server, trusted=False) as hook:
        hook.send(MESSAGE)
        await hook.drain(5)
        assert not server.connections
    assert "is dropped" in caplog.text


async def test_a_server_that_hangs_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def hangs(connection: Connection, _: Received) -> None:
        await connection.gone()

    async with raw_server(hangs) as server, webhook_to(server, timeout_s=0.05) as hook:
        for _ in range(MOST_WAITING + 5):
            hook.send(MESSAGE)
        await hook.drain(0.2)
        await asyncio.sleep(0)
    assert f"{MOST_WAITING} messages wait already" in caplog.text
    assert "messages that were not taken are dropped" in caplog.text


def test_the_body_is_json_without_the_secret() -> None:
    assert set(json.loads(MESSAGE.body())) == {"type", "timestamp", "data"}
