"""Every route from outside: without a key, with too small a key, with another tenant's, at odd paths and odd hosts."""

import ast
import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_site import Site, chat, site
from quorate.access.credential import digest_of
from quorate.access.permission import GRANTS, OPERATOR_ONLY, Permission, Scope
from quorate.access.principal import Principal
from quorate.config.telemetry_section import MetricsAccess
from quorate.core.ids import TenantId
from quorate.server.app import hot_routes
from quorate.server.call_routes import CALLS
from quorate.server.routes import OPEN_ROUTES, all_routes
from quorate.testing import ScriptedModel
from run_records import run_record
from source_tree import package_sources
from stored_gateway import StoredGateway

ROUTES = [(route.method, route.path, route.permission) for route in all_routes()]
CALLED = [("POST", call.path, call.permission) for call in CALLS]
EVERY = [*ROUTES, *CALLED]
GUARDED = [(method, path, permission) for method, path, permission in EVERY if permission is not None]
NAMES = [f"{method} {path}" for method, path, _ in GUARDED]


def filled(path: str, value: str = "x1") -> str:
    """The path with something in place of its parameters."""
    for name in ("{id}", "{model:path}", "{code}", "{name}"):
        path = path.replace(name, value)
    assert "{" not in path
    return path


def test_the_open_routes_are_exactly_these() -> None:
    assert {path for _, path, permission in EVERY if permission is None} == OPEN_ROUTES
    assert {"/", "/docs", "/errors/{code}", "/healthz", "/openapi.json", "/readyz", "/schema/flow.json"} == OPEN_ROUTES
    opened = {route.path for route in all_routes(MetricsAccess.OPEN) if route.permission is None}
    assert opened == OPEN_ROUTES | {"/metrics"}


def test_the_calls_are_all_described(tmp_path: Path) -> None:
    stored = StoredGateway(tmp_path)
    assert set(hot_routes(stored.services)) == {call.path for call in CALLS}
    stored.close()


def test_every_permission_guards_something() -> None:
    assert {permission for _, _, permission in GUARDED} == set(Permission)


def test_nothing_in_the_server_starts_a_program() -> None:
    forbidden = {"subprocess", "pty", "pexpect", "shlex", "ctypes", "pickle", "marshal", "shelve", "dill"}
    calls = {"system", "popen", "exec", "eval", "compile", "execv", "spawnv", "fork", "__import__"}
    for source in package_sources():
        if source.folder != "server":
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Import):
                names = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").partition(".")[0]}
            else:
                names = set[str]()
                if isinstance(node, ast.Call):
                    function = node.func
                    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                    inner = function.value if isinstance(function, ast.Attribute) else None
                    assert name not in calls or (isinstance(inner, ast.Name) and inner.id in {"re", "flows"}), (
                        source.at(node)
                    )
            assert not names & forbidden, source.name
            if "multiprocessing" in names:
                assert source.name.endswith(("server/workers.py", "server/serve.py")), source.name


# Over real HTTP


@pytest.fixture(scope="module")
def gateway() -> Iterator[Site]:
    with site() as running:
        yield running


BODY = chat("plain")
#: Without a key; 429 once the address has come without one too often.
REFUSED = {401, 429}


async def status(gateway: Site, method: str, path: str, *, key: str = "", **headers: str) -> int:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with gateway.client(key) as client, asyncio.timeout(10):
        return (
            await client.ask(method, path, BODY if method in {"POST", "PATCH", "PUT"} else None, headers=given)
        ).status


def variants(path: str) -> list[str]:
    """Other ways to write a path that some server, proxy or framework takes for the same."""
    first, _, rest = path.removeprefix("/").partition("/")
    return [
        path.upper(),
        path.title(),
        path + "/",
        path + "//",
        "/" + path,
        path.replace("/", "//"),
        path.replace("/", "/./"),
        f"/x/..{path}",
        f"/healthz/..{path}",
        f"/healthz/%2e%2e{path}",
        f"/docs/..;{path}",
        path + ";",
        path + ";/healthz",
        path + "%00",
        path + "%20",
        path + ".json",
        path + "%3f",
        path + "%23/healthz",
        path + "/healthz",
        path + "/../healthz",
        f"/{first}%2f{rest}",
        f"/{first}%2F{rest}",
        f"/{first}%252f{rest}",
        f"/{first}\\{rest}",
        f"/{first}%5c{rest}",
        path.replace("1", "%31"),
        "/%2e" + path,
        f"http://other.test{path}",
    ]


