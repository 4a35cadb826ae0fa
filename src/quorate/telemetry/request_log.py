"""One line for each request."""

import json
import re
from datetime import UTC, datetime

import msgspec

from quorate.model.event import State
from quorate.model.run import RunRecord

#: A caller's words (the name of a model) are cut off here.
_MAX_TEXT = 200
#: With one of these a value could pass for further fields.
_ENDS_A_VALUE = re.compile(r'[\s="]')


class RequestLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a request when it is over; `record` where one was made. Rendered later, in another thread."""

    ended_at_s: float
    request_id: str
    route: str
    status: int
    client: str
    code: str | None = None
    record: RunRecord | None = None


class _Fields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    timestamp: str
    level: str
    logger: str
    event: str
    request_id: str
    route: str
    status: int
    client: str = ""
    error_code: str | None = None
    run_id: str = ""
    tenant: str = ""
    key_id: str | None = None
    operation: str = ""
    model: str = ""
    mode: str = ""
    state: str = ""
    stream: bool = False
    duration_ms: float | None = None
    first_token_ms: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_microusd: int | None = 0
    agreement: float | None = None
    branches: int = 0
    failed_branches: int = 0
    trace_id: str | None = None


_ENCODER = msgspec.json.Encoder()


def as_json(line: RequestLine) -> str:
    """Return the line as JSON; what is nothing is left out. About 5 us."""
    return _ENCODER.encode(_fields(line)).decode()


def as_text(line: RequestLine) -> str:
    """Return the line for people: the time, the level, then `name=value`, a value with a space, `=` or `"` quoted."""
    fields = msgspec.to_builtins(_fields(line))
    head = f"{fields.pop('timestamp')} [{fields.pop('level')}] {fields.pop('event')}"
    return head + "".join(f" {name}={_quoted(value)}" for name, value in fields.items())


def _quoted(value: object) -> object:
    """Return the value as a field's: a caller's words (a path, the name of a model) stay in their field."""
    if isinstance(value, str) and _ENDS_A_VALUE.search(value):
        return json.dumps(value, ensure_ascii=False)
    return value


def _fields(line: RequestLine) -> _Fields:
    timestamp = datetime.fromtimestamp(line.ended_at_s, UTC).isoformat(timespec="milliseconds")
    level = "info" if line.status < 500 else "warning"  # noqa: PLR2004 - where HTTP's server errors begin
    record = line.record
    head = _Fields(
        timestamp=timestamp,
        level=level,
        logger="quorate.requests",
        event="request",
        request_id=line.request_id,
        route=line.route,
        status=line.status,
        client=line.client,
        error_code=line.code if record is None else record.error_code,
    )
    if record is None:
        return head
    first_s = record.first_token_at_s
    return msgspec.structs.replace(
        head,
        run_id=record.id,
        tenant=record.tenant,
        key_id=record.key_id,
        operation=record.operation,
        model=record.model[:_MAX_TEXT],
        mode=record.mode,
        state=record.state.value,
        stream=record.stream,
        duration_ms=_ms(record.duration_s),
        first_token_ms=None if first_s is None else _ms(first_s - record.started_at_s),
        prompt_tokens=record.prompt_tokens,
        completion_tokens=record.completion_tokens,
        cost_microusd=record.cost_microusd,
        agreement=record.agreement,
        branches=len(record.branches),
        failed_branches=sum(branch.state is State.FAILED for branch in record.branches),
        trace_id=record.trace_id,
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
