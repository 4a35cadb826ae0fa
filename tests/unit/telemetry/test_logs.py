"""Logs: one pipeline for all, one line for each record, no secret, and nobody waits."""

import asyncio
import io
import json
import logging
import shlex
import threading
import time
import warnings
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.clock import ManualClock
from quorate.core.secret import Secret
from quorate.model.event import State
from quorate.telemetry.logs import Logs, RequestLog, begin_request, configure_logs
from run_records import branch_record, run_record

CANARY = Secret('canary"4711')


class Sink(io.StringIO):
    """Keeps what was written to it when it is closed, as a stream does."""

    def lines(self) -> list[str]:
        return self.getvalue().splitlines()

    def json(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().split("\n") if line]


def fail(message: str) -> None:
    raise ValueError(message)


@contextmanager
def logging_to(
    sink: Any, log_format: str = "json", level: str = "info", secrets: Iterable[Secret] = (CANARY,), **settings: Any
) -> Generator[Logs]:
    logs = configure_logs(log_format, level, secrets, stream=sink, gather_s=0, **settings)
    try:
        yield logs
    finally:
        logs.close(5)


def test_a_line_of_any_library() -> None:
    sink = Sink()
    with logging_to(sink):
        logging.getLogger("some.library").info("%d of %d", 2, 3, extra={"model": "fast"})
        logging.getLogger("some.library").debug("too small to matter")
    (line,) = sink.json()
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {"level": "info", "logger": "some.library", "event": "2 of 3", "model": "fast"}


def test_a_line_takes_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.13 enters the lock of a handler without asking whether there is one."""

    def handle(self: logging.Handler, record: logging.LogRecord) -> None:
        with cast("threading.Lock", self.lock):
            self.emit(record)

    monkeypatch.setattr(logging.Handler, "handle", handle)
    sink = Sink()
    with logging_to(sink):
        logging.getLogger("x").info("through")
    assert [line["event"] for line in sink.json()] == ["through"]


def test_what_was_there_before_is_put_back() -> None:
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    loud = logging.getLogger("loud.library")
    loud.addHandler(logging.StreamHandler(io.StringIO()))
    loud.propagate = False
    sink = Sink()
    with logging_to(sink):
        loud.warning("heard")
    assert (root.level, root.handlers) == before
    assert [line["event"] for line in sink.json()] == ["heard"]


def test_warnings_are_lines() -> None:
    sink = Sink()
    with warnings.catch_warnings(), logging_to(sink):
        warnings.simplefilter("always")
        warnings.warn("mind the step", stacklevel=1)
    (line,) = sink.json()
    assert line["logger"] == "py.warnings"
    assert "mind the step" in line["event"]


def test_the_request_id_is_in_every_line_of_its_task() -> None:
    sink = Sink()
    with logging_to(sink):
        token = begin_request("req-7")
        logging.getLogger("x").info("inside")
        token.var.reset(token)
        logging.getLogger("x").info("outside")
    assert [line.get("request_id") for line in sink.json()] == ["req-7", None]


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_secret_gets_out(log_format: str) -> None:
    sink = Sink()
    secret = CANARY.reveal()
    with logging_to(sink, log_format) as logs:
        log = logging.getLogger("x")
        log.warning("message %s", secret)
        log.warning("extra", extra={"header": {"Authorization": f"Bearer {secret}x", "other": [secret]}, "url": secret})
        log.warning("key-like qk_abcd1234_%s and sk-%s", "x" * 43, "y" * 20)
        try:
            fail(f"wrong key {secret}")
        except ValueError:
            log.exception("failed with %r", secret)
        record = run_record(f"model {secret}", request_id=f"Bearer {secret}")
        RequestLog(logs, ManualClock()).line(record, route=secret)
    text = sink.getvalue()
    assert len(sink.lines()) >= 4
    for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], "4711", "xxxxx", "yyyyy"):
        assert form not in text


@given(st.text(), st.text())
def test_a_text_cannot_forge_a_line_in_json(message: str, detail: str) -> None:
    sink = Sink()
    with logging_to(sink, secrets=()):
        logging.getLogger("x").info("m %s", message, extra={"detail": detail})
    assert len(sink.lines()) == 1
    assert sink.json()[0]["level"] == "info"


@pytest.mark.parametrize(
    "text", ["a\n2026-11-20 [error] forged", "a\r\nb", "a\x85b", "a\u2028b", "\x1b[2Ja", "a\u202eb", "a\x00b", "a\x0bb"]
)
def test_a_text_cannot_forge_a_line_for_people(text: str) -> None:
    sink = Sink()
    with logging_to(sink, "text") as logs:
        logging.getLogger("x").info(text, extra={"detail": text, f"odd {text}": 1})
        try:
            fail(text)
        except ValueError:
            logging.getLogger("x").exception("failed")
        RequestLog(logs, ManualClock()).line(run_record(text, request_id=text), route="/v1/x")
    heads = [line for line in sink.lines() if not line.startswith("    ")]
    assert len(heads) == 3
    assert sum(line.startswith(("20", "1970")) for line in heads) == 3
    assert all(line.isprintable() for line in sink.getvalue().split("\n"))


@pytest.mark.parametrize(
    "text", ["x status=200 client=127.0.0.1", "x\tstatus=200", 'x" status=200 y="', 'x\\" status=200', "status=200"]
)
def test_a_text_cannot_forge_a_field_for_people(text: str) -> None:
    sink = Sink()
    with logging_to(sink, "text") as logs:
        RequestLog(logs, ManualClock()).plain(request_id="req-1", route=text, status=404, client="10.0.0.1")
        RequestLog(logs, ManualClock()).line(run_record(text), route="/v1/x", client="10.0.0.1")
    for line in sink.lines():
        fields = shlex.split(line)  # which reads quotes and what they escape as logfmt does
        assert [field for field in fields if field.startswith(("status=", "client="))] in (
            ["status=404", "client=10.0.0.1"],
            ["status=200", "client=10.0.0.1"],
        )
    assert f"route={text}" in (shlex.split(sink.lines()[0].replace(r"\t", "\t")))
    assert " request_id=req-1 route=" in sink.lines()[0]


def test_one_line_for_a_request() -> None:
    sink = Sink()
    branches = (branch_record(), branch_record("strong", state=State.FAILED))
    record = run_record(
        mode="all", first_token_at_s=1000.1234567, agreement=0.5, branches=branches, trace_id="4bf9", stream=True
    )
    with logging_to(sink) as logs:
        log = RequestLog(logs, ManualClock())
        log.line(record, route="/v1/chat/completions", client="127.0.0.1")
        log.plain(request_id="req-2", route="/v1/models", status=401, code="unauthenticated")
        log.line(run_record(status=503, error_code="queue_full"), route="/v1/chat/completions")
    first, second, third = sink.json()
    assert first == {
        "timestamp": "1970-01-01T00:16:40.300+00:00",
        "level": "info",
        "logger": "quorate.requests",
        "event": "request",
        "request_id": "req-1",
        "route": "/v1/chat/completions",
        "status": 200,
        "client": "127.0.0.1",
        "run_id": "run_1",
        "tenant": "acme",
        "key_id": "key_1",
        "operation": "chat",
        "model": "fast",
        "mode": "all",
        "state": "finished",
        "stream": True,
        "duration_ms": 300.0,
        "first_token_ms": 123.457,
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "cost_microusd": 5,
        "agreement": 0.5,
        "branches": 2,
        "failed_branches": 1,
        "trace_id": "4bf9",
    }
    assert (second["status"], second["error_code"], "run_id" in second) == (401, "unauthenticated", False)
    assert (third["level"], third["error_code"]) == ("warning", "queue_full")


class Stuck(Sink):
    """A stream whose reader has stopped reading."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.reached = threading.Event()

    def write(self, text: str, /) -> int:
        self.reached.set()
        self.go_on.wait(20)
        return super().write(text)