@pytest.mark.parametrize(("method", "path", "permission"), GUARDED, ids=NAMES)
async def test_no_key_at_any_spelling(gateway: Site, method: str, path: str, permission: Permission) -> None:
    path = filled(path)
    assert await status(gateway, method, path) in REFUSED
    open_paths = {filled(each) for each in OPEN_ROUTES}
    async with gateway.client("") as client, asyncio.timeout(20):
        for variant in variants(path):
            reply = await client.ask(method, variant, BODY if method in {"POST", "PATCH"} else None)
            assert reply.status in {*REFUSED, 404, 405} or variant in open_paths, (variant, reply)
            assert b'"data"' not in reply.body


@pytest.mark.parametrize(("method", "path", "permission"), GUARDED, ids=NAMES)
async def test_other_methods_open_nothing(gateway: Site, method: str, path: str, permission: Permission) -> None:
    known = {each for each, other, _ in EVERY if other == path}
    async with gateway.client("") as client, asyncio.timeout(20):
        for other in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
            body = BODY if other in {"POST", "PUT", "PATCH"} else None
            reply = await client.ask(other, filled(path), body)
            assert reply.status in (REFUSED if other in known else {405}), (other, reply)
            assert not any(name.startswith("access-control-") for name in reply.headers)


HOSTS = [
    "other.test",
    "127.0.0.1:1",
    "localhost/healthz?",
    "x/healthz#",
    "a@b",
    "[::1",
    "x:99999999",
    "..",
    "%2e",
    "a,b",
    "'",
    "x" * 5000,
    "",
]


@pytest.mark.parametrize("host", HOSTS, ids=range(len(HOSTS)))
async def test_the_host_decides_nothing(gateway: Site, host: str) -> None:
    """With whatever host, a path means the same: the guarded are guarded, the open open, the absent absent."""
    key = gateway.gateway.key
    forwarded = {"x_forwarded_host": host, "x_forwarded_prefix": "/healthz", "x_original_url": "/healthz"}
    expected = {"/api/v1/keys": REFUSED, "/v1/models": REFUSED, "/healthz": {200}, "/nowhere": {404}}
    for path, codes in expected.items():
        assert await status(gateway, "GET", path, host=host, **forwarded) in {*codes, 400}
    assert await status(gateway, "GET", "/v1/models", key=key, host=host) in {200, 400}


ODD_KEYS = [
    "'",
    "' OR '1'='1",
    '"',
    "null",
    "None",
    "undefined",
    "qk_",
    "qk_00000000_" + "A" * 43,
    "\xff\xfe",
    "../../etc",
    "%00",
    "A" * 20_000,
    "{}",
    "Bearer",
]


@pytest.mark.parametrize("key", ODD_KEYS, ids=range(len(ODD_KEYS)))
async def test_odd_keys_are_no_keys(gateway: Site, key: str) -> None:
    """429 is the lockout that so many of them bring about; a good key is good even then."""
    for headers in ({"authorization": f"Bearer {key}"}, {"x_api_key": key}, {"authorization": key}):
        for method, path in (("GET", "/api/v1/keys"), ("POST", "/v1/chat/completions"), ("GET", "/v1/models")):
            assert await status(gateway, method, path, **headers) in REFUSED
    assert await status(gateway, "GET", "/v1/models", key=gateway.gateway.key) == 200


async def test_wrong_keys_are_locked_out_and_good_ones_are_not(gateway: Site) -> None:
    found = [await status(gateway, "GET", "/v1/models", key=f"qk_abcdefgh_{number:043d}") for number in range(40)]
    assert 429 in found
    assert set(found) <= REFUSED
    assert await status(gateway, "GET", "/v1/models", key=gateway.gateway.key) == 200


# Two tenants


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[StoredGateway]:
    gateway = StoredGateway(tmp_path, {"plain": ScriptedModel("plain")})
    yield gateway
    gateway.close()


async def test_a_crawl_with_the_other_tenant_s_key(stored: StoredGateway) -> None:
    """Whatever `acme` has, `other`'s admin gets 404 for it, the same as for what is not there, and lists show none."""
    acme, other = await stored.key("acme"), await stored.key("other")
    made = await stored.ask("POST", "/api/v1/keys", acme, {"name": "secret-name"})
    await asyncio.to_thread(stored.database.runs.insert, [run_record("secret-model", id="run_secret", tenant="acme")])
    theirs = {"/api/v1/keys": made.json["key"]["id"], "/api/v1/runs": "run_secret", "/api/v1/tenants": "acme"}
    crawled = 0
    for method, path, permission in ROUTES:
        if permission is None:
            continue
        prefix = next((each for each in theirs if path.startswith(each + "/{id}")), None)
        body: Any = {"name": "changed"} if method == "PATCH" else {"overlap_s": 1} if path.endswith("/rotate") else b""
        if prefix is None:
            if method == "GET" and "{" not in path:
                answer = await stored.ask(method, path, other)
                planted = (b"secret-name", b"secret-model", b"run_secret", b'"acme"')
                assert [each for each in planted if each in answer.body] == []
                crawled += 1
            continue
        found = await stored.ask(method, filled(path, theirs[prefix]), other, body)
        absent = await stored.ask(method, filled(path, "nothing_here"), other, body)
        forbidden = permission in OPERATOR_ONLY
        assert found.status == absent.status == (403 if forbidden else 404), (method, path, found)
        assert found.body.replace(theirs[prefix].encode(), b"X").replace(
            found.headers["x-request-id"].encode(), b"R"
        ) == absent.body.replace(b"nothing_here", b"X").replace(absent.headers["x-request-id"].encode(), b"R")
        crawled += 1
    assert crawled >= 10
    assert (await stored.ask("GET", "/v1/models", made.json["secret"])).status == 200


