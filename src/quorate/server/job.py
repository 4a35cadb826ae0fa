"""One admitted call on its way through a handler."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from quorate.access.admission import Admission
from quorate.access.budgets import Reservation
from quorate.access.principal import Principal
from quorate.core.errors import QuorateError, untraced
from quorate.model import Model
from quorate.model.event import Warned
from quorate.model.run import BranchRecord
from quorate.providers.relay import Fields, RelayEndpoint
from quorate.server.call_watch import CallWatch
from quorate.server.event_stream import ErrorEvents, EventStream, chat_error
from quorate.server.hangup import Hangup
from quorate.server.held import hold_budgets
from quorate.server.inbound import Send
from quorate.server.kept_answer import kept_answer
from quorate.server.outbound import AnswersAtOnce, Headers, internal_error, send_json
from quorate.server.services import Services
from quorate.server.top_level import most_tokens
from quorate.wire.chat import ChatResponse

_HTTP_OK = 200

_log = logging.getLogger(__name__)


class Job(msgspec.Struct, kw_only=True, eq=False):
    """A live object: the request, what answers it, and how far the answer has come.

    `relay` is set if the bytes of the model, or of what it wraps, can be passed on. `headers` go out with the answer.
    `spoke` says whether a piece of the answer has left, after which nothing is asked again; an `error` after `begun`
    was told in the stream. `members`: admissions to further models. `held`: what it
    has reserved of budgets. `asked` is what its kind of call has read. `handed_over`: the work goes on
    when the request is over, and settles and records itself; `cut_off` answers if the gateway ends before.
    """

    services: Services
    principal: Principal
    watch: CallWatch
    body: bytes
    fields: Fields
    model: Model | None
    relay: RelayEndpoint | None
    stream: bool
    hangup: Hangup
    send: Send
    headers: Headers
    at_once: AnswersAtOnce | None = None
    spoke: bool = False
    error: QuorateError | None = None
    members: dict[str, Admission] = {}  # msgspec gives each struct its own
    held: Reservation | None = None
    asked: Any = None
    admission: Admission | None = None
    handed_over: bool = False
    cut_off: Callable[[], Awaitable[None]] | None = None
    _answered: bool = False
    _out: EventStream | None = None

    @property
    def begun(self) -> bool:
        """Whether the response has begun: with a part of the answer, or with a heartbeat before it."""
        return self._answered or (self._out is not None and self._out.begun)

    @property
    def created(self) -> int:
        """When the answer was made, in whole Unix seconds, as the wire has it."""
        return int(self.watch.began_at_s)

    async def admit_members(self, calls: Mapping[str, int]) -> None:
        """Take what this request needs from the limits of models that it asks besides the one it was admitted to.

        `calls`: how many calls of each it may start.
        """
        tokens = most_tokens(self.fields, len(self.body))
        for model, count in calls.items():
            if model != self.watch.model and model not in self.members:
                self.members[model] = await self.services.limiter.admit_to(model, tokens * count)

    async def settle_members(self, branches: Sequence[BranchRecord]) -> None:
        """Charge each of those models what its branches used; like `RateLimiter.settle`."""
        for model, admission in self.members.items():
            used = sum(each.prompt_tokens + each.completion_tokens for each in branches if each.model == model)
            await self.services.limiter.settle(admission, used)

    async def hold(self, model: Model) -> None:
        """Reserve what `model` may cost, where budgets are about this request; raises `BudgetSpent`."""
        watch = self.watch
        held = await hold_budgets(
            self.services, self.principal, watch.call.id, watch.model, model, self.fields, len(self.body)
        )
        if held is not None:
            self.take(held)

    def take(self, held: Reservation) -> None:
        """Go on with what was reserved; tell of soft budgets that are over."""
        self.held = held
        if held.over:
            self.headers.append((b"x-quorate-budget-over", ", ".join(held.over).encode()))
            call = self.watch.call
            message = f"over budget: {', '.join(held.over)}"
            call.emit(Warned(call_id=call.id, at_s=call.at_s, code="over_budget", message=message))

    async def settle(self) -> None:
        """Settle what was reserved with what was spent by now: before all of the answer is out, and at the end."""
        budgets = self.services.budgets
        if self.held is not None and budgets is not None:
            await budgets.settle(self.held, self.watch.ledger())

    def keep_answer(self, answer: Callable[[], ChatResponse]) -> None:
        """Put what the answer says into the record, where the operator keeps texts; it is asked for only then.

        What a stream of ours says the watch hears itself.
        """
        if self.services.keeps_texts:
            self.watch.answer = kept_answer(answer())

    async def answer(self, body: bytes, *, status: int = _HTTP_OK) -> None:
        """Send a whole answer."""
        if self.held is not None:
            await self.settle()
        self._answered = True
        self.hangup.over = True
        await send_json(self.send, status, body, self.headers, at_once=self.at_once)

    async def telling(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do the work of a stream; an error after its first event is told in the stream, an earlier one is raised."""
        try:
            await work()
        except QuorateError as error:
            failure = untraced(error)
        except Exception:  # noqa: BLE001 - whatever a model or a handler raises, the caller gets a plain error
            _log.exception("request %s met a fault of ours", self.watch.request_id)
            failure = internal_error()
        else:
            return
        if not self.begun:
            raise failure
        await self.fail(failure)

    async def fail(self, error: QuorateError) -> None:
        """End a stream that has begun with an error; a whole answer that was sent is past mending."""
        self.error = error
        if self._out is not None:
            await self._out.fail(error)

    def events(self, error_events: ErrorEvents = chat_error) -> EventStream:
        """Return the stream to answer with; `error_events` says how an error is told in it."""
        self._out = EventStream(
            self.send,
            self.headers,
            self.hangup,
            heartbeat_s=self.services.settings.heartbeat_s,
            error_events=error_events,
            at_once=self.at_once,
            before_end=None if self.held is None else self.settle,
        )
        return self._out
