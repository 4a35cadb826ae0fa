"""What is measured: the upstream alone, Quorate before it, LiteLLM's proxy before it."""

import json
import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Any

import msgspec

from bench.gateway.job import Job, Report
from bench.gateway.process import GATEWAY_CORE, LOAD_CORE, cpu_s, running, standing_still

#: Name in all configurations -> what the upstream does under its own name for it.
MODELS = {
    "instant": "size-600b",
    "wait16": "delay-16ms+size-600b",
    "wait17": "delay-17ms+size-600b",
    "wait18": "delay-18ms+size-600b",
    "wait19": "delay-19ms+size-600b",
    "wait20": "delay-20ms+size-600b",
    "wait300": "delay-300ms+size-600b",
    "stream": "first-20ms+gap-5ms+tokens-20",
    "flaky": "fail-5pct+size-600b",
}
PROMPT = "What is the capital of France? Answer with one word, then explain in one sentence why that is so."
_START_S = 60.0
WATCH_S = 0.25
_SETTLE_S = 0.3
LITELLM = Path(os.environ.get("QUORATE_BENCH_LITELLM", ".bench/litellm"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An address that answers chat requests.

    `pid` is the process to account for; `start_s` is how long it took to its first answer.
    """

    name: str
    url: str
    key: str = ""
    pid: int
    start_s: float = 0.0
    models: Mapping[str, str] = field(default_factory=dict[str, str])

    def body(self, model: str, **fields: Any) -> msgspec.Raw:
        """Return a chat request for one of `MODELS`."""
        messages = [{"role": "user", "content": PROMPT}]
        value = {"model": self.models.get(model, model), "messages": messages, **fields}
        return msgspec.Raw(msgspec.json.encode(value))

    def job(self, *bodies: msgspec.Raw, **fields: Any) -> Job:
        """Return a job for this target."""
        return Job(url=self.url, key=self.key, bodies=list(bodies), **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A temporary folder and the upstream; targets are started in it."""

    folder: Path
    direct: Target

    @property
    def log(self) -> Path:
        return self.folder / "stderr.log"


@contextmanager
def bench() -> Generator[Bench]:
    """Start the upstream; the folder is kept if something fails, for its logs."""
    folder = Path(mkdtemp(prefix="quorate-bench-"))
    command = [sys.executable, "-m", "bench.gateway.serve_upstream"]
    with running(command, core=LOAD_CORE, log=folder / "upstream.log") as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        yield Bench(folder=folder, direct=Target(name="direct", url=url, pid=process.pid, models=MODELS))
    shutil.rmtree(folder, ignore_errors=True)


def load(job: Job, watch: Callable[[], None] | None = None) -> Report:
    """Run a job in a load generator of its own; `watch` is called every `WATCH_S` meanwhile."""
    log = Path(os.devnull)
    with running([sys.executable, "-m", "bench.gateway.load"], core=LOAD_CORE, log=log) as process:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(job))
        process.stdin.close()
        while watch is not None and process.poll() is None:
            watch()
            time.sleep(WATCH_S)
        assert process.stdout is not None
        return msgspec.json.decode(process.stdout.read(), type=Report)


@contextmanager
def quorate(bench: Bench, **sections: Any) -> Generator[Target]:
    """Start the gateway with keys, a rate limit that is never reached, metrics and records, all on."""
    with quorate_process(bench, prepare_quorate(bench, **sections)) as target:
        yield target


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A configuration on disk; `key` is known once the gateway has run for the first time."""

    config: Path
    database: Path
    port: int
    key: str = ""


def prepare_quorate(bench: Bench, **sections: Any) -> Prepared:
    """Write the configuration (JSON is YAML)."""
    number = secrets.token_hex(4)
    config, database = bench.folder / f"quorate-{number}.yaml", bench.folder / f"quorate-{number}.db"
    port = _free_port()
    settings: dict[str, Any] = {
        "version": 1,
        "server": {"port": port},
        "storage": {"url": f"sqlite:///{database}"} | sections.pop("storage", {}),
        "rate_limits": {"per_key": {"requests_per_minute": 1_000_000_000, "tokens_per_minute": 1_000_000_000}},
        "telemetry": {"metrics": {"enabled": True}, "logs": {"requests": False, "level": "warning"}},
        "providers": {"upstream": {"type": "openai", "base_url": f"{bench.direct.url}/v1"}},
        "models": {
            name: {"provider": "upstream", "model": model, "price": {"input": 1, "output": 2}}
            for name, model in MODELS.items()
        },
        "defaults": {"max_concurrent": 10},
    }
    config.write_text(json.dumps(settings | sections))
    return Prepared(config=config, database=database, port=port)


@contextmanager
def quorate_process(bench: Bench, prepared: Prepared) -> Generator[Target]:
    """Run `quorate serve`; its first line of output tells the address and the key."""
    with running(serve_command(prepared), core=GATEWAY_CORE, log=bench.log) as process:
        key = str(_first_line(process.stdout, bench.log).get("key") or prepared.key)
        target = quorate_target(replace(prepared, key=key), process.pid)
        await_answer(target)
        yield target


def serve_command(prepared: Prepared) -> list[str]:
    """Return the command that serves a configuration; its first line of output is JSON."""
    return [sys.executable, "-m", "quorate", "serve", "--config", str(prepared.config), "--json"]


def quorate_target(prepared: Prepared, pid: int) -> Target:
    """Return where a configuration is served."""
    return Target(name="quorate", url=f"http://127.0.0.1:{prepared.port}", key=prepared.key, pid=pid)


def first_start(bench: Bench, prepared: Prepared) -> Prepared:
    """Run the gateway once: its tables exist then, and its key is known."""
    with quorate_process(bench, prepared) as target:
        return replace(prepared, key=target.key)


@contextmanager
def litellm(bench: Bench) -> Generator[Target | None]:
    """Start LiteLLM's proxy if `bench/litellm/setup.sh` has made its environment; its best case, see there."""
    program = LITELLM / "bin" / "litellm"
    if not program.exists():
        print("LiteLLM is left out: bench/litellm/setup.sh makes its environment", file=sys.stderr)
        yield None
        return
    began_s = time.perf_counter()
    with litellm_process(bench) as target:
        await_answer(target)
        yield replace(target, start_s=time.perf_counter() - began_s)


@contextmanager
def litellm_process(bench: Bench) -> Generator[Target]:
    """Run the proxy: no database, no callbacks, no retries, a master key."""
    key, port = "sk-" + secrets.token_hex(12), _free_port()
    entries = [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{model}", "api_base": f"{bench.direct.url}/v1", "api_key": "none"},
        }
        for name, model in MODELS.items()
    ]
    settings = {
        "model_list": entries,
        "litellm_settings": {"num_retries": 0, "telemetry": False, "drop_params": False},
        "router_settings": {"num_retries": 0},
        "general_settings": {"master_key": key},
    }
    config = bench.folder / "litellm.yaml"
    config.write_text(json.dumps(settings))
    program = str(LITELLM / "bin" / "litellm")
    command = [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "NO_DOCS": "True"}
    with running(command, core=GATEWAY_CORE, log=bench.log, env=environment) as process:
        yield Target(name="litellm", url=f"http://127.0.0.1:{port}", key=key, pid=process.pid)


