"""`quorate upstream` tells where it is, serves, and ends when it is told to."""

import json
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from quorate.cli.upstream import snippet, upstream
from quorate.config import configure
from quorate.core.errors import Misconfigured

COMMAND = (
    "import typer; from quorate.cli.upstream import upstream; "
    "app = typer.Typer(pretty_exceptions_enable=False); app.command()(upstream); app()"
)


@pytest.mark.subprocess
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(end: signal.Signals) -> None:
    command = [sys.executable, "-c", COMMAND, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        told = json.loads(process.stdout.readline())
        connection = HTTPConnection(str(told["url"]).removeprefix("http://"), timeout=10)
        connection.request("GET", "/v1/models")
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(end)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""


@pytest.mark.subprocess
def test_quiet_prints_the_address_alone() -> None:
    command = [sys.executable, "-c", COMMAND, "--port", "0", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
        rest = process.stdout.read()
    assert line.startswith("http://127.0.0.1:")
    assert line.endswith("/v1\n")
    assert rest == ""


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=rf"127\.0\.0\.1:{port}: [^:()]+; choose another with --port"):
            upstream(port=port)


def test_the_configuration_that_it_prints_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "quorate.yaml"
    file.write_text(snippet("http://127.0.0.1:8079/v1", "http://127.0.0.1:8079"))
    names = [card.name for card in configure(file).catalog.cards()]
    assert names == ["fast", "slow"]