async def test_a_reader_that_stops_blocks_nobody_and_what_is_dropped_is_counted() -> None:
    stuck = Stuck()
    logs = configure_logs("json", "info", (), stream=stuck, limit=10, gather_s=0)
    log = RequestLog(logs, ManualClock())
    log.plain(request_id="first", route="/", status=200)
    assert stuck.reached.wait(5)
    began = time.monotonic()
    for i in range(100):
        log.plain(request_id=str(i), route="/", status=200)
    assert time.monotonic() - began < 5
    assert logs.dropped == 90
    stuck.go_on.set()
    await asyncio.to_thread(logs.close, 5)
    *lines, notice = stuck.json()
    assert [line["request_id"] for line in lines] == ["first", *map(str, range(10))]
    assert "90 log lines were dropped" in notice["event"]


def test_a_reader_that_is_gone_is_survived() -> None:
    sink = Sink()
    sink.close()
    with logging_to(sink) as logs:
        logging.getLogger("x").info("nobody hears this")
        logs.close(5)
        assert logs.dropped == 1


class Hopeless:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_a_line_that_cannot_be_made_does_not_stop_the_others() -> None:
    sink = Sink()
    with logging_to(sink):
        logging.getLogger("x").info("first", extra={"value": Hopeless()})
        logging.getLogger("x").info("second")
    first, second = sink.json()
    assert "could not be rendered: RuntimeError" in first["event"]
    assert second["event"] == "second"


def test_wrong_arguments_are_a_line_like_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    sink = Sink()
    with logging_to(sink):
        logging.getLogger("x").info("%d pieces of %s", "two", CANARY.reveal())
    (line,) = sink.json()
    assert line["event"] == "%d pieces of %s (logged with the wrong arguments)"
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("log_format", "level"), [("xml", "info"), ("json", "loud")])
def test_a_format_or_level_that_does_not_exist(log_format: str, level: str) -> None:
    with pytest.raises(ValueError, match="use"):
        configure_logs(log_format, level, ())