@contextmanager
def alone(target: Target, targets: Sequence[Target]) -> Generator[None]:
    """Stop the other gateways meanwhile; the upstream, `direct`, is needed by all."""
    with standing_still([other.pid for other in targets if other.name not in {target.name, "direct"}]):
        yield


def settled_cpu_s(target: Target) -> float:
    """Return its CPU time once what is written behind the answers is written: it belongs to the requests before."""
    time.sleep(_SETTLE_S)
    return cpu_s(target.pid)


def await_answer(target: Target, model: str = "instant") -> None:
    """Return with the first answer of status 200; ask again every few milliseconds."""
    ends_s = time.perf_counter() + _START_S
    while time.perf_counter() < ends_s:
        if _answers(target, model):
            return
        time.sleep(0.004)
    raise RuntimeError(f"{target.name} did not answer within {_START_S:g} s; see its log")


def _answers(target: Target, model: str) -> bool:
    host, _, port = target.url.removeprefix("http://").partition(":")
    connection = HTTPConnection(host, int(port), timeout=10)
    headers = {"authorization": f"Bearer {target.key}", "content-type": "application/json"}
    try:
        connection.request("POST", "/v1/chat/completions", bytes(target.body(model)), headers)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _first_line(pipe: IO[bytes] | None, log: Path) -> dict[str, Any]:
    assert pipe is not None
    line = pipe.readline()
    if not line:
        raise RuntimeError(f"the gateway ended before it listened:\n{log.read_text()[-4000:]}")
    return dict(json.loads(line))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
