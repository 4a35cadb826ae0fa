"""Messages to a server of the operator's own, signed and sent again until they arrive.

The form is that of Standard Webhooks 1.0.0: an id by which the receiver knows a message that it had already, the time,
and a signature over both and the body (HMAC-SHA256).
"""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from quorate.core.clock import Clock, Deadline
from quorate.core.errors import QuorateError
from quorate.core.secret import Secret
from quorate.providers.transport import HttpRequest, PhaseLimits, Transport
from quorate.resilience.retry_policy import RetryPolicy, backoff_s

_log = logging.getLogger(__name__)

#: Messages that wait for a server that does not answer; more are dropped, and the log says so.
MOST_WAITING = 1000
_RETRIES = RetryPolicy(max_retries=8, delay_s=4.0, max_delay_s=300.0)
_FIRST_ERROR_STATUS = 300
_WHSEC = "whsec_"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookMessage:
    """What happened: `type` (`budget.over_limit`), when, and the facts as JSON values.

    Messages with the same `id` are the same, whoever sends them.
    """

    id: str
    type: str
    at: datetime
    data: Mapping[str, object]

    def body(self) -> bytes:
        """Return the message as it is sent."""
        fields = {"type": self.type, "timestamp": f"{self.at:%Y-%m-%dT%H:%M:%SZ}", "data": dict(self.data)}
        return json.dumps(fields, separators=(",", ":")).encode()


def signature(secret: Secret, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`. A secret that begins with `whsec_` is base64, any other a text."""
    text = secret.reveal()
    key = base64.b64decode(text.removeprefix(_WHSEC)) if text.startswith(_WHSEC) else text.encode()
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


class Webhook:
    """Sends messages to one URL, one after another, while `run` runs; a live object.

    Sending waits for nobody. What is not answered with a 2xx status is sent again, up to eight times, after growing
    delays of up to five minutes; then it is dropped, and the log says so.
    """

    def __init__(
        self,
        name: str,
        url: str,
        transport: Transport,
        clock: Clock,
        *,
        secret: Secret | None = None,
        timeout_s: float = 10.0,
        retries: RetryPolicy = _RETRIES,
    ) -> None:
        self.name = name
        self._url = url
        self._transport = transport
        self._clock = clock
        self._secret = secret
        self._timeout_s = timeout_s
        self._retries = retries
        self._waiting: asyncio.Queue[WebhookMessage] = asyncio.Queue(MOST_WAITING)

    def send(self, message: WebhookMessage) -> None:
        """Have the message sent."""
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            _log.warning("webhook %s: %d messages wait already; %s is dropped", self.name, MOST_WAITING, message.type)

    async def run(self) -> None:
        """Send what waits, for ever."""
        while True:
            message = await self._waiting.get()
            try:
                await self._deliver(message)
            finally:
                self._waiting.task_done()

    async def drain(self, limit_s: float) -> None:
        """Wait until everything was sent, but no longer than that."""
        try:
            async with asyncio.timeout(limit_s):
                await self._waiting.join()
        except TimeoutError:
            _log.warning("webhook %s: messages that were not taken are dropped", self.name)

    async def _deliver(self, message: WebhookMessage) -> None:
        tries = self._retries.max_retries + 1
        for attempt in range(1, tries + 1):
            problem = await self._attempt(message)
            if problem is None:
                return
            if attempt == tries:
                _log.warning("webhook %s: %s is dropped after %d tries: %s", self.name, message.type, tries, problem)
            else:
                await asyncio.sleep(backoff_s(self._retries, attempt))

    async def _attempt(self, message: WebhookMessage) -> str | None:
        """Send once; return what went wrong."""
        body, now = message.body(), int(self._clock.unix_s())
        headers = {"content-type": "application/json", "webhook-id": message.id, "webhook-timestamp": str(now)}
        if self._secret is not None:
            headers["webhook-signature"] = signature(self._secret, message.id, now, body)
        request = HttpRequest(url=self._url, headers=headers, body=body)
        deadline = Deadline.after(self._clock, self._timeout_s)
        try:
            async with self._transport.send(request, PhaseLimits(), deadline) as response:
                return None if response.status < _FIRST_ERROR_STATUS else f"status {response.status}"
        except QuorateError as error:
            return error.message
