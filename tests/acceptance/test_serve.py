"""`quorate serve` as its own process: its first start, its end, its workers, its death."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from gateway_site import BEHAVIOURS, chat, config_of
from hanging_relay import HangingRelay
from patience import until, until_it
from private_server import free_port
from quorate.upstream import UpstreamServer
from raw_client import RawClient, Reply, client
from running_gateway import UPSTREAM_KEY

pytestmark = pytest.mark.subprocess
QUORATE = [sys.executable, "-m", "quorate"]
TIMEOUT_S = 90.0
CHAT = "/v1/chat/completions"
LOG = "stderr.log"


def environment(folder: Path, **more: str) -> dict[str, str]:
    """A new user's: no key, an empty home."""
    passed = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "PYTHON"))}
    fixed = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "COLUMNS": "100"}
    return passed | fixed | {"OLLAMA_HOST": "127.0.0.1:1", "UPSTREAM_KEY": UPSTREAM_KEY} | more


class Serving:
    """A live gateway of its own process."""

    def __init__(self, process: asyncio.subprocess.Process, told: dict[str, Any], folder: Path) -> None:
        self.process = process
        self.told = told
        self.url: str = told["url"]
        self.key: str = told["key"] or ""
        self.folder = folder

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        async with asyncio.timeout(TIMEOUT_S):
            return await self.process.wait()

    def lines(self) -> list[dict[str, Any]]:
        """Its log so far, that of its workers included."""
        return [json.loads(line) for line in (self.folder / LOG).read_text().splitlines()]

    def runs(self) -> list[dict[str, Any]]:
        """The rows of the runs, read by somebody else."""
        (file,) = self.folder.rglob("*.db")
        with contextlib.closing(sqlite3.connect(file)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute("SELECT * FROM runs ORDER BY started_at")]


def log_of(folder: Path) -> IO[bytes]:
    return (folder / LOG).open("ab")


def full() -> IO[bytes]:
    return Path("/dev/full").open("wb")


async def start(
    folder: Path, *arguments: str, program: Sequence[str] = QUORATE, **more: str
) -> asyncio.subprocess.Process:
    return await start_into(asyncio.subprocess.PIPE, folder, *arguments, program=program, **more)


async def start_into(
    out: int | IO[bytes], folder: Path, *arguments: str, program: Sequence[str] = QUORATE, **more: str
) -> asyncio.subprocess.Process:
    with log_of(folder) as log:
        return await asyncio.create_subprocess_exec(
            *program,
            "serve",
            *arguments,
            cwd=folder,
            env=environment(folder, **more),
            stdout=out,
            stderr=log,
            start_new_session=True,
        )


