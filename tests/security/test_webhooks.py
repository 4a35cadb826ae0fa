"""Webhooks leave through the outbound gate, and what they sign with is shown to nobody."""

import asyncio
from pathlib import Path

import pytest

from quorate.access.budget_notice import BudgetNotice
from quorate.config.load import Settings, load_settings
from quorate.core.clock import SystemClock
from quorate.core.errors import Misconfigured
from quorate.core.tasks import background
from quorate.model.budget import BudgetBook, Claim, Standing
from quorate.server.webhooks import Webhooks, open_webhooks
from raw_server import Connection, Received, raw_server, whole

SECRET = "not-to-be-seen"
BOOK = BudgetBook(
    id="house:t@total", budget="house", subject="t", tenant="t", limit_microusd=1, hard=True, since=None, until=None
)


def settings_with(folder: Path, *lines: str, **environ: str) -> Settings:
    file = folder / "quorate.yaml"
    file.write_text("version: 1\nwebhooks:\n" + "\n".join(f"  {line}" for line in lines))
    return load_settings(file, environ=environ, probe=False)


def opened(folder: Path, line: str, **environ: str) -> Webhooks:
    return open_webhooks(settings_with(folder, line, **environ), SystemClock())


def notice(name: str) -> BudgetNotice:
    standing = Standing(book=BOOK.id, subject="t", tenant="t", spent_microusd=1, reserved_microusd=0)
    claim = Claim(book=BOOK, amount_microusd=5)
    return BudgetNotice(webhook=name, claim=claim, standing=standing, at=SystemClock().now())


async def test_a_metadata_service_is_not_told_even_when_configured(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    webhooks = await asyncio.to_thread(opened, tmp_path, 'a: { url: "http://169.254.169.254/latest" }')
    hook = webhooks.webhooks["a"]
    async with background(hook.run()):
        webhooks.notify_of_budget(notice("a"))
        await hook.drain(0.3)
    await webhooks.close()
    assert "dropped" in caplog.text


async def test_the_secret_is_neither_sent_nor_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def takes(connection: Connection, _: Received) -> None:
        await connection.send(whole(b"", status=204))

    async with raw_server(takes) as server:
        line = f'a: {{ url: "{server.url}/hook", secret: env:HOOK }}'
        webhooks = await asyncio.to_thread(opened, tmp_path, line, HOOK=SECRET)
        hook = webhooks.webhooks["a"]
        async with background(hook.run()):
            webhooks.notify_of_budget(notice("a"))
            await hook.drain(5)
        await webhooks.close()
        (received,) = server.requests
    assert received.headers["webhook-signature"].startswith("v1,")
    said = repr(received) + repr(vars(hook)) + caplog.text
    assert SECRET not in said


@pytest.mark.parametrize(
    "line",
    [
        'a: { url: "http://user:word@host.example/" }',
        'a: { url: "file:///etc/passwd" }',
        'a: { url: "ftp://user:word@host.example/" }',
        f'a: {{ url: "https://host.example/", secret: {SECRET} }}',
    ],
)
def test_credentials_in_a_url_other_schemes_and_plain_secrets_are_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        settings_with(tmp_path, line)
    assert SECRET not in str(refused.value)
    assert "user:word" not in str(refused.value)


@pytest.mark.parametrize(
    "section",
    [
        'rate_limits: { redis: "redis://:word@host.example:6379" }',
        'telemetry: { tracing: { endpoint: "ftp://user:word@host.example" } }',
        'telemetry: { tracing: { endpoint: "http://user:word@host.example" } }',
        "providers: { p: { api_key: not-to-be-seen } }",
    ],
)
def test_what_may_hold_a_password_is_not_repeated_in_errors(tmp_path: Path, section: str) -> None:
    file = tmp_path / "quorate.yaml"
    file.write_text(f"version: 1\n{section}\n")
    with pytest.raises(Misconfigured) as refused:
        load_settings(file, environ={}, probe=False)
    assert "word@" not in str(refused.value)
    assert SECRET not in str(refused.value)
