"""What every call has in common: who asks, may they, is there room; then the work; then the record."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from quorate.access.admission import Admission
from quorate.access.authorize import authorize
from quorate.access.budgets import Reservation
from quorate.access.permission import Permission
from quorate.access.principal import Principal
from quorate.core.errors import ClientGone, Overloaded, QuorateError, untraced
from quorate.core.ids import new_id
from quorate.model.call import TraceContext
from quorate.server.asking import Asking, Incoming, Read, reading_call
from quorate.server.authenticate import authenticate
from quorate.server.call_watch import CLIENT_GONE, CallWatch
from quorate.server.hangup import Hangup
from quorate.server.inbound import Inbound, Receive, Scope, Send
from quorate.server.job import Job
from quorate.server.outbound import ANSWER_KEY, Headers, internal_error, send_error
from quorate.server.services import Services
from quorate.server.top_level import prompt_of
from quorate.telemetry.logs import begin_request
from quorate.telemetry.traceparent import read_trace

_log = logging.getLogger(__name__)

Work = Callable[[Job], Awaitable[None]]


class CallHandler:
    """An ASGI application for one kind of call: `read` reads it, `work` answers what was admitted, or raises.

    Everything that is refused before is told at once, counted, and leaves no run. What was admitted leaves exactly one,
    also when the caller goes away or the gateway has a fault.
    """

    def __init__(
        self, services: Services, work: Work, *, operation: str, permission: Permission, read: Read | None = None
    ) -> None:
        self._services = services
        self._work = work
        self._operation = operation
        self._permission = permission
        self._read = read or reading_call(operation, permission)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        services = self._services
        inbound = Inbound(scope)
        run_id = new_id("run", services.clock)
        request_id = inbound.request_id or run_id
        begin_request(request_id)
        headers: Headers = [(b"x-request-id", request_id.encode())]
        reserved = False
        try:
            principal = authenticate(services, inbound)
            authorize(principal, self._permission)  # before the body is read; for the model again, once it is known
            asking = await self._read(
                Incoming(
                    services=services, principal=principal, run_id=run_id, inbound=inbound, scope=scope, receive=receive
                )
            )
            reserved = self._reserve()
            admission = await services.limiter.admit(principal, asking.model, asking.tokens)
            held = await self._take_in(asking, admission)
        except QuorateError as error:
            await self._refuse(error, inbound, send, headers, request_id, reserved=reserved)
            return
        except Exception:  # noqa: BLE001 - whatever a look-up raises, the caller gets a plain error
            _log.exception("request %s met a fault of ours", request_id)
            await self._refuse(internal_error(), inbound, send, headers, request_id, reserved=reserved)
            return
        except asyncio.CancelledError:
            if not services.draining:
                raise
            await self._refuse(_cut_off(), inbound, send, headers, request_id, reserved=reserved)
            return
        headers.append((b"x-quorate-run-id", run_id.encode()))
        headers.extend(admission.headers)
        trace = _trace(inbound, headers)
        job = Job(
            services=services,
            principal=principal,
            watch=self._watch(principal, run_id, request_id, asking, trace=trace),
            body=asking.body,
            fields=asking.fields,
            model=asking.model_asked,
            relay=asking.relay,
            stream=asking.stream,
            hangup=Hangup(scope, receive),
            send=send,
            headers=headers,
            # Left in the scope, which what it writes to holds, it would be a cycle: garbage of every request.
            at_once=scope.pop(ANSWER_KEY, None),
            asked=asking.work,
            admission=admission,
        )
        if held is not None:
            job.take(held)
        if services.keeps_texts:
            job.watch.prompt = prompt_of(asking.fields)
        await self._run(job, admission, inbound)

    def _watch(
        self, principal: Principal, run_id: str, request_id: str, asking: Asking, *, trace: TraceContext | None
    ) -> CallWatch:
        return CallWatch(
            self._services,
            principal,
            run_id=run_id,
            request_id=request_id,
            operation=self._operation,
            model=asking.model,
            stream=asking.stream,
            trace=trace,
            timeout_s=asking.timeout_s,
        )

    async def _take_in(self, asking: Asking, admission: Admission) -> Reservation | None:
        """Read the rest and reserve what the request may cost; the admission is given back if that fails."""
        services = self._services
        try:
            if asking.rest is not None:
                await asking.rest()
            if asking.hold is None or services.budgets is None:
                return None
            return await asking.hold()
        except BaseException:
            await services.limiter.settle(admission, 0)
            if asking.drop is not None:
                await asking.drop()
            raise

    def _reserve(self) -> bool:
        services = self._services
        if services.draining:
            raise Overloaded("the gateway is shutting down; ask another one, or again in a moment", retry_after_s=1)
        if not services.writer.reserve():
            raise Overloaded("records wait to be written; try again in a moment", retry_after_s=2)
        return True

    async def _refuse(
        self, error: QuorateError, inbound: Inbound, send: Send, headers: Headers, request_id: str, *, reserved: bool
    ) -> None:
        services = self._services
        if reserved:
            services.writer.release()
        if services.metrics is not None:
            services.metrics.rejected(error.code)
        if services.request_log is not None:
            services.request_log.plain(
                request_id=request_id,
                route=inbound.path,
                status=error.http_status,
                client=inbound.peer,
                code=error.code,
            )
        if isinstance(error, ClientGone):
            return
        headers.extend(services.limiter.headers_for(error))
        await send_error(send, error, path=inbound.path, headers=headers, request_id=request_id)

    async def _run(self, job: Job, admission: Admission, inbound: Inbound) -> None:
        services = self._services
        services.enter()
        status, error = CLIENT_GONE, None
        try:
            async with job.hangup:
                status, error = await self._answer(job, inbound)
        except asyncio.CancelledError:
            if job.hangup.gone or not services.draining:
                raise
            status, error = await self._cut_off(job, inbound)
        finally:
            services.leave()
            if not job.handed_over:
                await self._record(job, admission, inbound, status, error)

    async def _record(
        self, job: Job, admission: Admission, inbound: Inbound, status: int, error: QuorateError | None
    ) -> None:
        if status == CLIENT_GONE:
            error = ClientGone("the caller left before the answer was complete")
        try:
            if job.held is not None:
                await job.settle()
        finally:
            lines = () if job.held is None else job.held.lines
            record = job.watch.end(status=status, error=error, route=inbound.path, client=inbound.peer, lines=lines)
            await self._services.limiter.settle(admission, record.prompt_tokens + record.completion_tokens)
            if job.members:
                await job.settle_members(record.branches)

    async def _answer(self, job: Job, inbound: Inbound) -> tuple[int, QuorateError | None]:
        """Do the work; return the status that the caller saw and what went wrong."""
        try:
            await self._work(job)
        except QuorateError as error:
            job.error = untraced(error)
        except Exception:  # noqa: BLE001 - whatever a model or a handler raises, the caller gets a plain error
            _log.exception("request %s met a fault of ours", job.watch.request_id)
            job.error = internal_error()
        error = job.error
        if error is None:
            return 200, None
        if job.begun:
            return 200, error
        if limits := self._services.limiter.headers_for(error):  # of a model that was to be asked: it is what is full
            job.headers[:] = [header for header in job.headers if not header[0].startswith(b"x-ratelimit-")]
            job.headers.extend(limits)
        await send_error(job.send, error, path=inbound.path, headers=job.headers, request_id=job.watch.request_id)
        return error.http_status, error

    async def _cut_off(self, job: Job, inbound: Inbound) -> tuple[int, QuorateError | None]:
        """Tell the caller that the time to finish was over; the server says how long a slow reader is waited for."""
        if job.cut_off is not None and not job.begun:
            await job.cut_off()
            return 200, None
        error = _cut_off()
        if job.begun:
            await job.fail(error)
            return 200, error
        await send_error(job.send, error, path=inbound.path, headers=job.headers, request_id=job.watch.request_id)
        return error.http_status, error


def _cut_off() -> Overloaded:
    return Overloaded("the gateway shut down before the answer was complete; ask another one", retry_after_s=1)


def _trace(inbound: Inbound, headers: Headers) -> TraceContext | None:
    """Return the caller's place in a trace, and tell it the same in the answer."""
    if inbound.traceparent is None:
        return None
    trace = read_trace(_text(inbound.traceparent), _text(inbound.tracestate))
    if trace is not None:
        headers.append((b"traceparent", trace.traceparent.encode()))
    return trace


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")