@asynccontextmanager
async def serving(
    folder: Path, *arguments: str, key: str = "", program: Sequence[str] = QUORATE, **more: str
) -> AsyncGenerator[Serving]:
    """Serve on a free port until the context ends; whatever is left then is killed."""
    port = () if "PORT" in more else ("--port", "0")
    process = await start(folder, "--json", *port, *arguments, program=program, **more)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            line = await process.stdout.readline()
        told = json.loads(line)
        reading = asyncio.ensure_future(process.stdout.read())  # so that its logs never wait for us
        found = Serving(process, told, folder)
        found.key = found.key or key
        yield found
        if process.returncode is None:
            found.tell(signal.SIGTERM)
            await found.ended()
        await reading
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def said(folder: Path, *arguments: str, **more: str) -> tuple[int, str, str]:
    """How a start that has to fail ends, and what it says."""
    process = await asyncio.create_subprocess_exec(
        *QUORATE,
        *("serve", *arguments),
        cwd=folder,
        env=environment(folder, **more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(TIMEOUT_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def ask(found: Serving, method: str, path: str, body: object = None, key: str | None = None) -> Reply:
    async with client(found.url, found.key if key is None else key) as connection, asyncio.timeout(TIMEOUT_S):
        return await connection.ask(method, path, body)


def write_config(folder: Path, url: str, more: str = "") -> None:
    (folder / "quorate.yaml").write_text(config_of(url, free_port(), more))


def modes(folder: Path, pattern: str) -> list[int]:
    return [file.stat().st_mode & 0o777 for file in folder.rglob(pattern)]


async def test_the_first_start_and_the_second(tmp_path: Path) -> None:
    async with serving(tmp_path) as first:
        assert re.fullmatch(r"qk_\w{8}_[\w-]{43}", first.key)
        assert first.told["simulated"] is True
        reply = await ask(first, "POST", CHAT, chat(first.told["models"][0]))
        assert reply.status == 200
        assert (await ask(first, "POST", CHAT, chat("x"), key="")).status == 401
        first.tell(signal.SIGTERM)
        assert await first.ended() == 0
    assert [run["status"] for run in first.runs()] == [200]
    assert modes(tmp_path, "*.db") == [0o600]
    async with serving(tmp_path, key=first.key) as second:
        assert second.told["key"] is None
        assert (await ask(second, "GET", "/v1/models")).status == 200


async def test_what_a_person_sees(tmp_path: Path) -> None:
    process = await start(tmp_path, "--port", "0")
    assert process.stdout is not None
    seen = b""
    async with asyncio.timeout(TIMEOUT_S):
        while b"OPENAI_BASE_URL" not in seen:
            seen += await process.stdout.readline()
        process.terminate()
        await process.communicate()
    assert re.search(rb"Quorate listens on http://127\.0\.0\.1:\d+\n", seen)
    assert b"Admin key, shown this once:\n  qk_" in seen
    assert b": simulated models)" in seen
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_first_key_that_could_not_be_told_is_not_the_last(tmp_path: Path, workers: str) -> None:
    with full() as out:
        process = await start_into(out, tmp_path, "--port", "0", "--workers", workers)
    async with asyncio.timeout(TIMEOUT_S):
        assert await process.wait() == 1
    async with serving(tmp_path) as found:
        assert (await ask(found, "GET", "/v1/models")).status == 200
        (key,) = (await ask(found, "GET", "/api/v1/keys")).json["data"]
        assert found.key.startswith(key["prefix"])


async def test_of_several_that_start_together_one_tells_the_first_key(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        starts = [group.create_task(stack.enter_async_context(serving(tmp_path))) for _ in range(3)]
        found = await asyncio.gather(*starts)
        assert [bool(one.key) for one in found].count(True) == 1


async def test_without_a_home_where_the_database_needs_none(tmp_path: Path) -> None:
    (tmp_path / "quorate.yaml").write_text("version: 1\nstorage: { url: 'sqlite:///here.db' }\n")
    async with serving(tmp_path, HOME="") as found:
        assert (await ask(found, "GET", "/v1/models")).status == 200
    assert (tmp_path / "here.db").exists()


async def test_without_keys_only_here(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.test"):
        code, _, err = await said(tmp_path, "--no-auth", "--host", host)
        assert code == 4, err
        assert err.startswith("error: server:")
        assert host in err
        assert "Traceback" not in err
    async with serving(tmp_path, "--no-auth") as open_one:
        assert (open_one.told["key"], open_one.told["auth"]) == (None, "off")
        assert (await ask(open_one, "GET", "/v1/models", key="")).status == 200


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, _, err = await said(tmp_path, "--port", str(port))
    assert code == 4
    assert err.startswith(f"error: server: cannot listen on 127.0.0.1:{port}: ")
    assert "Traceback" not in err


async def test_the_variable_port(tmp_path: Path) -> None:
    port = free_port()
    async with serving(tmp_path, PORT=str(port)) as found:
        assert found.url == f"http://127.0.0.1:{port}"
        assert (await ask(found, "GET", "/readyz")).status == 200
    code, _, err = await said(tmp_path, PORT="http")
    assert (code, "PORT" in err) == (4, True)


async def not_ready(connection: RawClient) -> bool:
    return (await connection.ask("GET", "/readyz")).status == 503


async def drains(found: Serving) -> bool:
    return (await ask(found, "GET", "/readyz")).status == 503


async def lets_in(connection: RawClient) -> bool:
    return (await connection.ask("GET", "/v1/models")).status == 200


async def begun(connection: RawClient, model: str) -> str:
    """Ask for a stream and wait for its first piece; the run's id."""
    await connection.send("POST", CHAT, chat(model, stream=True))
    head = await connection.head()
    assert head.status == 200
    await connection.piece()
    return head.headers["x-quorate-run-id"]


async def test_sigterm_finishes_what_is_under_way(tmp_path: Path) -> None:
    async with UpstreamServer(api_key=UPSTREAM_KEY) as upstream:
        write_config(tmp_path, upstream.url)
        async with serving(tmp_path) as found, asyncio.timeout(TIMEOUT_S):
            async with client(found.url, found.key) as busy, client(found.url, found.key) as idle:
                assert (await idle.ask("GET", "/readyz")).status == 200
                await busy.send("POST", CHAT, chat("up:gap-20ms+tokens-80"))
                await upstream.received()
                found.tell(signal.SIGTERM)
                await until_it(lambda: not_ready(idle))
                ready = await idle.ask("GET", "/readyz")
                assert (ready.status, ready.json["checks"]["draining"]) == (503, "yes")
                refused = await idle.ask("POST", CHAT, chat("plain"))
                assert (refused.status, refused.json["error"]["code"]) == (503, "overloaded")
                reply = await busy.reply()
                assert (reply.status, len(reply.json["choices"])) == (200, 1)
            assert await found.ended() == 0
    (run,) = found.runs()
    assert (run["id"], run["status"]) == (reply.headers["x-quorate-run-id"], 200)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_second_signal_ends_at_once(tmp_path: Path, workers: str) -> None:
    async with UpstreamServer(api_key=UPSTREAM_KEY) as upstream:
        write_config(tmp_path, upstream.url)
        async with (
            serving(tmp_path, "--workers", workers) as found,
            client(found.url, found.key) as busy,
            asyncio.timeout(TIMEOUT_S),
        ):
            run_id = await begun(busy, "endless")
            found.tell(signal.SIGTERM)
            await until_it(lambda: drains(found))
            found.tell(signal.SIGTERM)
            assert await found.ended() == 0
    (run,) = found.runs()
    assert (run["id"], run["status"], run["error_code"]) == (run_id, 200, "overloaded")
    assert run["cost_microusd"] > 0


async def test_ctrl_c_with_workers_is_one_signal_to_each(tmp_path: Path) -> None:
    """A terminal sends it to the whole group of processes; what is under way is finished nevertheless."""
    async with UpstreamServer(api_key=UPSTREAM_KEY) as upstream:
        write_config(tmp_path, upstream.url)
        async with serving(tmp_path, "--workers", "2") as found, asyncio.timeout(TIMEOUT_S):
            async with client(found.url, found.key) as busy:
                await busy.send("POST", CHAT, chat("up:delay-1s"))
                await upstream.received()
                os.killpg(found.process.pid, signal.SIGINT)
                assert (await busy.reply()).status == 200
            assert await found.ended() == 0
    assert [run["status"] for run in found.runs()] == [200]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
async def test_ctrl_c_at_the_start_is_quiet(tmp_path: Path) -> None:
    """Also for workers that have not begun yet, and get it from the terminal all the same."""
    async with serving(tmp_path, "--workers", "2") as found:
        await until(lambda: [catches(child, signal.SIGINT) for child in children(found.process.pid)] == [True] * 2)
        os.killpg(found.process.pid, signal.SIGINT)
        assert await found.ended() == 0
    assert "Traceback" not in await asyncio.to_thread((tmp_path / LOG).read_text)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_metrics_come_in_the_format_that_is_asked_for(tmp_path: Path, workers: str) -> None:
    async with serving(tmp_path, "--workers", workers) as found, client(found.url, found.key) as scraper:
        async with asyncio.timeout(TIMEOUT_S):
            plain = await scraper.ask("GET", "/metrics")
            asked = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
            modern = await scraper.ask("GET", "/metrics", headers=asked)
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert b"# TYPE quorate_records_written counter\n" in modern.body
    assert modern.body.endswith(b"# EOF\n")


def children(process: int) -> list[int]:
    """The processes that a process started to serve."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in found if b"spawn_main" in command_of(child)]


def command_of(process: str) -> bytes:
    """The command line of a process; nothing if it has ended since it was seen."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def catches(process: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal, as Python's own for Ctrl-C once it runs."""
    (mask,) = re.findall(r"SigCgt:\s+(\w+)", Path(f"/proc/{process}/status").read_text())
    return bool(int(mask, 16) >> (number - 1) & 1)


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
async def test_workers(tmp_path: Path) -> None:
    async with UpstreamServer(api_key=UPSTREAM_KEY) as upstream:
        write_config(tmp_path, upstream.url)
        async with serving(tmp_path, "--workers", "2") as found, asyncio.timeout(TIMEOUT_S):
            for _ in range(4):
                assert (await ask(found, "POST", CHAT, chat("plain"))).status == 200
            await until(lambda: len(children(found.process.pid)) == 2 and len(found.runs()) == 4)
            first = children(found.process.pid)
            os.kill(first[0], signal.SIGKILL)
            await until(lambda: len(set(children(found.process.pid)) - {first[0]}) == 2)
            for _ in range(4):
                assert (await ask(found, "POST", CHAT, chat("plain"))).status == 200
            left = children(found.process.pid)
            found.tell(signal.SIGTERM)
            assert await found.ended() == 0
    assert not any(lives(child) for child in left)
    assert len(found.runs()) == 8
    lines = await asyncio.to_thread(found.lines)
    assert [line["logger"] for line in lines if line["level"] == "error"] == ["quorate.server.workers"]
    assert sum(line["event"] == "request" for line in lines) == 8


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
async def test_workers_do_not_outlive_who_started_them(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "2") as found:
        assert (await ask(found, "GET", "/healthz")).status == 200
        await until(lambda: len(children(found.process.pid)) == 2)
        left = children(found.process.pid)
        found.tell(signal.SIGKILL)
        assert await found.ended() == -signal.SIGKILL
        await until(lambda: not any(lives(child) for child in left))


async def test_a_revoked_key_is_refused_by_every_worker_within_a_second(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "2") as found, asyncio.timeout(TIMEOUT_S):
        made = (await ask(found, "POST", "/api/v1/keys", {"name": "n", "scopes": ["chat"]})).json
        connections = [client(found.url, made["secret"]) for _ in range(12)]  # of both workers, whoever takes them
        opened = [await connection.__aenter__() for connection in connections]
        await asyncio.sleep(1.0)  # a worker that does not know it yet would take further tries for guessing
        for one in opened:
            await until_it(lambda one=one: lets_in(one))
        assert (await ask(found, "DELETE", f"/api/v1/keys/{made['key']['id']}")).status == 200
        await asyncio.sleep(1.0)  # the promise itself
        assert {(await one.ask("GET", "/v1/models")).status for one in opened} == {401}
        for connection in connections:
            await connection.__aexit__(None, None, None)


def limited(limit: str) -> list[str]:
    """The gateway, as a shell starts it that has set a limit."""
    return ["bash", "-c", f'ulimit {limit} && exec "$@"', "bash", *QUORATE]


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_more_callers_than_the_usual_limit_of_open_files(tmp_path: Path, workers: str) -> None:
    async with (
        serving(tmp_path, "--workers", workers, program=limited("-Sn 128")) as found,
        asyncio.timeout(TIMEOUT_S),
        contextlib.AsyncExitStack() as held,
    ):
        callers = [await held.enter_async_context(client(found.url, found.key)) for _ in range(400)]
        statuses = [(await caller.ask("GET", "/v1/models")).status for caller in callers]
        assert statuses == [200] * 400
    assert [line for line in found.lines() if line["level"] != "info"] == []


async def test_few_open_files_are_told_once(tmp_path: Path) -> None:
    async with serving(tmp_path, "--workers", "2", program=limited("-n 300")) as found, asyncio.timeout(TIMEOUT_S):
        assert (await ask(found, "GET", "/v1/models")).status == 200
    (line,) = [line for line in found.lines() if line["level"] == "warning"]
    assert line["event"].startswith("this process may open 300 files")
    assert "LimitNOFILE" in line["event"]


async def test_killed_in_mid_write(tmp_path: Path) -> None:
    """What was written is whole, and the next start goes on from there."""
    key = ""
    async with UpstreamServer(api_key=UPSTREAM_KEY) as upstream:
        write_config(tmp_path, upstream.url)
        for wait_s in (0.0, 0.02, 0.05):
            async with serving(tmp_path, key=key) as found, asyncio.timeout(TIMEOUT_S):
                key = found.key
                async with client(found.url, key) as connection:
                    for _ in range(30):
                        assert (await connection.ask("POST", CHAT, chat("panel"))).status == 200
                    await asyncio.sleep(wait_s)
                    found.tell(signal.SIGKILL)
                await found.ended()
        async with serving(tmp_path, key=key) as found:
            page = (await ask(found, "GET", "/api/v1/runs?limit=200")).json
            assert len(page["data"]) == len(found.runs())
            shown = (await ask(found, "GET", f"/api/v1/runs/{page['data'][0]['id']}")).json if page["data"] else None
            assert shown is None or len(shown["run"]["branches"]) == 3
            assert (await ask(found, "POST", CHAT, chat("plain"))).status == 200
    assert BEHAVIOURS["plain"] == "fast"


def unwritten(folder: Path) -> list[str]:
    """The runs that wait for the next start."""
    (file,) = folder.rglob("unwritten-*.jsonl")
    return [json.loads(line)["id"] for line in file.read_text().splitlines()]


async def test_a_database_that_hangs_keeps_neither_numbers_nor_the_end(tmp_path: Path, postgres_url: str) -> None:
    relay = HangingRelay(postgres_url)
    async with relay.serving(), UpstreamServer(api_key=UPSTREAM_KEY) as upstream, AsyncExitStack() as stack:
        write_config(tmp_path, upstream.url, "server: { drain_s: 0.1 }\nstorage: { url: env:DATABASE }\n")
        found = await stack.enter_async_context(serving(tmp_path, DATABASE=relay.url))
        async with asyncio.timeout(TIMEOUT_S):
            many = range(40)  # more than there are threads
            waiting = [await stack.enter_async_context(client(found.url, found.key)) for _ in many]
            # The first time it answers, and some connections to it stay open: nothing tells that these hang later.
            await asyncio.gather(*(one.ask("GET", "/api/v1/runs") for one in waiting))
            relay.hang()
            for one in waiting:
                await one.send("GET", "/api/v1/runs")
            reply = await ask(found, "POST", CHAT, chat("plain"))
            assert reply.status == 200
            assert (await ask(found, "GET", "/readyz")).status == 503
            numbers = await ask(found, "GET", "/metrics")
            assert (numbers.status, b"quorate_records_waiting 1.0" in numbers.body) == (200, True)
            found.tell(signal.SIGTERM)
            assert {(await one.reply()).status for one in waiting} == {503}
            assert await found.ended() == 0
    assert unwritten(tmp_path) == [reply.headers["x-quorate-run-id"]]


async def test_a_call_whose_budget_hangs_with_the_database_leaves_its_record(tmp_path: Path, postgres_url: str) -> None:
    relay = HangingRelay(postgres_url)
    budget = "budgets: { all-of-it: { each: tenant, limit: 1000, window: total } }\n"
    async with relay.serving(), UpstreamServer(api_key=UPSTREAM_KEY) as upstream:
        write_config(tmp_path, upstream.url, "server: { drain_s: 0.1 }\nstorage: { url: env:DATABASE }\n" + budget)
        async with (
            serving(tmp_path, DATABASE=relay.url) as found,
            client(found.url, found.key) as busy,
            asyncio.timeout(TIMEOUT_S),
        ):
            run_id = await begun(busy, "endless")
            relay.hang()
            found.tell(signal.SIGTERM)
            assert await found.ended() == 0
    assert unwritten(tmp_path) == [run_id]
