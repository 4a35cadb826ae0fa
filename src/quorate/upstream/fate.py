"""What happens to one request: decided from the model's behaviour and from what the same model was asked before."""

from collections import OrderedDict

import msgspec

from quorate.upstream.behaviour import Behaviour
from quorate.upstream.fault import Fault

#: Names whose counts are kept; the one asked least recently is forgotten first.
MAX_NAMES = 10_000


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An error status; `code` is OpenAI's word for it, `kind` the type of error that both formats know."""

    status: int
    message: str
    kind: str
    code: str | None = None
    retry_after_s: float | None = None


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to a request beside its answer; nothing by default.

    `refusal` replaces the answer, `reset` the whole response; `silent_s` passes and then the connection is closed.
    `first_s` is a longer wait for the first token. `stop_at` is the share of the tokens after which the connection is
    closed, `stop_s` later. `garbled`: one event is not JSON. `unended`: the last event is missing.
    """

    refusal: Refusal | None = None
    reset: bool = False
    silent_s: float | None = None
    first_s: float = 0.0
    stop_at: float | None = None
    stop_s: float = 0.0
    garbled: bool = False
    unended: bool = False


HEALTHY = Fate()
_RESET = Fate(reset=True)
_CUT = Fate(stop_at=2 / 3)
_GARBLED = Fate(garbled=True)
_UNENDED = Fate(unended=True)
_RATE = "Rate limit reached in this simulation; slow down."
_RATE_LIMITED = Fate(refusal=Refusal(status=429, message=_RATE, kind="rate_limit_error", code="rate_limit_exceeded"))
_ERROR = Fate(refusal=Refusal(status=500, message="The simulated server had an error.", kind="server_error"))
_DOWN = Fate(refusal=Refusal(status=503, message="The simulated server is overloaded.", kind="server_error"))
_TOO_LONG = Fate(
    refusal=Refusal(
        status=400,
        message="This model's maximum context length is 8192 tokens. Please reduce the length of the messages.",
        kind="invalid_request_error",
        code="context_length_exceeded",
    )
)
_FILTERED = Fate(
    refusal=Refusal(
        status=400,
        message="The request was refused by the simulated content filter.",
        kind="invalid_request_error",
        code="content_policy_violation",
    )
)
_PREFILLED = Fate(
    refusal=Refusal(
        status=400,
        message="This model does not support assistant message prefill. The conversation must end with a user message.",
        kind="invalid_request_error",
    )
)


class _Asked(msgspec.Struct):
    count: int = 0
    first_at_s: float = 0.0


class Fates:
    """A live object: remembers how often each model was asked, because some faults happen once or for a while."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, _Asked] = OrderedDict()

    def forget(self) -> None:
        """Begin anew: every model has never been asked."""
        self._asked.clear()

    def decide(self, name: str, behaviour: Behaviour, *, now_s: float, prefilled: bool) -> Fate:
        """Return what happens to the next request; `prefilled`: the conversation ends in an assistant message."""
        if behaviour.fault is None and not behaviour.fail_share:
            return HEALTHY
        asked = self._remember(name, now_s)
        # Evenly spread and exact: of every n requests, n times the share fail.
        share = behaviour.fail_share
        if int(asked.count * share + 1e-9) > int((asked.count - 1) * share + 1e-9):
            return _ERROR
        return HEALTHY if behaviour.fault is None else _of_fault(behaviour, asked, now_s, prefilled=prefilled)

    def _remember(self, name: str, now_s: float) -> _Asked:
        asked = self._asked.get(name)
        if asked is None:
            asked = self._asked[name] = _Asked(first_at_s=now_s)
            if len(self._asked) > MAX_NAMES:
                self._asked.popitem(last=False)
        else:
            self._asked.move_to_end(name)
        asked.count += 1
        return asked


def _of_fault(behaviour: Behaviour, asked: _Asked, now_s: float, *, prefilled: bool) -> Fate:
    lasts_s = behaviour.lasts_s or 0.0
    first = asked.count == 1
    match behaviour.fault:
        case None | Fault.F14_FALLBACK:
            return _PREFILLED if prefilled and behaviour.fault is not None else HEALTHY
        case Fault.F01:
            return _limited_for(lasts_s) if first else HEALTHY
        case Fault.F02:
            return _RATE_LIMITED
        case Fault.F03:
            return _ERROR if first else HEALTHY
        case Fault.F04 | Fault.F16:
            return _DOWN
        case Fault.F05:
            return _RESET if first else HEALTHY
        case Fault.F15:
            return _DOWN if now_s - asked.first_at_s < lasts_s else HEALTHY
        case fault:
            return _of_shape(fault, lasts_s)


def _of_shape(fault: Fault, lasts_s: float) -> Fate:
    """Return the fate of faults that happen every time and in the answer itself."""
    match fault:
        case Fault.F06:
            return Fate(silent_s=lasts_s)
        case Fault.F07:
            return Fate(first_s=lasts_s)
        case Fault.F09:
            return Fate(stop_at=1 / 3, stop_s=lasts_s)
        case Fault.F10:
            return _GARBLED
        case Fault.F11:
            return _UNENDED
        case Fault.F12:
            return _TOO_LONG
        case Fault.F13:
            return _FILTERED
        case _:
            return _CUT


def _limited_for(seconds: float) -> Fate:
    refusal = Refusal(
        status=429, message=_RATE, kind="rate_limit_error", code="rate_limit_exceeded", retry_after_s=seconds
    )
    return Fate(refusal=refusal)
