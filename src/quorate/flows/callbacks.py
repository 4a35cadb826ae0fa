"""Telling somebody that a run has ended: a signed message to the address that came with the run, until it is taken."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from quorate.core.clock import Clock
from quorate.core.errors import Failure, InvalidRequest, NotFound, QuorateError, Rejected
from quorate.core.net import Blocked, OutboundGate
from quorate.core.secret import Secret
from quorate.flows.event import CallbackFailed, CallbackSent
from quorate.flows.journal import Callback, RunView
from quorate.flows.message_target import MessageTarget
from quorate.flows.outgoing import Outgoing
from quorate.flows.plan import FlowPlan
from quorate.flows.queue_journal import QueueJournal
from quorate.resilience.retry_policy import RetryPolicy, backoff_s
from quorate.resilience.webhook import WebhookMessage, signature
from quorate.source.place import did_you_mean

#: The label of a run that says who is told: an address, or the name of a configured webhook.
CALLBACK = "callback"
TYPE = "flow.run.finished"
_RETRIES, _DELAY = "callback_retries", "callback_delay_s"
#: A try is over by then; else another process makes the next one.
_HOLD_S = 120.0
_LONGEST_DELAY_S = 3600.0
_AT_ONCE = 8
_LOOK_S = 0.5
_TRY_AGAIN_S = 5.0
_READ_BYTES = 4096
#: Longer outputs are left out of the message: whoever gets it can ask for them.
_MOST_OUTPUT_BYTES = 256 * 1024
_FIRST_ERROR_STATUS = 300
_MOST_CHARACTERS = 2000

_log = logging.getLogger("quorate")


@dataclass(slots=True, kw_only=True)
class Callbacks:
    """Sends what the journal says somebody is to be told; a live object.

    `named` are the configured webhooks, `outgoing` reaches addresses that came with runs; messages to those are signed
    with `secret` if there is one. `allowed` are private addresses that `outgoing` reaches. A message that was taken is
    not sent again; if the process dies between the two, it is, with the same id.
    """

    journal: QueueJournal
    clock: Clock
    outgoing: Outgoing
    named: Mapping[str, MessageTarget] = field(default_factory=dict[str, MessageTarget])
    secret: Secret | None = None
    allowed: tuple[str, ...] = ()
    close_named: Callable[[], Awaitable[None]] | None = None
    look_s: float = _LOOK_S

    def labels(self, plan: FlowPlan, labels: Mapping[str, str] | None) -> Mapping[str, str] | None:
        """Return the labels of a run with what its callback needs, if there is one.

        Raises `InvalidRequest` for a flow that allows none, an unknown webhook and an address that is not reached.
        """
        if labels is None or CALLBACK not in labels:
            return labels
        rule = plan.callbacks
        if not rule.enabled:
            raise _refused(f"the flow {plan.name!r} tells nobody of its end; `callbacks: true` in it allows that")
        self._check(labels[CALLBACK])
        return {**labels, _RETRIES: str(rule.max_retries), _DELAY: str(rule.retry_delay_s)}

    def _check(self, target: str) -> None:
        if len(target) > _MOST_CHARACTERS:
            raise _refused(f"the callback has {len(target)} characters; use at most {_MOST_CHARACTERS}")
        if "://" in target:
            try:
                OutboundGate.for_base_urls(self.allowed).check_url(target)
            except Blocked as blocked:
                raise _refused(f"the callback is not reached: {blocked}") from None
        elif target not in self.named:
            hint = did_you_mean(target, self.named) or "; give an http(s) address or the name of a configured webhook"
            raise _refused(f"no webhook {target!r}{hint}")

    async def serve(self) -> None:
        """Send what is due, for ever; several at once, so that a slow server does not keep the others waiting."""
        places = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                await places.acquire()
                due = await self._due()
                if due is None:
                    places.release()
                    await asyncio.sleep(self.look_s)
                else:
                    group.create_task(self._send(due)).add_done_callback(lambda _: places.release())

    async def close(self) -> None:
        """Close the connections to the configured webhooks."""
        if self.close_named is not None:
            await self.close_named()

    async def _due(self) -> Callback | None:
        try:
            return await self.journal.take_callback(hold_s=_HOLD_S)
        except QuorateError as error:
            _log.warning("whether somebody is to be told of the end of a run cannot be seen: %s", error.message)
            await asyncio.sleep(_TRY_AGAIN_S)
            return None

    async def _send(self, callback: Callback) -> None:
        try:
            view = await self.journal.load(callback.run)
            problem, again = await self._problem(callback, view)
            await self._note(callback, view, problem, again=again)
        except NotFound:
            return  # the run was deleted
        except QuorateError as error:
            _log.warning("the callback of run %s is tried again later: %s", callback.run, error.message)

    async def _problem(self, callback: Callback, view: RunView) -> tuple[str | None, bool]:
        """Send once; return what went wrong, and whether another try may help."""
        to = view.header.labels.get(CALLBACK, "")
        target = self.named.get(to)
        if target is None and "://" not in to:
            return f"no webhook {to!r} is configured here", True
        target = target or MessageTarget(url=to, outgoing=self.outgoing, secret=self.secret)
        message = _message(callback, view)
        body, now = message.body(), int(self.clock.unix_s())
        headers = {"content-type": "application/json", "webhook-id": message.id, "webhook-timestamp": str(now)}
        if target.secret is not None:
            headers["webhook-signature"] = signature(target.secret, message.id, now, body)
        try:
            answer = await target.outgoing.send(
                "POST", target.url, headers=headers, body=body, timeout_s=target.timeout_s, max_bytes=_READ_BYTES
            )
        except Rejected as error:
            return error.message, error.failure is not Failure.BLOCKED
        except QuorateError as error:
            return error.message, True
        return (None, False) if answer.status < _FIRST_ERROR_STATUS else (f"status {answer.status}", True)

    async def _note(self, callback: Callback, view: RunView, problem: str | None, *, again: bool) -> None:
        message_id, tries, labels = _message_id(callback), callback.tries, view.header.labels
        at_s = max(0.0, (self.clock.now() - view.header.created_at).total_seconds())
        if problem is None:
            event = CallbackSent(call_id=callback.run, at_s=at_s, message_id=message_id, tries=tries)
            await self.journal.end_callback(callback, msgspec.json.encode(event), again_at=None)
            return
        policy = RetryPolicy(
            max_retries=int(labels.get(_RETRIES, "0")),
            delay_s=float(labels.get(_DELAY, "0")),
            max_delay_s=_LONGEST_DELAY_S,
        )
        delay_s = backoff_s(policy, tries) if again and tries <= policy.max_retries else None
        _log.warning("the callback of run %s was not taken (try %d): %s", callback.run, tries, problem)
        failed = CallbackFailed(
            call_id=callback.run, at_s=at_s, message_id=message_id, tries=tries, message=problem, again_in_s=delay_s
        )
        again_at = None if delay_s is None else self.clock.now() + timedelta(seconds=delay_s)
        await self.journal.end_callback(callback, msgspec.json.encode(failed), again_at=again_at)


def _message_id(callback: Callback) -> str:
    return f"{callback.run}-{callback.seq}"


def _message(callback: Callback, view: RunView) -> WebhookMessage:
    """Return the message: the same for all tries, as the run does not change any more."""
    header, result = view.header, view.result
    outputs = {} if result is None else result.outputs
    fits = len(msgspec.json.encode(outputs)) <= _MOST_OUTPUT_BYTES
    run: dict[str, object] = {
        "id": header.id,
        "flow": header.flow,
        "version": header.version,
        "status": str(view.status),
        "cost_microusd": view.spent_microusd if result is None else result.cost_microusd,
        "latency_s": None if result is None else result.latency.total_s,
        "errors": [] if result is None else msgspec.to_builtins(result.errors),
        "outputs": outputs if fits else None,
        "outputs_left_out": not fits,
    }
    return WebhookMessage(id=_message_id(callback), type=TYPE, at=view.updated_at, data={"run": run})


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(message, param="callback")
