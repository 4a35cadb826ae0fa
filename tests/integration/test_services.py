"""Servers for tests: each test finds its own empty one, and none outlives the run, however that ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

import services
from postgres_service import PostgresServer
from private_server import PrivateServer, ServerFailedError
from redis_service import RedisServer, redis_client
from service_kinds import KINDS, POSTGRES, REDIS
from services import Absent, Kind, Services
from source_tree import ROOT

pytestmark = pytest.mark.subprocess

SERVER = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
OWNER = """
import signal, sys, time
from pathlib import Path
from private_server import PrivateServer
server = PrivateServer.start(Path(sys.argv[1]), [sys.executable, "-I", "-S", "-c", sys.argv[2]])
server.wait_until(lambda: (Path(sys.argv[1]) / "pid").exists() and (Path(sys.argv[1]) / "pid").read_text())
print("up", flush=True)
time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not done():
        assert time.monotonic() < until, "did not happen within 10 s"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_server_ends_with_whoever_started_it(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    command = [sys.executable, "-c", OWNER, str(folder), SERVER]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests/support")}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        pid = int((folder / "pid").read_text())
        assert is_alive(pid)
        os.killpg(owner.pid, number)  # what a terminal does on Ctrl-C: to the whole group
    wait_until(lambda: not is_alive(pid) and not folder.exists())


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    broken = "import sys; sys.exit('no such luck')"
    server = PrivateServer.start(folder, [sys.executable, "-I", "-S", "-c", broken])
    with pytest.raises(ServerFailedError, match=r"(?s)status 1.*no such luck"):
        server.wait_until(lambda: False)
    server.stop()
    assert not folder.exists()


def left_behind(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]


@pytest.mark.parametrize("time_", [1, 2])
def test_each_test_has_a_database_of_its_own(postgres_url: str, time_: int) -> None:
    assert left_behind(postgres_url) == []
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE left_behind (x int)")
    assert left_behind(postgres_url) == ["left_behind"]


@pytest.mark.parametrize("time_", [1, 2])
def test_each_test_has_an_empty_redis(redis_url: str, time_: int) -> None:
    with closing(redis_client(redis_url)) as client:
        assert client.dbsize() == 0
        client.set("left_behind", "1")
        assert client.dbsize() == 1


def test_a_database_is_gone_after_its_test_even_with_a_connection_open(postgres_url: str) -> None:
    with PostgresServer(url=postgres_url).fresh_database() as url:
        name = url.rpartition("/")[2]
        connection = psycopg.connect(url)
    with psycopg.connect(postgres_url) as other:
        found = other.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
    assert found is None
    connection.close()


def test_keys_of_somebody_else_are_not_deleted(redis_url: str) -> None:
    with closing(redis_client(redis_url)) as client:
        client.set("theirs", "1")
        with pytest.raises(ServerFailedError, match="holds 1 keys"), RedisServer(url=redis_url).empty_database():
            pytest.fail("was given away")
        assert client.get("theirs") == b"1"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_without_a_server_the_reason_says_how_to_get_one(
    kind: Kind[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_FOLDERS", ())
    bare = {"PATH": str(tmp_path)}
    absent = Services(bare).find(kind)
    assert isinstance(absent, Absent)
    assert f"apt-get install {kind.package}" in absent.reason
    assert kind.variable in absent.reason
    assert [missing.name for missing, _ in services.missing(KINDS, bare)] == ["PostgreSQL", "Redis", "Tesseract"]
    declined = Services({**bare, kind.variable: "none"}).find(kind)
    assert isinstance(declined, Absent)
    assert "says to do without" in declined.reason


def test_a_named_server_is_used_and_left_alone() -> None:
    found = Services({POSTGRES.variable: "postgresql://a:b@db:5433/postgres?sslmode=disable"})
    server = found.find(POSTGRES)
    assert isinstance(server, PostgresServer)
    assert server.private is None
    assert server.url_of("t1") == "postgresql://a:b@db:5433/t1?sslmode=disable"
    found.close()


def test_a_server_that_failed_once_fails_each_test_that_needs_it(tmp_path: Path) -> None:
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).write_text("#!/bin/sh\necho out of luck; exit 3\n")
        (tmp_path / name).chmod(0o755)
    found = Services({"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    for _ in range(2):
        with pytest.raises(ServerFailedError, match=r"(?s)status 3.*out of luck"):
            found.find(REDIS)
    found.close()


APT = """#!/bin/sh
echo "$DEBIAN_FRONTEND $RUNLEVEL $*" >> "$RECORD"
[ "$1" = update ] || { echo 'E: no such package' >&2; exit $STATUS; }
"""


@pytest.mark.parametrize(("status", "words"), [("0", ""), ("100", "could not install pkg-a pkg-b: E: no such package")])
def test_installing_asks_nothing_and_says_what_it_does(tmp_path: Path, status: str, words: str) -> None:
    apt, record = tmp_path / "apt-get", tmp_path / "record"
    apt.write_text(APT)
    apt.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/bin:/usr/bin", "RECORD": str(record), "STATUS": status}
    said: list[str] = []
    assert services.install(["pkg-a", "pkg-b"], environment, said.append) is (status == "0")
    assert [line.split()[:3] for line in record.read_text().splitlines()] == [
        ["noninteractive", "1", "update"],
        ["noninteractive", "1", "install"],
    ]
    assert said[0].startswith("test: installing the system packages pkg-a pkg-b")
    assert "".join(said[1:]).endswith(words)
    assert not services.may_install({**environment, "QUORATE_TEST_INSTALL": "0"})
