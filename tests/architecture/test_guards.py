"""The guards of tests/conftest.py bite: each is shown what it must refuse, in a test run of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import loopback_only

ROOT = Path(__file__).resolve().parents[2]

BAD = """
import asyncio
import socket

import pytest

from blocking_sample import read_on_the_loop


async def test_blocks(tmp_path):
    (tmp_path / "f").write_text("x")  # allowed here: this is a test, not the product
    read_on_the_loop(tmp_path / "f")


async def test_leaves_a_task():
    asyncio.create_task(asyncio.sleep(60), name="forgotten")


def test_swallows_a_refused_look_up():
    try:
        socket.getaddrinfo("models.example", 443)
    except RuntimeError:
        pass


async def test_connects_elsewhere():
    await asyncio.open_connection("192.0.2.1", 443)
"""

GOOD = """
import asyncio


async def test_loopback_and_finished_tasks():
    async def greet(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "localhost", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"hello\\n")
        assert await reader.readline() == b"hello\\n"
        writer.close()
        await writer.wait_closed()
    await asyncio.create_task(asyncio.sleep(0))
"""

SAMPLE = "def read_on_the_loop(path):\n    with path.open('rb') as file:\n        return file.read()\n"


def run_tests(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    """Runs `source` as a test file under a copy of our conftest, with a stand-in for the package it watches."""
    folder.joinpath("support", "quorate").mkdir(parents=True)
    shutil.copy(ROOT / "tests/conftest.py", folder)
    shutil.copy(ROOT / "tests/support/loopback_only.py", folder / "support")
    folder.joinpath("support/quorate/__init__.py").write_text("")
    folder.joinpath("support/quorate/blocking_sample.py").write_text(SAMPLE)
    folder.joinpath("test_sample.py").write_text(source.replace("blocking_sample", "quorate.blocking_sample"))
    folder.joinpath("pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\npythonpath = support\n"
    )
    # The installed plugin would import the real package before the stand-in is found.
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", *(f"-pno:{name}" for name in ("quorate", "randomly"))]
    # The stand-in is not the package: its lines are not to be counted as covered.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=25)


@pytest.mark.subprocess
def test_bad_tests_fail_with_the_reason(tmp_path: Path) -> None:
    output = run_tests(tmp_path, BAD).stdout
    assert "BlockingError: Blocking call to io.BufferedReader.read" in output
    assert "1 task(s) outlived the test: forgotten" in output
    assert "left this machine: socket.getaddrinfo('models.example')" in output
    assert "socket.connect('192.0.2.1'): tests stay on this machine" in output


@pytest.mark.subprocess
def test_a_good_test_passes(tmp_path: Path) -> None:
    result = run_tests(tmp_path, GOOD)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "localhost", "", "0.0.0.0"])
def test_local_hosts(host: str) -> None:
    assert loopback_only.is_local(host)


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "fe80::1%lo", "localhost.example", "127.0.0.1.example"]
)
def test_other_hosts(host: str) -> None:
    assert not loopback_only.is_local(host)
