"""The API about itself: its OpenAPI document, the reference page, and what each error code means."""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from quorate.config.telemetry_section import MetricsAccess
from quorate.core.errors import NotFound, QuorateError
from quorate.server.openapi import document
from quorate.server.route import Answer, Exchange, Route
from quorate.wire.open import JsonObject
from quorate.wire.problem import PROBLEM_TYPE_BASE

if TYPE_CHECKING:
    from quorate.server.reference_page import ReferencePage

_HTML = "text/html; charset=utf-8"
_CACHED = {"cache-control": "public, max-age=300"}


@cache
def openapi() -> JsonObject:
    """Return the document of this version's API."""
    # The document lists this module's own routes.
    from quorate.server.routes import all_routes  # noqa: PLC0415

    return document(all_routes(MetricsAccess.KEY), version="1")


@cache
def page() -> "ReferencePage":
    """Return the reference page of this version's API."""
    # memory: 0.6 MB, with what HTML's entities are, for a page that is made once, when somebody looks at it
    from quorate.server.reference_page import reference_page  # noqa: PLC0415

    return reference_page(openapi(), document_path="/openapi.json")


async def show_openapi(exchange: Exchange) -> Answer:
    """Return the OpenAPI document; where no key is needed for anything, the flows are in it."""
    services = exchange.services
    if services.keys is None and services.flows is not None:
        # slow: 100 ms for the language of flows, which a gateway without any does without
        from quorate.server.flow_document import described  # noqa: PLC0415

        shown = described(services.flows, lambda _: True)
        return Answer(value=shown.body, headers={"etag": shown.etag, "cache-control": "no-cache"})
    return Answer(value=openapi(), headers=_CACHED)


async def show_page(exchange: Exchange) -> Answer:
    """Return the reference page."""
    del exchange
    shown = page()
    return Answer(
        value=shown.html,
        content_type=_HTML,
        headers={**_CACHED, "content-security-policy": shown.content_security_policy},
    )


async def show_error(exchange: Exchange) -> Answer:
    """Return what an error code means."""
    # memory: as above
    from html import escape  # noqa: PLC0415

    code = exchange.path["code"]
    kind = next((kind for kind in error_kinds() if kind.code == code), None)
    if kind is None:
        raise NotFound(f"no error has the code {code[:80]!r}")
    text = escape(" ".join((kind.__doc__ or "").split()))
    html = (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{escape(code)}</title></head><body>"
        f"<h1>{escape(code)}</h1><p>{text}</p><p>HTTP status {kind.default_status}; "
        f"{'sending again may help' if kind.default_retryable else 'sending again changes nothing by itself'}.</p>"
        "<p><a href='/docs'>The API's reference</a></p></body></html>"
    )
    return Answer(
        value=html.encode(), content_type=_HTML, headers={**_CACHED, "content-security-policy": "default-src 'none'"}
    )


async def show_start(exchange: Exchange) -> Answer:
    """Lead whoever opens the address in a browser to the reference."""
    del exchange
    return Answer(status=307, content_type=_HTML, headers={"location": "/docs"})


def error_kinds(kind: type[QuorateError] = QuorateError) -> Iterator[type[QuorateError]]:
    """Yield every class of the error tree."""
    yield kind
    for below in kind.__subclasses__():
        yield from error_kinds(below)


ROUTES = (
    Route(method="GET", path="/", handler=show_start, summary="Lead to the reference", permission=None, status=307),
    Route(
        method="GET",
        path="/openapi.json",
        handler=show_openapi,
        summary="This API's OpenAPI document",
        permission=None,
        tag="reference",
    ),
    Route(
        method="GET",
        path="/docs",
        handler=show_page,
        summary="This API's reference page",
        permission=None,
        tag="reference",
    ),
    Route(
        method="GET",
        path=PROBLEM_TYPE_BASE + "{code}",
        handler=show_error,
        summary="What an error code means",
        permission=None,
        tag="reference",
    ),
)
