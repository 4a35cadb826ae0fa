"""`quorate eval consensus --live` as its own process: against a provider on this machine, interrupted, killed."""

import asyncio
import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from command_process import QUORATE, TIMEOUT_S, environment, quorate, run
from quorate.providers.recorded import read_recordings
from quorate.testing.upstream import Upstream
from quorate.testing.upstream_behaviour import Fail, Respond

pytestmark = pytest.mark.subprocess
COUNT = 24
LIVE = ("eval", "consensus", "--live", "q.jsonl", "--out", "o.jsonl", "--ask-seed", "3")
PACED = """version: 1
models:
  a: {type: simulated, profile: sim-delta, time_scale: 0.02}
  b: {type: simulated, profile: sim-ember, time_scale: 0.02}
  c: {type: simulated, profile: sim-cedar, time_scale: 0.02}
"""


def write_questions(folder: Path, count: int = COUNT) -> None:
    lines = [{"prompt": f"What is {number} + {number}?", "truth": 2 * number} for number in range(1, count + 1)]
    (folder / "q.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def untimed(file: Path) -> list[str]:
    """The lines without what differs from run to run: the time that answers took, and the order."""
    return sorted(re.sub(r'"latency_s":[\d.e-]+,', "", line) for line in file.read_text().splitlines())


async def started(folder: Path, *arguments: str, lines: int) -> asyncio.subprocess.Process:
    """The command in the background, once it has written so many lines."""
    process = await asyncio.create_subprocess_exec(
        *QUORATE,
        *arguments,
        cwd=folder,
        env=environment(folder, UP_KEY="k"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out = folder / "o.jsonl"
    async with asyncio.timeout(TIMEOUT_S):
        while not out.exists() or out.read_bytes().count(b"\n") < lines:  # noqa: ASYNC110 - nothing tells of the file
            await asyncio.sleep(0.01)  # real: the other process works
    return process


async def test_a_run_that_was_killed_goes_on_to_the_same_file(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    command = (*LIVE, "--models", "a,b,c", "--concurrency", "3")
    for folder in (whole, broken):
        folder.mkdir()
        (folder / "quorate.yaml").write_text(PACED)
        write_questions(folder)
    done = await run(whole, *command, "--json")
    assert done.returncode == 0, done.stderr
    process = await started(broken, *command, lines=4)
    process.kill()
    await process.communicate()
    assert 4 <= len(untimed(broken / "o.jsonl")) < COUNT
    with (broken / "o.jsonl").open("ab") as file:
        file.write(b'{"track":"","prompt_id":"99","pro')  # the line it was writing
    again = await run(broken, *command, "--json")
    assert again.returncode == 0, again.stderr
    assert untimed(broken / "o.jsonl") == untimed(whole / "o.jsonl")
    assert len(untimed(broken / "o.jsonl")) == COUNT
    assert json.loads(again.stdout)["models"][0]["accuracy"] == json.loads(done.stdout)["models"][0]["accuracy"]


@pytest.mark.usefixtures("heeded_ctrl_c")
async def test_ctrl_c_leaves_a_valid_file_and_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "quorate.yaml").write_text(PACED.replace("0.02", "0.2"))
    write_questions(tmp_path)
    process = await started(tmp_path, *LIVE, "--models", "a,b,c", lines=2)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(TIMEOUT_S):
        out, err = await process.communicate()
    assert process.returncode == 130, err
    assert out == b""
    told = rb"interrupted: (\d+) of 24 questions answered; spent \$0\.\d+; what was answered is in o\.jsonl; the same"
    assert re.match(told, err), err
    assert 2 <= len(list(read_recordings(tmp_path / "o.jsonl"))) < COUNT


async def test_a_provider_is_asked_through_the_engine(tmp_path: Path) -> None:
    """Retries, prices, and a provider's failure, over HTTP."""
    answers = {
        "one": Respond(text="The answer is 2."),
        "two": Respond(text="2"),
        "down": Fail(status=401, message="no such key"),
    }
    async with Upstream(by_model=answers) as upstream:
        models = "".join(f"  {name}: {{provider: up, price: {{input: 1, output: 10}}}}\n" for name in answers)
        (tmp_path / "quorate.yaml").write_text(
            f"version: 1\nproviders: {{up: {{base_url: '{upstream.base_url}', api_key: env:UP_KEY}}}}\n"
            f"models:\n{models}"
        )
        write_questions(tmp_path, 1)
        asked = (*LIVE, "--models", "one,two,down", "--max-cost", "5", "--json")
        done = await run(tmp_path, *asked, UP_KEY="k")
        assert done.returncode == 0, done.stderr
        requests = len(upstream.requests)
        again = await run(tmp_path, *asked, UP_KEY="k")
        assert len(upstream.requests) == requests
    assert {each["model"] for each in json.loads(done.stdout)["models"]} == {"one", "two"}
    assert again.stdout == done.stdout
    (recording,) = read_recordings(tmp_path / "o.jsonl")
    assert [answer.cost_microusd for answer in recording.answers] == [60, 60]
    assert not any(answer.simulated for answer in recording.answers)
    assert [failure.model for failure in recording.failures] == ["down"]
    assert json.loads(done.stdout)["failures"] == 1


def test_several_processes_measure_the_same_as_one_and_tell_the_same_mistake(tmp_path: Path) -> None:
    lines = [
        {
            "prompt_id": number,
            "prompt": f"What is {number} + 1?",
            "truth": number + 1,
            "answers": [{"model": f"m{at}", "text": str(number + 1 + (number % (at + 2) == 0))} for at in range(5)],
        }
        for number in range(400)
    ]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = ("eval", "consensus", "--data", "r.jsonl", "--json", "--jobs")
    one, three = quorate(tmp_path, *command, "1"), quorate(tmp_path, *command, "3")
    assert (one.returncode, three.returncode) == (0, 0), three.stderr
    assert one.stdout == three.stdout
    assert json.loads(one.stdout)["prompts"] == 400
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "{broken\n")
    failed = quorate(tmp_path, *command, "3")
    assert failed.returncode == 2
    assert "r.jsonl:401" in failed.stderr
