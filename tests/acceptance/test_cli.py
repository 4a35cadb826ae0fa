"""The command as its own process: on a pipe, on a terminal, interrupted, against a provider on this machine."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from command_process import QUORATE, TIMEOUT_S, environment, quorate, run
from quorate.testing.upstream import Upstream
from quorate.testing.upstream_behaviour import Fail, Respond, Stall, StallAt
from terminal import on_terminal

pytestmark = pytest.mark.subprocess


def write_panel(folder: Path, base_url: str) -> None:
    (folder / "quorate.yaml").write_text(
        "version: 1\n"
        f"providers: {{up: {{base_url: '{base_url}', api_key: env:UP_KEY}}}}\n"
        "models:\n"
        "  one: {provider: up, price: {input: 1, output: 10}}\n"
        "  two: {provider: up, price: {input: 1, output: 10}}\n"
        "  slow: {provider: up, price: {input: 1, output: 10}}\n"
        "defaults: {models: [one, two, slow], max_concurrent: 3, retry: {max_retries: 0}}\n"
    )


def test_a_new_user_gets_labelled_simulated_answers(tmp_path: Path) -> None:
    # Simulated models err now and then, and may do so together; with this seed all five are right.
    done = quorate(tmp_path, "ask", "--seed", "1", "--mode", "quorum", "What is the capital of France?")
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout
    assert "answered" in done.stderr
    assert "simulated" in quorate(tmp_path, "models").stdout


async def test_a_quorum_against_a_provider(tmp_path: Path) -> None:
    answers = {"one": Respond(text="Paris."), "two": Respond(text="It is Paris."), "slow": Stall(at=StallAt.HEADERS)}
    async with Upstream(by_model=answers) as upstream:
        write_panel(tmp_path, upstream.base_url)
        question = "What is the capital of France?"
        done = await run(
            tmp_path, "ask", "--json", "--mode", "quorum", "--min-models", "2", question, UP_KEY="very-secret"
        )
        gone = await upstream.disconnected()
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["answer"] in {"Paris.", "It is Paris."}
    assert result["agreement"]["score"] == 1.0
    assert [branch["state"] for branch in result["branches"]] == ["finished", "finished", "cancelled"]
    # 10 tokens in at $1 and 5 out at $10 per million, twice; the loser's prompt is estimated.
    assert [branch["cost_microusd"] for branch in result["branches"][:2]] == [60, 60]
    assert result["branches"][2]["cost_microusd"] > 0
    assert gone.request.model == "slow"
    assert {request.headers["Authorization"] for request in upstream.requests} == {"Bearer very-secret"}
    assert "very-secret" not in done.stdout + done.stderr


async def test_a_stream_is_printed_as_it_comes(tmp_path: Path) -> None:
    async with Upstream(Respond(pieces=("Par", "is", "."), gap_s=0.05)) as upstream:
        write_panel(tmp_path, upstream.base_url)
        done = await run(tmp_path, "ask", "--stream", "-q", "--mode", "race", "-m", "one", "Where?", UP_KEY="k")
    assert (done.returncode, done.stdout) == (0, "Paris.\n")
    assert upstream.requests[0].stream


async def test_a_provider_that_fails(tmp_path: Path) -> None:
    async with Upstream(Fail(status=401, message="Bad key: very-secret", code="bad_key")) as upstream:
        write_panel(tmp_path, upstream.base_url)
        done = await run(tmp_path, "ask", "hello", UP_KEY="very-secret")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: none of 3 models answered")
    assert "Traceback" not in done.stderr
    assert "very-secret" not in done.stderr


def test_a_missing_key_names_its_place(tmp_path: Path) -> None:
    write_panel(tmp_path, "http://127.0.0.1:1/v1")
    done = quorate(tmp_path, "ask", "hello")
    assert done.returncode == 4
    said = r"error: quorate\.yaml:2:\d+: the environment variable UP_KEY is not set; export it\n"
    assert re.fullmatch(said, done.stderr), done.stderr


@pytest.mark.usefixtures("heeded_ctrl_c")
async def test_ctrl_c_cancels_and_tells_the_cost(tmp_path: Path) -> None:
    async with Upstream(by_model={"one": Respond(text="yes")} | dict.fromkeys(("two", "slow"), Stall())) as upstream:
        write_panel(tmp_path, upstream.base_url)
        process = await asyncio.create_subprocess_exec(
            *QUORATE,
            *("ask", "--mode", "all", "hello"),
            cwd=tmp_path,
            env=environment(tmp_path, UP_KEY="k"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(TIMEOUT_S):
            await upstream.received(3)
            await asyncio.sleep(0.3)  # real: the other process reads the first answer
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
            await upstream.disconnected(2)
    assert process.returncode == 130
    assert out == b""
    assert re.fullmatch(rb"interrupted after [\d.]+ s; spent until then: \$0\.\d+\n", err), err


def test_a_terminal_gets_the_live_table(tmp_path: Path) -> None:
    shown = on_terminal(tmp_path, "ask", "--mode", "all", "What is 17 * 23?")
    for part in ("sim-ember", "✓ finished", "agreement", "progress", "chosen", "answer (simulated)", "391"):
        assert part in shown
    assert "\x1b[2K" in shown  # it was drawn again and again
    assert "Traceback" not in shown


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    command = f"{' '.join(QUORATE)} config schema | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_completion_knows_the_models(tmp_path: Path) -> None:
    (tmp_path / "quorate.yaml").write_text("version: 1\nmodels: {alpha: {type: simulated}, beta: {type: simulated}}\n")
    shell = {"_QUORATE_COMPLETE": "complete_bash", "COMP_WORDS": "quorate ask --models al", "COMP_CWORD": "3"}
    assert quorate(tmp_path, **shell).stdout.split() == ["alpha"]


@pytest.mark.parametrize("arguments", [("--help",), ("ask", "--help"), ("--version",)])
def test_help_imports_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """What makes a start slow; time itself says little on a shared machine."""
    done = quorate(tmp_path, *arguments, PYTHONPROFILEIMPORTTIME="1")
    imported = set(re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE))
    assert done.returncode == 0
    assert "quorate.cli.main" in imported
    heavy = {"aiohttp", "asyncio", "genai_prices", "matplotlib", "msgspec", "numpy", "pydantic", "yaml"}
    assert imported & heavy == set()


def test_asking_simulated_models_needs_no_connection_code(tmp_path: Path) -> None:
    done = quorate(tmp_path, "ask", "-q", "-m", "sim-atlas", "What is 17 * 23?", PYTHONPROFILEIMPORTTIME="1")
    imported = set(re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE))
    assert imported & {"aiohttp", "genai_prices", "numpy", "zstandard"} == set()


def test_the_gateway_starts_without_what_few_gateways_need() -> None:
    """Evaluations and their packages, drawings of flows, pages, the data of prices: each is time and memory."""
    code = "import sys, quorate.server.compose, quorate.server.serve; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert imported & {"alembic", "genai_prices", "html.entities", "matplotlib", "numpy", "rich", "zstandard"} == set()
    assert imported & {"quorate.flows.draw_svg", "quorate.flows.flows", "quorate.server.reference_page"} == set()


@pytest.mark.parametrize("arguments", [("doctor",), ("demo", "--questions", "1")])
def test_an_old_locale_is_no_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = quorate(tmp_path, *arguments, PYTHONIOENCODING="latin-1", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")


async def test_an_answer_cannot_command_the_terminal(tmp_path: Path) -> None:
    async with Upstream(Respond(text="evil \x1b]0;title\x07 \x9b2Jtext")) as upstream:
        write_panel(tmp_path, upstream.base_url)
        for flags in ((), ("-q",), ("--stream",)):
            seen = await asyncio.to_thread(on_terminal, tmp_path, "ask", "hi", "-m", "one", *flags, UP_KEY="k")
            assert "evil \ufffd]0;title\ufffd \ufffd2Jtext" in seen
            assert "\x1b]0;" not in seen
        seen = await asyncio.to_thread(on_terminal, tmp_path, "ask", "hi", "-m", "one", "--json", UP_KEY="k")
        assert r"evil \u001b]0;title\u0007 \u009b2Jtext" in seen
        assert "\x9b" not in seen
