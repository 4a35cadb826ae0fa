"""Send an HTTP request through the outbound gate."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from quorate.flows.exchange import (
    MOST_REDIRECTS,
    Sending,
    exchange,
    json_body,
    json_of,
    require_status,
    text_of,
)
from quorate.flows.executor import Executor, StepContext
from quorate.flows.outgoing_gate import MOST_BYTES
from quorate.flows.secret_value import SecretName
from quorate.source.duration import Duration
from quorate.source.section import Section

_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_Plain = str | int | float | bool


class HttpConfig(Section):
    """What is sent where, and which answer is taken."""

    url: str
    """http or https; private addresses only where whoever runs this allows them for steps."""
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: dict[str, str | SecretName] = Field(default_factory=dict)
    """Texts, or `{secret: NAME}` for a secret of the flow."""
    bearer: SecretName | None = None
    """`{secret: NAME}`, sent as `Authorization: Bearer ...`."""
    query: dict[str, _Plain | list[_Plain]] = Field(default_factory=dict)
    """Put behind the URL's own query."""
    json_: Any = Field(default=None, alias="json")
    """The body, as JSON."""
    form: dict[str, _Plain] | None = None
    """The body, as the fields of a form."""
    body: str | None = None
    """The body, as text."""
    timeout: Annotated[Duration, Field(gt=0, le=3600)] = 30.0
    """How long all of it may take, redirects included."""
    expect_status: tuple[Annotated[int, Field(ge=100, le=599)], ...] = ()
    """Statuses that are no error; none named: 200 to 299."""
    max_bytes: Annotated[int, Field(ge=1, le=MOST_BYTES)] = 4_000_000
    """How much of the answer is read; the rest is left (`cut`)."""
    follow_redirects: Annotated[int, Field(ge=0, le=MOST_REDIRECTS)] = MOST_REDIRECTS
    """How often a redirect is followed; each address passes the gate anew. 0: a redirect is an answer."""

    @model_validator(mode="after")
    def _has_one_body(self) -> Self:
        given = [name for name in ("json_", "form", "body") if name in self.model_fields_set]
        if len(given) > 1:
            raise PydanticCustomError("body", "has several of `json`, `form` and `body`; a request has one body")
        if given and self.method in {"GET", "HEAD"}:
            raise PydanticCustomError("body", "a {method} request has no body; set `method`", {"method": self.method})
        return self


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The last answer: `json` is `null` if it is none. Header names are in lower case. `cut`: there was more."""

    status: int
    headers: dict[str, str]
    json: Any
    text: str
    cut: bool


class HttpExecutor(Executor[HttpConfig, HttpAnswer]):
    """Returns the answer. What changes something carries the step's key as `Idempotency-Key`, the same in each try."""

    name = "http"
    summary = "Send an HTTP request and read its answer as JSON or text."
    config = HttpConfig
    result = HttpAnswer

    async def run(self, config: HttpConfig, step: StepContext) -> HttpAnswer:
        """Send it, follow redirects, check the status."""
        sending = _sending(config, step)
        answer = await exchange(
            step,
            sending,
            timeout_s=config.timeout,
            max_bytes=config.max_bytes,
            redirects=config.follow_redirects,
        )
        redirect = config.follow_redirects == 0 and 300 <= answer.status < 400  # noqa: PLR2004 - RFC 9110
        if not redirect:
            require_status(answer, config.expect_status, step.call.clock, url=config.url)
        return HttpAnswer(
            status=answer.status,
            headers=dict(answer.headers),
            json=json_of(answer),
            text=text_of(answer),
            cut=answer.cut,
        )


def _sending(config: HttpConfig, step: StepContext) -> Sending:
    headers: dict[str, str] = {}
    body = _body(config, headers)
    private: set[str] = set()
    for name, value in config.headers.items():
        if isinstance(value, SecretName):
            private.add(name.lower())
            headers[name.lower()] = value.found_in(step.secrets).reveal()
        else:
            headers[name.lower()] = value
    if config.bearer is not None:
        headers["authorization"] = f"Bearer {config.bearer.found_in(step.secrets).reveal()}"
    if config.method in _CHANGES:
        headers.setdefault("idempotency-key", step.key)
    return Sending(
        method=config.method,
        url=_with_query(config.url, config.query),
        headers=headers,
        body=body,
        private=frozenset(private),
    )


def _body(config: HttpConfig, headers: dict[str, str]) -> bytes:
    """Return the body; the header that says what it is joins `headers`."""
    if "json_" in config.model_fields_set:
        headers["content-type"] = "application/json"
        return json_body(config.json_)
    if config.form is not None:
        headers["content-type"] = "application/x-www-form-urlencoded"
        return urlencode({name: _plain(value) for name, value in config.form.items()}).encode()
    if config.body is not None:
        headers["content-type"] = "text/plain; charset=utf-8"
        return config.body.encode()
    return b""


def _with_query(url: str, query: Mapping[str, _Plain | list[_Plain]]) -> str:
    if not query:
        return url
    fields = [
        (name, _plain(item))
        for name, value in query.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(part for part in (parts.query, urlencode(fields)) if part)))


def _plain(value: _Plain) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
