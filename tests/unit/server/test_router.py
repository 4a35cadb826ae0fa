"""Everything but calls: from a route of the table to an answer."""

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from asgi import Answer as Told
from asgi import Headers, ask, services_of
from quorate.access.permission import Permission
from quorate.core.clock import SystemClock
from quorate.core.errors import Conflict, RateLimited
from quorate.server.route import Answer, Exchange, Route
from quorate.server.router import Router
from quorate.telemetry.logs import configure_logs
from quorate.telemetry.metrics import CallMetrics
from quorate.telemetry.names import REJECTED
from stored_gateway import StoredGateway


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: int = 5


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str


async def tell(exchange: Exchange) -> Answer:
    return Answer(value={"path": exchange.path, "query": exchange.query, "body": exchange.body}, headers={"x-a": "b"})


async def conflict(exchange: Exchange) -> Answer:
    raise Conflict("taken", param="name")


async def limited(exchange: Exchange) -> Answer:
    raise RateLimited("slow down", retry_after_s=3)


async def nothing(exchange: Exchange) -> Answer:
    return Answer(status=204)


async def bug(exchange: Exchange) -> Answer:
    raise ValueError("secret inner state")


def route(path: str, handler: Any = tell, method: str = "GET", **fields: Any) -> Route:
    return Route(method=method, path=path, handler=handler, summary=path, permission=None, **fields)


ROUTES = (
    route("/api/thing/{id}", query=Query),
    route("/api/things", method="POST", body=Body),
    route("/v1/conflict", conflict),
    route("/api/limited", limited),
    route("/api/bug", bug),
    route("/api/nothing", nothing),
)


class Lines:
    """A request log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def plain(self, **fields: Any) -> None:
        self.lines.append(fields)


async def told(method: str, path: str, body: object = b"", headers: Headers | None = None) -> Told:
    return await ask(Router(ROUTES, services_of()), method, path, body, headers)


async def test_an_answer() -> None:
    answer = await told("GET", "/api/thing/a%20b?limit=7", headers=[(b"x-request-id", b"mine")])
    assert answer.json == {"path": {"id": "a%20b"}, "query": {"limit": 7}, "body": None}
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-a"] == "b"


@pytest.mark.parametrize("query", ["limit=x", "other=1", "limit=1&limit=2", "limit=", "limit=1.5"])
async def test_queries_that_do_not_fit(query: str) -> None:
    answer = await told("GET", f"/api/thing/1?{query}")
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert "query" in answer.json["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"name":1}', b'{"name":"x","id":2}', b"{}", b'{"name":"\xff"}'])
async def test_bodies_that_do_not_fit(body: bytes) -> None:
    answer = await told("POST", "/api/things", body, [(b"content-type", b"application/json")])
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


async def test_the_field_is_named() -> None:
    answer = await told("POST", "/api/things", {"name": 1})
    assert answer.json["param"] == "name"


async def test_a_body_has_to_be_json() -> None:
    assert (await told("POST", "/api/things", b'{"name":"x"}', [])).status == 415


@pytest.mark.parametrize(
    ("path", "status", "code"), [("/v1/conflict", 409, "conflict"), ("/api/limited", 429, "rate_limited")]
)
async def test_errors(path: str, status: int, code: str) -> None:
    answer = await told("GET", path)
    assert answer.status == status
    found = answer.json["error"] if path.startswith("/v1/") else answer.json
    assert found["code"] == code
    assert answer.headers["x-request-id"]


async def test_a_fault_of_ours_is_told_plainly(caplog: pytest.LogCaptureFixture) -> None:
    answer = await told("GET", "/api/bug")
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert "secret inner state" not in answer.body.decode()
    assert "secret inner state" in caplog.text


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/thing", "/api/thing/1/", "//api/things", "/api/things;x", "/API/things"]
)
async def test_what_is_in_no_table(path: str) -> None:
    answer = await told("GET", path)
    assert (answer.status, answer.json["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("DELETE", "/api/things", 405, "method_not_allowed"),
        ("GET", "/api/limited", 429, "rate_limited"),
    ],
)
async def test_whatever_is_refused_is_counted_and_has_its_line(method: str, path: str, status: int, code: str) -> None:
    lines = Lines()
    services = services_of(request_log=lines, metrics=CallMetrics(SystemClock()))
    answer = await ask(Router(ROUTES, services), method, path)
    (line,) = lines.lines
    assert (line["route"], line["status"], line["code"]) == (path, status, code) == (path, answer.status, code)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert services.metrics is not None
    snapshot = await asyncio.to_thread(services.metrics.snapshot)
    counted = [(value.labels, value.value) for value in snapshot.values if value.name == REJECTED]
    assert counted == [((code,), 1)]


async def test_a_line_of_any_library_names_the_request() -> None:
    stream = io.StringIO()
    logs = configure_logs("json", "info", (), stream=stream, gather_s=0)
    try:
        await told("GET", "/api/bug", headers=[(b"x-request-id", b"mine")])
    finally:
        await asyncio.to_thread(logs.close, 5)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["request_id"] == "mine"


async def test_methods() -> None:
    assert (await told("DELETE", "/api/things")).status == 405
    assert (await told("HEAD", "/api/thing/1")).status == 200
    assert (await told("GET", "/api/nothing")).body == b""


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "TRACE", "PROPFIND", "CONNECT", "QUERY"])
async def test_every_method_that_is_not_answered_is_told_so_alike(method: str) -> None:
    answer = await told(method, "/api/things", headers=[(b"x-request-id", b"mine")])
    assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
    assert (answer.headers["allow"], answer.headers["x-request-id"]) == ("POST", "mine")


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[StoredGateway]:
    gateway = StoredGateway(tmp_path)
    yield gateway
    gateway.close()


async def test_a_permission_is_asked_before_anything_is_read(stored: StoredGateway) -> None:
    guarded = Route(
        method="POST",
        path="/api/x",
        handler=tell,
        summary="x",
        permission=Permission.KEYS_WRITE,
        body=Body,
        query=Query,
    )
    router = Router([guarded], stored.services)
    answer = await ask(router, "POST", "/api/x?no=1", b"{{{", [])
    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_repetition_gets_the_first_answer(stored: StoredGateway) -> None:
    count = 0

    async def work(exchange: Exchange) -> Answer:
        nonlocal count
        count += 1
        return Answer(value={"count": count}, status=201)

    router = Router([route("/api/x", work, "POST", body=Body, idempotent=True)], stored.services)
    headers = [(b"content-type", b"application/json"), (b"idempotency-key", b"k1")]
    first, second = [await ask(router, "POST", "/api/x", b'{"name":"a"}', headers) for _ in range(2)]
    assert (first.status, first.json, second.status, second.json) == (201, {"count": 1}, 201, {"count": 1})
    assert second.headers["idempotency-replayed"] == "true"
    assert (await ask(router, "POST", "/api/x", b'{"name":"b"}', headers)).status == 422
