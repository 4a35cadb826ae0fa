"""`quorate status`, against a real gateway and against none."""

import json
from collections.abc import Callable, Iterator

import pytest
import typer
from typer.testing import CliRunner, Result

from private_server import free_port
from quorate.cli.main import ReportingGroup
from quorate.cli.status import status
from quorate.core.errors import Unavailable
from quorate.model import new_call
from quorate.resilience.breaker import BreakerPolicy
from quorate.resilience.gate import GateKey
from quorate.resilience.places import PlacesPolicy
from quorate.testing.local_gateway import LocalGateway

Run = Callable[..., Result]


@pytest.fixture
def ask() -> Run:
    app = typer.Typer(cls=ReportingGroup)
    app.callback()(lambda: None)
    app.command("status")(status)
    return lambda *arguments, **env: CliRunner().invoke(app, ["status", *arguments], env=env)


@pytest.fixture
def gateway() -> Iterator[LocalGateway]:
    with LocalGateway() as running:
        yield running


def test_a_table_and_json(ask: Run, gateway: LocalGateway) -> None:
    nothing = ask(QUORATE_URL=gateway.url, QUORATE_API_KEY=gateway.key)
    assert "no provider has been asked yet" in nothing.output
    gate = gateway.services.gates.gate(
        GateKey(provider="up", model="gpt-up"), BreakerPolicy(failures=1), PlacesPolicy(max_concurrent=3)
    )
    permit = gate.enter(new_call())
    assert permit is not None
    permit.end(Unavailable("down"), False)
    shown = ask("--url", gateway.base_url, "--api-key", gateway.key)
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines()[0].split() == [
        *("provider", "model", "state", "failures", "next", "probe", "opened", "limit", "in", "use", "waiting")
    ]
    row = shown.output.splitlines()[1].split()
    assert (row[:4], row[-4:]) == (["up", "gpt-up", "open", "1"], ["1", "3", "0", "0"])
    found = json.loads(ask("--json", QUORATE_URL=gateway.url, QUORATE_API_KEY=gateway.key).stdout)
    assert found["data"][0]["state"] == "open"


def test_without_the_right_key(ask: Run, gateway: LocalGateway) -> None:
    refused = ask("--url", gateway.url)
    assert refused.exit_code == 1
    assert f"error: the gateway at {gateway.url} answered 401: " in refused.output


@pytest.mark.parametrize("url", ["ftp://x", "gateway", "http://h:99999999", "http://"])
def test_an_address_that_is_none(ask: Run, url: str) -> None:
    done = ask("--url", url)
    assert done.exit_code == 2
    assert "write http://host:port" in done.output


def test_nobody_there(ask: Run) -> None:
    done = ask("--url", f"http://127.0.0.1:{free_port()}")
    assert done.exit_code == 1
    assert "error: no gateway answers at http://127.0.0.1:" in done.output
