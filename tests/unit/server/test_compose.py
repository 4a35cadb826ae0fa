"""From settings to services, and what runs beside the requests."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quorate import __version__
from quorate.access.permission import Scope
from quorate.access.principal import OPERATOR
from quorate.config.load import Settings, load_settings
from quorate.core.clock import SystemClock
from quorate.core.errors import Misconfigured
from quorate.server import compose
from quorate.server.compose import Opened, first_admin_key, open_gateway, running
from quorate.storage.writer import RunWriter
from quorate.telemetry import names
from quorate.telemetry.families import FAMILIES
from quorate.telemetry.snapshot import Snapshot
from quorate.telemetry.tracing import Tracing
from run_records import run_record


def settings(tmp_path: Path, **overrides: object) -> Settings:
    environ = {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    given = {name.replace("__", "."): value for name, value in overrides.items()}
    return load_settings(None, environ=environ, folder=tmp_path, probe=False, overrides=given)


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before[0], before[1]


def close(opened: Opened) -> None:
    opened.services.writer.close(1)
    opened.services.database.close()
    opened.logs.close(1)


def test_the_first_key_is_made_once(tmp_path: Path) -> None:
    first = open_gateway(settings(tmp_path))
    assert first.first_key is not None
    keys = first.services.keys
    assert keys is not None
    found = keys.authenticate(b"Bearer " + first.first_key.secret.reveal().encode(), "127.0.0.1")
    assert (found.tenant, found.scopes, found.is_operator) == (OPERATOR, {Scope.ADMIN}, True)
    assert first_admin_key(first.services.database, SystemClock()) is None
    close(first)
    second = open_gateway(settings(tmp_path))
    assert second.first_key is None
    close(second)


def test_a_start_that_fails_leaves_the_first_key_to_the_next(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        open_gateway(settings(tmp_path, rate_limits__redis="env:NOWHERE"))
    opened = open_gateway(settings(tmp_path))
    assert opened.first_key is not None
    close(opened)


def test_what_is_said_at_the_start_is_a_log_line_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Speaking(RunWriter):
        """One that finds something amiss at once."""

        def __init__(self, *given: Any, **more: Any) -> None:
            logging.getLogger("quorate").error("something is amiss")
            super().__init__(*given, **more)

    logging.getLogger().handlers.clear()  # those of pytest: without any, Python prints the bare text
    monkeypatch.setattr(compose, "RunWriter", Speaking)
    close(open_gateway(settings(tmp_path, telemetry__logs__format="json")))
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["level"], line["event"]) == ("error", "something is amiss")


def test_a_start_that_fails_lets_go_of_the_log(tmp_path: Path) -> None:
    before = logging.getLogger().handlers[:]
    with pytest.raises(Misconfigured):
        open_gateway(settings(tmp_path, rate_limits__redis="env:NOWHERE"))
    assert logging.getLogger().handlers == before


def test_without_authentication_there_is_no_key(tmp_path: Path) -> None:
    opened = open_gateway(settings(tmp_path, server__auth="off"))
    assert (opened.first_key, opened.services.keys) == (None, None)
    assert opened.services.database.keys.count() == 0
    close(opened)


def test_parts_can_be_switched_off(tmp_path: Path) -> None:
    opened = open_gateway(settings(tmp_path, telemetry__metrics__enabled=False, telemetry__logs__requests=False))
    services = opened.services
    assert (services.metrics, services.render_metrics, services.request_log, services.tracing) == (None,) * 4
    close(opened)
    opened = open_gateway(settings(tmp_path))
    assert opened.services.metrics is not None
    assert opened.services.request_log is not None
    close(opened)


def test_every_metric_that_can_be_read_at_once_is_there(tmp_path: Path) -> None:
    """What others count is easily forgotten here: a page that lacks it looks the same as one that says 0."""
    opened = open_gateway(settings(tmp_path, telemetry__tracing__enabled=True))
    services = opened.services
    assert services.metrics is not None
    assert services.tracing is not None
    services.tracing.dropped, opened.logs.writer.dropped, services.limiter.degraded = 3, 4, 5
    written = msgspec.msgpack.encode(services.metrics.snapshot())
    found = {value.name: value for value in msgspec.msgpack.decode(written, type=Snapshot).values}
    services.tracing.close(1)
    close(opened)
    assert {name for name, family in FAMILIES.items() if not family.labels} <= found.keys()
    assert found[names.TRACES_DROPPED].value == 3
    assert found[names.LOG_LINES_DROPPED].value == 4
    assert found[names.LIMITS_DEGRADED].value == 0, "Redis is not away any more, or never was"
    assert found[names.BUILD].labels[0] == __version__


def test_a_database_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        open_gateway(settings(tmp_path, storage__url="mysql://x/y"))


def test_what_waits_is_written_at_the_end(tmp_path: Path) -> None:
    """Also what an earlier process could not write; and old records are deleted."""
    given = settings(tmp_path, storage__retention__runs_days=1)

    async def serve() -> Any:
        opened = await asyncio.to_thread(open_gateway, given)
        async with running(opened, given) as services:
            for number in range(5):
                assert services.writer.reserve()
                services.writer.put(run_record(id=f"run_{number}", started_at_s=services.clock.unix_s()))
        return services

    services = asyncio.run(serve())
    assert services.writer.waiting == 0
    again = open_gateway(given)
    assert again.services.database.runs.totals(OPERATOR).runs == 0
    from_all = again.services.database.runs.page(_acme(), 50)
    assert {run.id for run in from_all} == {f"run_{number}" for number in range(5)}
    close(again)


def test_records_are_out_of_the_way_before_traces_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    for part in (RunWriter, Tracing):
        close_it: Any = part.close

        def closing(self: Any, timeout_s: float, close_it: Any = close_it) -> Any:
            closed.append(type(self).__name__)
            return close_it(self, timeout_s)

        monkeypatch.setattr(part, "close", closing)
    given = settings(tmp_path, telemetry__tracing__enabled=True)

    async def serve() -> None:
        async with running(await asyncio.to_thread(open_gateway, given), given):
            pass

    asyncio.run(serve())
    assert closed == ["RunWriter", "Tracing"]


def _acme() -> Any:
    return "acme"
