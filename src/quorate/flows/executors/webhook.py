"""Tell a server that something happened, signed in the form of Standard Webhooks."""

from typing import Annotated, Any, Self

import msgspec
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from quorate.flows.exchange import Sending, exchange, require_status
from quorate.flows.executor import Executor, StepContext, StepRejected
from quorate.flows.message_target import MessageTarget
from quorate.flows.secret_value import SecretName
from quorate.resilience.webhook import WebhookMessage, signature
from quorate.source.duration import Duration
from quorate.source.place import did_you_mean, listed
from quorate.source.section import Section

_READ_BYTES = 4096


class WebhookConfig(Section):
    """Who is told what."""

    url: str | None = None
    """Where the message is sent to by POST."""
    webhook: str | None = None
    """In its place: the name of one of the operator's `webhooks`, which has its own address, secret and time limit."""
    type: Annotated[str, Field(min_length=1, max_length=200)] = "flow.step"
    """What kind of message it is."""
    payload: dict[str, Any] = Field(default_factory=dict)
    """The facts."""
    secret: SecretName | None = None
    """`{secret: NAME}`, what the message is signed with; without it, it is not."""
    timeout: Annotated[Duration, Field(gt=0, le=600)] | None = None
    """How long it may take; not given: 10 s, or what the configured webhook says."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.url is None) == (self.webhook is None):
            raise PydanticCustomError("url", "needs `url` or `webhook`, and not both")
        if self.webhook is not None and self.secret is not None:
            raise PydanticCustomError("secret", "a configured webhook has a secret of its own; leave `secret` out")
        return self

    def target(self, step: StepContext) -> MessageTarget:
        """Return whom to tell; raise `StepRejected` for a webhook or a secret that is not there."""
        if self.url is not None:
            secret = None if self.secret is None else self.secret.found_in(step.secrets)
            return MessageTarget(url=self.url, outgoing=step.services.outgoing, secret=secret)
        known, name = step.services.webhooks, self.webhook or ""
        if name not in known:
            raise StepRejected(
                f"no webhook {name!r} is configured{did_you_mean(name, known)} (webhooks: {listed(sorted(known))})",
                code="unknown_webhook",
                hint="add it to `webhooks` of quorate.yaml, or give a `url`",
            )
        return known[name]


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
        target = config.target(step)
        if target.secret is not None:
            headers["webhook-signature"] = signature(target.secret, message.id, seconds, body)
        answer = await exchange(
            step,
            Sending(method="POST", url=target.url, headers=headers, body=body),
            timeout_s=config.timeout or target.timeout_s,
            max_bytes=_READ_BYTES,
            redirects=0,
            outgoing=target.outgoing,
        )
        require_status(answer, (), step.call.clock, url=target.url)
        return WebhookAnswer(id=message.id, status=answer.status, signed=target.secret is not None)
