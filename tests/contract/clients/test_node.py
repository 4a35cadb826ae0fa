"""OpenAI's Node client against the gateway: one script asks everything, the tests read what it got."""

import json
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from client_questions import DOUBLE_AND_HALVE
from running_gateway import RunningGateway

pytestmark = [pytest.mark.subprocess, pytest.mark.timeout(150)]
ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "tests" / "clients-node"
MODELS = ["plain", "translated", "panel", "invented"]
FOLLOWING = MODELS[:3]
INSTALL_S, RUN_S = 100, 40


@pytest.fixture(scope="session")
def installed() -> Path:
    """Where the client is, installed once for each lock file."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node or npm is not on the path")
    lock = (SOURCE / "package-lock.json").read_bytes()
    folder = ROOT / ".cache" / "clients-node" / sha256(lock).hexdigest()[:20]
    if not folder.exists():
        _install(npm, folder)
    return folder


def _install(npm: str, folder: Path) -> None:
    """Install the client elsewhere and move it here when it is whole: other processes of the run do the same."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as fresh:
        made = Path(fresh) / "client"
        made.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, made)
        command = [npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            done = subprocess.run(command, cwd=made, capture_output=True, text=True, check=False, timeout=INSTALL_S)
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm did not install the client within {INSTALL_S} s")
        if done.returncode:
            pytest.skip(f"npm cannot install the client: {done.stderr.strip()[-300:]}")
        try:
            made.rename(folder)
        except OSError:
            if not folder.exists():  # where it does, somebody else was quicker
                raise


@pytest.fixture(scope="session")
def results(installed: Path, gateway: RunningGateway) -> dict[str, Any]:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(installed),
        "QUORATE_BASE_URL": gateway.base_url,
        "QUORATE_KEY": gateway.key,
        "OPENAI_PACKAGE": str(installed / "node_modules" / "openai" / "index.mjs"),
    }
    done = subprocess.run(
        ["node", str(SOURCE / "main.mjs")], env=environ, capture_output=True, text=True, check=False, timeout=RUN_S
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_reads_whole_and_streamed_answers(results: dict[str, Any]) -> None:
    for model in MODELS:
        whole, streamed = results["whole"][model], results["streamed"][model]
        assert whole["text"]
        assert whole["finish_reason"] == "stop"
        assert streamed["text"]
        assert min(whole["total_tokens"], streamed["total_tokens"]) > 0
        if model != "invented":  # which answers each time as another person would
            assert whole == {**streamed, "finish_reason": "stop"}


def test_its_tools_are_called(results: dict[str, Any]) -> None:
    for model in FOLLOWING:
        told = results["tools"][model]
        assert [(name, arguments) for name, arguments in told["calls"]] == DOUBLE_AND_HALVE
        assert told["told"] == told["calls"]
        assert "42" in told["final"]


def test_it_gets_the_form_it_wants(results: dict[str, Any]) -> None:
    assert results["structured"] == {model: {"city": "Rome", "days": 4} for model in FOLLOWING}


def test_it_reads_responses(results: dict[str, Any]) -> None:
    for model in MODELS:
        told = results["responses"][model]
        assert told["status"] == "completed"
        assert told["text"]
        assert told["streamed"]
        assert (told["types"][0], told["types"][-1]) == ("response.created", "response.completed")


def test_it_asks_many_at_once(results: dict[str, Any]) -> None:
    told = results["parallel"]
    assert told["object"] == "parallel.completion"
    assert told["models"] == ["left", "middle", "right"]
    assert told["score"] == 1
    assert told["text"] == told["streamed"] != ""


def test_it_reads_embeddings_and_models(results: dict[str, Any]) -> None:
    told = results["embeddings"]
    for packed, plain in zip(told["packed"], told["plain"], strict=True):
        assert packed == pytest.approx(plain, abs=1e-6)
        assert len(plain) == 8
    assert {*MODELS} <= {*results["models"]["ids"]}
    assert results["models"]["one"] == "panel"


def test_it_throws_the_right_errors(results: dict[str, Any]) -> None:
    told = results["failures"]
    for name, kind, status, retry in (
        ("wrong_key", "AuthenticationError", 401, "false"),
        ("unknown", "NotFoundError", 404, "false"),
        ("bad", "BadRequestError", 400, "false"),
        ("limited", "RateLimitError", 429, "true"),
        ("broken", "InternalServerError", 502, "true"),
    ):
        error = told[name]
        assert (error["kind"], error["status"], error["retry"]) == (kind, status, retry)
        assert error["code"]
        assert error["type"]
        assert error["request_id"]
    assert told["slow"]["kind"] == "APIConnectionTimeoutError"
    assert told["cut"]["text"]
    assert told["cut"]["error"]["kind"] == "APIError"
    assert told["cut"]["error"]["code"] == "provider_unavailable"


def test_it_asks_again_and_gives_up_its_streams(results: dict[str, Any], gateway: RunningGateway) -> None:
    assert results["retried"] == "stop"
    assert len(gateway.upstream.requests("f03#node")) == 2
    assert results["closed"]
    for behaviour in ("delay-20s#node-slow", "gap-100ms+tokens-300#node-closed"):
        assert gateway.upstream.wait_for_hangup(behaviour).model == behaviour


def test_it_reads_the_headers(results: dict[str, Any]) -> None:
    assert results["headers"]["run"] == results["headers"]["request"]
    assert results["headers"]["run"].startswith("run_")