async def test_no_answer_shows_what_is_stored_of_a_key(stored: StoredGateway) -> None:
    """Neither the digest in any spelling nor, after the first time, the key; to nobody, the operator included."""
    operator = await stored.key("operator")
    made = await stored.ask("POST", "/api/v1/keys", operator, {"name": "n", "tenant": "acme", "scopes": ["admin"]})
    secret, key_id = made.json["secret"], made.json["key"]["id"]
    digests = [digest_of(key.encode()) for key in (secret, operator)]
    shown = [digest.hex() for digest in digests] + [base64.b64encode(digest).decode()[:20] for digest in digests]
    seen = [made.body.replace(secret.encode(), b"")]
    for method, path, permission in ROUTES:
        if method == "GET" and permission is not None:
            answers = [await stored.ask(method, filled(path, key_id), key) for key in (operator, secret)]
            seen += [answer.body for answer in answers]
    rotated = await stored.ask("POST", f"/api/v1/keys/{key_id}/rotate", operator, {"overlap_s": 60})
    revoked = await stored.ask("DELETE", f"/api/v1/keys/{key_id}", operator)
    assert (rotated.status, revoked.status) == (201, 200)
    for body in (*seen, rotated.body, revoked.body):
        text = body.decode().lower()
        assert not [each for each in (*shown, secret, operator) if each.lower() in text]
        # The description of the API has the digests of flows, which are no secret.
        assert text.startswith('{"openapi"') or "digest" not in text


async def test_a_repetition_key_is_the_tenant_s_own(stored: StoredGateway) -> None:
    headers = [(b"idempotency-key", b"same")]
    first = await stored.ask("POST", "/api/v1/keys", await stored.key("acme"), {"name": "n"}, headers)
    second = await stored.ask("POST", "/api/v1/keys", await stored.key("other"), {"name": "n"}, headers)
    assert (first.status, second.status) == (201, 201)
    assert first.json["key"]["tenant"] == "acme"
    assert second.json["key"]["tenant"] == "other"
    assert "idempotency-replayed" not in second.headers


# Permissions


class OneKey:
    """A ring that knows one principal."""

    def __init__(self, scopes: frozenset[Scope], tenant: str) -> None:
        self.principal = Principal(tenant=TenantId(tenant), scopes=scopes)

    def authenticate(self, authorization: bytes | None, address: str, api_key: bytes | None = None) -> Principal:
        return self.principal


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(scopes=st.frozensets(st.sampled_from(Scope)), tenant=st.sampled_from(["operator", "acme"]))
async def test_a_key_without_the_permission_is_refused_everywhere(
    stored: StoredGateway, scopes: frozenset[Scope], tenant: str
) -> None:
    granted = frozenset[Permission]().union(*(GRANTS[scope] for scope in scopes))
    if tenant != "operator":
        granted -= OPERATOR_ONLY
    stored.services.keys = OneKey(scopes, tenant)  # pyright: ignore[reportAttributeAccessIssue] - a ring by its one method
    for method, path, permission in GUARDED:
        if permission in granted:
            continue
        answer = await stored.ask(method, filled(path), "any", BODY if method == "POST" else b"")
        assert answer.status == 403, (method, path, scopes)


@pytest.mark.parametrize("permission", sorted(Permission))
async def test_with_the_permission_it_is_not(stored: StoredGateway, permission: Permission) -> None:
    stored.services.keys = OneKey(frozenset(Scope), "operator")  # pyright: ignore[reportAttributeAccessIssue] - idem
    for method, path, needed in GUARDED:
        if needed is permission:
            answer = await stored.ask(method, filled(path), "any", {"model": "plain"} if method == "POST" else b"")
            assert answer.status not in {401, 403, 500}, (method, path, answer)
