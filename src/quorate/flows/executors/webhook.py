"""Tell a server that something happened, signed in the form of Standard Webhooks."""

from typing import Annotated, Any

import msgspec
from pydantic import Field

from quorate.flows.exchange import Sending, exchange, require_status
from quorate.flows.executor import Executor, StepContext
from quorate.flows.language.duration import Duration
from quorate.flows.secret_value import SecretName
from quorate.resilience.webhook import WebhookMessage, signature
from quorate.source.section import Section

_READ_BYTES = 4096


class WebhookConfig(Section):
    """Who is told what."""

    url: str
    """Where the message is sent to by POST."""
    type: Annotated[str, Field(min_length=1, max_length=200)] = "flow.step"
    """What kind of message it is."""
    payload: dict[str, Any] = Field(default_factory=dict)
    """The facts."""
    secret: SecretName | None = None
    """`{secret: NAME}`, what the message is signed with; without it, it is not."""
    timeout: Annotated[Duration, Field(gt=0, le=600)] = 10.0
    """How long it may take."""


class WebhookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """That the message was taken: `id` is the same for all attempts, so that its receiver knows it again."""

    id: str
    status: int
    signed: bool


class WebhookExecutor(Executor[WebhookConfig, WebhookAnswer]):
    """Returns when the server has taken the message; the step's `retry` says how often it is sent again."""

    name = "webhook"
    summary = "Send a signed message to a server (Standard Webhooks)."
    config = WebhookConfig
    result = WebhookAnswer

    async def run(self, config: WebhookConfig, step: StepContext) -> WebhookAnswer:
        """Send it once; no redirect is followed."""
        now = step.call.clock.now()
        message = WebhookMessage(id=step.key, type=config.type, at=now, data=config.payload)
        body, seconds = message.body(), int(now.timestamp())
        headers = {
            "content-type": "application/json",
            "idempotency-key": step.key,
            "webhook-id": message.id,
            "webhook-timestamp": str(seconds),
        }
        if config.secret is not None:
            secret = config.secret.found_in(step.secrets)
            headers["webhook-signature"] = signature(secret, message.id, seconds, body)
        sending = Sending(method="POST", url=config.url, headers=headers, body=body)
        answer = await exchange(step, sending, timeout_s=config.timeout, max_bytes=_READ_BYTES, redirects=0)
        require_status(answer, (), step.call.clock, url=config.url)
        return WebhookAnswer(id=message.id, status=answer.status, signed=config.secret is not None)
