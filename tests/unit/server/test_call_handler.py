"""What every call has in common: who may, is there room, the work, the one record."""

import asyncio
import io
import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from asgi import JSON, Exchange, Headers, RunList, ask, chat_body, runs_of, scope_of, services_of
from patience import until
from quorate.access.permission import Permission, Scope
from quorate.access.principal import Principal
from quorate.access.rate_limiter import RateLimiter
from quorate.config.server_section import ServerSection
from quorate.core.clock import SystemClock
from quorate.core.errors import InvalidRequest, NotFound, QuorateError, Unauthenticated
from quorate.core.ids import KeyId, TenantId
from quorate.model import Model, Usage
from quorate.model.allowance import Allowance
from quorate.model.event import State
from quorate.server.app import Gateway
from quorate.server.call_handler import CallHandler
from quorate.server.inbound import Message
from quorate.server.job import Job
from quorate.server.services import Services
from quorate.telemetry.logs import configure_logs
from quorate.testing import ScriptedAnswer, ScriptedModel

CHAT = "/v1/chat/completions"
ACME = TenantId("acme")


class Keys:
    """A ring of keys by their text."""

    def __init__(self, **principals: Principal) -> None:
        self._principals = principals

    def authenticate(self, authorization: bytes | None, address: str, api_key: bytes | None = None) -> Principal:
        found = self._principals.get((authorization or b"").decode().removeprefix("Bearer "))
        if found is None:
            raise Unauthenticated("no valid API key")
        return found


def principal(*scopes: Scope, **fields: Any) -> Principal:
    return Principal(tenant=ACME, key_id=KeyId("key_1"), scopes=frozenset(scopes or Scope), **fields)


def as_key(name: str) -> Headers:
    return [*JSON, (b"authorization", f"Bearer {name}".encode())]


def priced(text: str = "hi", **fields: Any) -> ScriptedAnswer:
    return ScriptedAnswer(
        text=text, usage=Usage(prompt_tokens=3, completion_tokens=2), cost_microusd=7, finish_reason="stop", **fields
    )


async def test_a_call_leaves_one_record() -> None:
    services = services_of({"m": ScriptedModel("m", priced())})
    answer = await ask(Gateway(services), "POST", CHAT, chat_body())
    assert answer.status == 200
    assert answer.json["choices"][0]["message"]["content"] == "hi"
    assert answer.headers["x-quorate-cost-usd"] == "0.000007"
    (run,) = runs_of(services)
    assert run.id == answer.headers["x-quorate-run-id"] == answer.headers["x-request-id"] == run.request_id
    assert (run.operation, run.model, run.mode, run.state) == ("chat", "m", "single", State.FINISHED)
    assert (run.status, run.stream, run.error_code, run.cost_microusd) == (200, False, None, 7)
    assert (run.prompt_tokens, run.completion_tokens) == (3, 2)
    (branch,) = run.branches
    assert (branch.model, branch.cost_microusd, branch.selected, branch.leaf) == ("m", 7, True, True)
    assert run.started_at_s <= branch.started_at_s <= branch.finished_at_s <= run.finished_at_s
    assert services.in_flight == 0


async def test_the_caller_s_own_request_id_is_kept_if_it_is_one() -> None:
    services = services_of({"m": ScriptedModel("m")})
    for given, kept in ((b"mine-1", True), (b"a\nb", False)):
        answer = await ask(Gateway(services), "POST", CHAT, chat_body(), [*JSON, (b"x-request-id", given)])
        assert (answer.headers["x-request-id"] == given.decode()) is kept
        assert runs_of(services)[-1].request_id == answer.headers["x-request-id"]


async def test_a_line_of_any_library_names_the_request() -> None:
    async def work(job: Job) -> None:
        del job
        logging.getLogger("some.library").warning("something")
        raise NotFound("x")

    stream = io.StringIO()
    handler = CallHandler(services_of({"m": ScriptedModel("m")}), work, operation="chat", permission=Permission.CHAT)
    logs = configure_logs("json", "info", (), stream=stream, gather_s=0)
    try:
        await ask(handler, "POST", CHAT, chat_body(), [*JSON, (b"x-request-id", b"mine")])
    finally:
        await asyncio.to_thread(logs.close, 5)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["request_id"] == "mine"


async def test_a_trace_is_joined() -> None:
    services = services_of({"m": ScriptedModel("m")})
    parent = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
    answer = await ask(Gateway(services), "POST", CHAT, chat_body(), [*JSON, (b"traceparent", parent)])
    assert answer.headers["traceparent"][3:35] == "a" * 32 == runs_of(services)[0].trace_id
    odd = await ask(Gateway(services), "POST", CHAT, chat_body(), [*JSON, (b"traceparent", b"00-xyz")])
    assert odd.status == 200
    assert "traceparent" not in odd.headers


