"""One exchange with a server for a step: redirects checked anew, secrets kept from strangers, statuses read."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from quorate.contracts.json_text import decode_json
from quorate.core.clock import Clock
from quorate.core.errors import DeadlineExceeded, Failure, Rejected, Unavailable
from quorate.core.net import Blocked, origin_of
from quorate.flows.executor import StepContext, StepRejected
from quorate.flows.outgoing import Outgoing, OutgoingAnswer
from quorate.providers.retry_after import retry_after_s

MOST_REDIRECTS = 5
#: What may pass if it is sent again: too early, too many, and the server's own trouble.
_MAY_PASS = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SEE_OTHER = 303
_AS_GET = frozenset({301, 302})
#: Whose these are is told by the URL and the body, so no step may say something else.
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "keep-alive"}
)
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
_BODY = frozenset({"content-type", "content-encoding"})
_SHOWN_CHARACTERS = 300
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What is sent: header names in lower case. `private` are the names of headers that hold secrets."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)
    private: frozenset[str] = frozenset()


async def exchange(
    step: StepContext,
    sending: Sending,
    *,
    timeout_s: float,
    max_bytes: int,
    redirects: int = MOST_REDIRECTS,
    outgoing: Outgoing | None = None,
) -> OutgoingAnswer:
    """Return the last answer, after at most so many redirects; each new address passes the gate as the first did.

    A redirect to another origin loses secrets, credentials and cookies; one from https to http is refused. `timeout_s`
    holds for all of it, and so does the call's deadline. `outgoing` is the way out; not given, that of
    all steps. Raises what `Outgoing.send` raises, `StepRejected` for what cannot be sent.
    """
    _require_sendable(sending)
    deadline = step.call.deadline.capped(timeout_s)
    for _ in range(redirects + 1):
        left = deadline.remaining_s()
        if left is not None and left <= 0:
            raise DeadlineExceeded(f"no answer within {timeout_s:g} s")
        answer = await (outgoing or step.services.outgoing).send(
            sending.method,
            sending.url,
            headers=sending.headers,
            body=sending.body,
            timeout_s=timeout_s if left is None else left,
            max_bytes=max_bytes,
        )
        location = answer.headers.get("location")
        if answer.status not in _REDIRECTS or location is None or redirects == 0:
            return answer
        sending = redirected(sending, answer.status, location)
    raise StepRejected(f"more than {redirects} redirects", code="too_many_redirects", hint="give the final URL")


def redirected(sending: Sending, status: int, location: str) -> Sending:
    """Return what is sent to where a redirect leads (RFC 9110, section 15.4); raise `Rejected` for a bad address."""
    url = urljoin(sending.url, location)
    try:
        here, there = origin_of(sending.url), origin_of(url)
    except Blocked as error:
        raise Rejected(f"the server redirects to where it may not: {error}", failure=Failure.BLOCKED) from None
    if here[0] == "https" and there[0] == "http":
        raise Rejected("the server redirects from https to http; that is not followed", failure=Failure.BLOCKED)
    headers = dict(sending.headers)
    if here != there:
        headers = {name: value for name, value in headers.items() if name not in _CREDENTIALS | sending.private}
    becomes_get = status == _SEE_OTHER or (status in _AS_GET and sending.method == "POST")
    if becomes_get and sending.method != "HEAD":
        headers = {name: value for name, value in headers.items() if name not in _BODY}
        return replace(sending, method="GET", url=url, headers=headers, body=b"")
    return replace(sending, url=url, headers=headers)


def require_status(answer: OutgoingAnswer, expected: Iterable[int], clock: Clock, *, url: str) -> None:
    """Raise unless the status is one of those expected (none given: 200 to 299).

    `Unavailable` with the server's `Retry-After` if it may pass, else `StepRejected`.
    """
    wanted = frozenset(expected)
    if answer.status in wanted or (not wanted and 200 <= answer.status < 300):  # noqa: PLR2004 - RFC 9110
        return
    host = urlsplit(url).hostname
    said = answer.body[:_SHOWN_CHARACTERS].decode("utf-8", "replace").strip()
    message = f"{host} answered with status {answer.status}" + (f": {said}" if said else "")
    if answer.status in _MAY_PASS:
        wait_s = retry_after_s(answer.headers, now=clock.now())
        failure = Failure.OVERLOAD if answer.status in {429, 503} else Failure.TRANSIENT
        raise Unavailable(message, failure=failure, upstream_status=answer.status, retry_after_s=wait_s)
    raise StepRejected(
        message, code="unexpected_status", hint="`expect_status` lists the statuses that are no error for this step"
    )


def json_of(answer: OutgoingAnswer) -> Any:
    """Return the body as JSON where it says that it is and can be read; else `None`."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.cut or not kind.endswith(("/json", "+json")):
        return None
    return decode_json(text_of(answer)).value if answer.body else None


def text_of(answer: OutgoingAnswer) -> str:
    """Return the body as text, in the character set that it names, UTF-8 if it names none that is known."""
    _, _, named = answer.headers.get("content-type", "").partition("charset=")
    charset = named.partition(";")[0].strip().strip('"') or "utf-8"
    try:
        return answer.body.decode(charset, "replace")
    except LookupError:
        return answer.body.decode("utf-8", "replace")


def json_body(value: object) -> bytes:
    """Return a value as the body of a request."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _require_sendable(sending: Sending) -> None:
    if any(character.isspace() or ord(character) < 0x20 for character in sending.url):  # noqa: PLR2004 - controls
        raise StepRejected(
            "the URL holds white space or a line end", code="bad_url", hint="write such characters as %20"
        )
    for name, value in sending.headers.items():
        if name in _OURS or name.startswith("proxy-"):
            raise StepRejected(f"the header {name!r} cannot be set by a step", code="bad_header")
        if not _TOKEN.fullmatch(name) or any(each in value for each in "\r\n\0"):
            raise StepRejected(f"the header {name!r} holds characters that HTTP forbids", code="bad_header")
