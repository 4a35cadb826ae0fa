"""One endpoint, one branch: its retries and its events."""

import gc
from typing import Any

import pytest

from asgi import RunList, ask, chat_body, runs_of, services_of
from fake_transport import FakeResponse, relay_to
from quorate.config.defaults_section import Defaults
from quorate.core.errors import Rejected, Unavailable
from quorate.model.event import State
from quorate.parallel.plan import Plan
from quorate.resilience.retry_policy import RetryPolicy
from quorate.server.app import Gateway
from quorate.server.job import Job
from quorate.server.services import Services
from quorate.testing import run_virtual

CHAT = "/v1/chat/completions"
WHOLE = (
    b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}'
)
GOOD = FakeResponse(chunks=(WHOLE,))
BUSY = FakeResponse(status=503, chunks=(b'{"error":{"message":"busy"}}',))
BAD = FakeResponse(status=400, chunks=(b'{"error":{"message":"no","code":"context_length_exceeded"}}',))
FIRST = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
CUT = FakeResponse(chunks=(FIRST,))
GOOD_STREAM = FakeResponse(chunks=(FIRST, LAST))


def serving(*answers: FakeResponse | Exception, retries: int = 2) -> Services:
    relay, _ = relay_to(*answers)
    plan = Plan(members=(), retry=RetryPolicy(max_retries=retries, delay_s=1, jitter=False))
    return services_of({"m": relay.endpoint}, defaults=Defaults(plan=plan), writer=RunList())


def answered(services: Services, **fields: Any) -> Any:
    return run_virtual(ask(Gateway(services), "POST", CHAT, chat_body(**fields)))


def test_a_failure_that_passes_is_not_seen() -> None:
    services = serving(BUSY, Unavailable("no connection"), GOOD)
    answer = answered(services)
    assert (answer.status, answer.body) == (200, WHOLE)
    (run,) = runs_of(services)
    (branch,) = run.branches
    assert (branch.attempts, branch.state, branch.selected) == (3, State.FINISHED, True)
    assert run.cost_microusd == branch.cost_microusd == 23


@pytest.mark.parametrize("answers", [(BUSY,), (BUSY, GOOD), (BAD,)])
def test_a_failure_leaves_nothing_to_the_garbage_collector(answers: tuple[FakeResponse, ...]) -> None:
    gc.collect()
    gc.disable()
    try:
        before = jobs()  # those that others still look at, e.g. in a log record
        answered(serving(*answers, retries=1))
        assert jobs() <= before
    finally:
        gc.enable()


def jobs() -> set[int]:
    return {id(each) for each in gc.get_objects() if type(each) is Job}


def test_one_that_stays_is_told_with_the_provider_s_code() -> None:
    services = serving(BUSY)
    answer = answered(services)
    assert (answer.status, answer.headers["x-should-retry"]) == (502, "true")
    (run,) = runs_of(services)
    assert (run.branches[0].attempts, run.branches[0].state) == (3, State.FAILED)
    assert run.status == answer.status
    assert run.error_code == run.branches[0].error_code == "provider_unavailable"


def test_one_that_cannot_pass_is_told_at_once() -> None:
    services = serving(BAD, GOOD)
    answer = answered(services)
    assert (answer.status, answer.json["error"]["code"]) == (400, "context_length_exceeded")
    assert answer.headers["x-should-retry"] == "false"
    (run,) = runs_of(services)
    assert (run.branches[0].attempts, run.cost_microusd) == (1, 0)


@pytest.mark.parametrize("retries", [0, 1])
def test_as_often_as_configured(retries: int) -> None:
    services = serving(BUSY, retries=retries)
    answered(services)
    assert runs_of(services)[0].branches[0].attempts == retries + 1


def test_what_the_caller_has_seen_is_not_asked_again() -> None:
    services = serving(CUT, GOOD)
    answer = answered(services, stream=True)
    assert answer.status == 200
    assert answer.body.startswith(FIRST + b'data: {"error":')
    assert b"[DONE]" not in answer.body
    (run,) = runs_of(services)
    assert (run.state, run.status, run.error_code, run.estimated) == (State.FAILED, 200, "provider_unavailable", True)
    assert run.cost_microusd == run.branches[0].cost_microusd
    assert (run.cost_microusd or 0) > 0
    assert (run.branches[0].attempts, run.branches[0].selected) == (1, False)
    assert run.first_token_at_s is not None


def test_a_comment_of_the_provider_is_no_piece_of_the_answer() -> None:
    """Some providers send them while they wait for the one behind them."""
    services = serving(FakeResponse(chunks=(b": processing\n\n",)), GOOD_STREAM)
    answer = answered(services, stream=True)
    assert answer.body == b": processing\n\n" + FIRST + LAST + b"data: [DONE]\n\n"
    (run,) = runs_of(services)
    assert (run.state, run.branches[0].attempts) == (State.FINISHED, 2)


def test_a_stream_that_fails_before_its_first_event_has_a_status() -> None:
    services = serving(Rejected("no"))
    answer = answered(services, stream=True)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json"


def test_a_fault_of_ours_fails_the_branch(caplog: pytest.LogCaptureFixture) -> None:
    services = serving(ValueError("a bug"))
    assert answered(services).status == 500
    (run,) = runs_of(services)
    assert (run.branches[0].state, run.branches[0].error_code) == (State.FAILED, "internal_error")
    assert "a bug" in caplog.text