REFUSED: dict[str, tuple[int, str, object, Headers | None]] = {
    "no key": (401, "unauthenticated", chat_body(), JSON),
    "a wrong key": (401, "unauthenticated", chat_body(), as_key("other")),
    "no JSON": (415, "unsupported_media_type", chat_body(), as_key("all")[1:]),
    "a broken body": (400, "invalid_request", b"{", as_key("all")),
    "too large": (413, "too_large", b" " * 3000, as_key("all")),
    "too deep": (400, "invalid_request", b'{"a":' * 9 + b"1" + b"}" * 9, as_key("all")),
    "no model": (400, "invalid_request", {"messages": []}, as_key("all")),
    "an unknown model": (404, "not_found", chat_body("zzz"), as_key("all")),
    "a model not on the list": (404, "not_found", chat_body("m"), as_key("listed")),
    "no permission": (403, "forbidden", chat_body(), as_key("embedder")),
    "no permission, whatever the body": (403, "forbidden", b" " * 3000, as_key("embedder")),
    "a refused field": (400, "invalid_request", chat_body(api_base="http://x"), as_key("all")),
    "an odd switch": (400, "invalid_request", chat_body(stream=1), as_key("all")),
}


def guarded(models: Mapping[str, Model], **fields: Any) -> Services:
    keys = Keys(
        all=principal(),
        embedder=principal(Scope.EMBEDDINGS),
        listed=principal(models=("gpt-*",)),
        small=principal(allowance=Allowance(requests_per_minute=1)),
    )
    return services_of(models, keys=keys, settings=ServerSection(max_body_bytes=2048, max_depth=8), **fields)


@pytest.mark.parametrize("why", sorted(REFUSED))
async def test_what_is_refused_is_told_and_leaves_no_run(why: str) -> None:
    status, code, body, headers = REFUSED[why]
    model = ScriptedModel("m")
    services = guarded({"m": model})
    answer = await ask(Gateway(services), "POST", CHAT, body, headers)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-request-id"]
    assert "x-quorate-run-id" not in answer.headers
    assert runs_of(services) == []
    writer = services.writer
    assert isinstance(writer, RunList)
    assert writer.reserved == 0
    assert model.opens == 0


async def test_errors_are_problems_under_api() -> None:
    answer = await ask(Gateway(guarded({})), "POST", "/api" + CHAT, b"{", as_key("all"))
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json["status"], answer.json["request_id"]) == (400, answer.headers["x-request-id"])


async def test_a_narrow_key_hears_no_names_of_other_models() -> None:
    services = guarded({"secret-model": ScriptedModel("secret-model"), "gpt-a": ScriptedModel("gpt-a")})
    for body in (chat_body("gpt-zzz"), chat_body("gpt-a", parallel={"models": ["gpt-a", "secret-modell"]})):
        answer = await ask(Gateway(services), "POST", CHAT, body, as_key("listed"))
        assert answer.status == 404
        assert "secret-model'" not in answer.body.decode()
    exists = await ask(Gateway(services), "POST", CHAT, chat_body("secret-model"), as_key("listed"))
    unknown = await ask(Gateway(services), "POST", CHAT, chat_body("zecret-model"), as_key("listed"))
    assert exists.body.replace(b"secret", b"zecret") == unknown.body


async def test_over_the_limit() -> None:
    services = guarded({"m": ScriptedModel("m")}, limiter=RateLimiter(clock=SystemClock()))
    gateway = Gateway(services)
    first = await ask(gateway, "POST", CHAT, chat_body(), as_key("small"))
    assert (first.status, first.headers["x-ratelimit-remaining-requests"]) == (200, "0")
    second = await ask(gateway, "POST", CHAT, chat_body(), as_key("small"))
    assert (second.status, second.headers["x-should-retry"]) == (429, "true")
    assert int(second.headers["retry-after"]) >= 1
    assert second.headers["x-ratelimit-limit-requests"] == "1"
    assert len(runs_of(services)) == 1
    writer = services.writer
    assert isinstance(writer, RunList)
    assert writer.reserved == 1


async def test_no_room_for_a_record_means_no_work() -> None:
    model = ScriptedModel("m")
    services = services_of({"m": model}, writer=RunList(room=1))
    assert (await ask(Gateway(services), "POST", CHAT, chat_body())).status == 200
    answer = await ask(Gateway(services), "POST", CHAT, chat_body())
    assert (answer.status, answer.json["error"]["code"]) == (503, "overloaded")
    assert (answer.headers["x-should-retry"], answer.headers["retry-after"]) == ("true", "2")
    assert model.opens == 1


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/responses"])
async def test_only_chats_may_leave_the_model_to_a_parallel_field(path: str) -> None:
    services = services_of({"m": ScriptedModel("m")})
    answer = await ask(Gateway(services), "POST", path, {"input": "hi", "parallel": {"models": ["m"]}})
    assert (answer.status, answer.json["error"]["param"]) == (400, "model")
    assert "missing" in answer.json["error"]["message"]
    assert runs_of(services) == []


async def test_draining_takes_nothing_new() -> None:
    services = services_of({"m": ScriptedModel("m")})
    services.draining = True
    answer = await ask(Gateway(services), "POST", CHAT, chat_body())
    assert (answer.status, answer.headers["x-should-retry"]) == (503, "true")
    assert runs_of(services) == []


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_who_leaves_ends_the_work_and_pays_for_it(stream: bool) -> None:
    model = ScriptedModel("m", priced(pieces=("a", "b"), gap_s=60))
    services = services_of({"m": model})
    exchange = Exchange(json.dumps(chat_body(stream=stream)).encode())
    task = asyncio.ensure_future(Gateway(services)(scope_of("POST", CHAT, JSON), exchange.receive, exchange.send))
    if stream:
        await exchange.wrote()
    else:
        await until(lambda: model.running == 1, every_s=0)
    exchange.leave()
    await asyncio.wait_for(task, 5)
    (run,) = runs_of(services)
    assert (run.status, run.state, run.error_code) == (499, State.CANCELLED, "client_gone")
    assert run.estimated
    assert run.cost_microusd == sum(branch.cost_microusd or 0 for branch in run.branches)
    assert (model.cancelled, model.running, services.in_flight) == (1, 0, 0)
    assert not exchange.answer.complete


async def test_who_reads_slowly_when_the_gateway_ends_is_recorded_when_the_server_closes_the_connection() -> None:
    services = services_of({"m": ScriptedModel("m", priced(pieces=("a", "b"), gap_s=60))})
    exchange = Exchange(json.dumps(chat_body(stream=True)).encode())
    waiting, closed = asyncio.Event(), asyncio.Event()

    async def send(message: Message) -> None:
        if services.draining:
            waiting.set()
            await closed.wait()
            return
        await exchange.send(message)

    task = asyncio.ensure_future(Gateway(services)(scope_of("POST", CHAT, JSON), exchange.receive, send))
    await exchange.wrote()
    services.draining = True
    task.cancel()
    await asyncio.wait_for(waiting.wait(), 5)
    closed.set()
    await asyncio.wait_for(task, 5)
    (run,) = runs_of(services)
    assert (run.status, run.state, run.error_code) == (200, State.FAILED, "overloaded")
    assert not exchange.answer.complete


class Faulty(Exception):
    pass


async def test_a_fault_of_ours_is_told_plainly_and_recorded(caplog: pytest.LogCaptureFixture) -> None:
    async def work(job: Job) -> None:
        raise Faulty("the secret inner state")

    services = services_of({"m": ScriptedModel("m")})
    handler = CallHandler(services, work, operation="chat", permission=Permission.CHAT)
    answer = await ask(handler, "POST", CHAT, chat_body())
    assert (answer.status, answer.json["error"]["code"]) == (500, "internal_error")
    assert "secret inner state" not in answer.body.decode()
    assert "secret inner state" in caplog.text
    (run,) = runs_of(services)
    assert (run.status, run.state, run.error_code) == (500, State.FAILED, "internal_error")


async def test_a_fault_before_the_work_frees_the_place(caplog: pytest.LogCaptureFixture) -> None:
    class BrokenLimiter(RateLimiter):
        async def admit(self, principal: Principal, model: str, tokens: int) -> Any:
            raise Faulty("the limiter fell over")

    writer = RunList()
    services = services_of({"m": ScriptedModel("m")}, writer=writer, limiter=BrokenLimiter(clock=SystemClock()))
    answer = await ask(Gateway(services), "POST", CHAT, chat_body())
    assert (answer.status, answer.json["error"]["code"]) == (500, "internal_error")
    assert (writer.reserved, writer.runs) == (0, [])
    assert "the limiter fell over" in caplog.text


@pytest.mark.parametrize("error", [InvalidRequest("no"), NotFound("no")])
async def test_errors_of_the_work_are_the_answer(error: QuorateError) -> None:
    services = services_of({"m": ScriptedModel("m", error)})
    answer = await ask(Gateway(services), "POST", CHAT, chat_body())
    assert answer.status == error.http_status
    (run,) = runs_of(services)
    assert (run.status, run.state) == (error.http_status, State.FAILED)


async def test_calls_are_posted() -> None:
    for path in (CHAT, "/v1/embeddings", "/v1/responses", "/api" + CHAT):
        answer = await ask(Gateway(services_of()), "GET", path)
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
