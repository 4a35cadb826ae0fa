"""The command `llm`, as its own process with its own settings: prompts, streams, ensembles, embeddings."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from running_gateway import RunningGateway

pytestmark = pytest.mark.subprocess
TIMEOUT_S = 90
#: Model names as the gateway lists them, and which of OpenAI's APIs they are asked by.
MODELS = {"plain": "chat", "translated": "chat", "panel": "chat", "swift": "responses"}


class Llm:
    """The command in an empty home, with the gateway's models in its list."""

    def __init__(self, home: Path, gateway: RunningGateway) -> None:
        self._home = home
        passed = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        self._environ = passed | {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LLM_USER_PATH": str(home),
            "LANG": "C.UTF-8",
            "OPENAI_BASE_URL": gateway.base_url,  # how its embeddings find another server
            "OPENAI_API_KEY": gateway.key,
        }
        listed = [self._entry(gateway, name, api) for name, api in MODELS.items()]
        (home / "extra-openai-models.yaml").write_text(yaml.safe_dump(listed), encoding="utf-8")
        (home / "keys.json").write_text(json.dumps({"quorate": gateway.key}), encoding="utf-8")

    def _entry(self, gateway: RunningGateway, name: str, api: str) -> dict[str, Any]:
        return {
            "model_id": f"quorate-{name}",
            "model_name": name,
            "api_base": gateway.base_url,
            "api_key_name": "quorate",
            "supports_schema": True,
            "supports_tools": True,
            api: True,
        }

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "llm", *arguments],
            cwd=self._home,
            env=self._environ,
            input="",
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=TIMEOUT_S,
        )

    def says(self, *arguments: str) -> str:
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def llm(tmp_path: Path, gateway: RunningGateway) -> Llm:
    return Llm(tmp_path, gateway)


@pytest.mark.parametrize("model", ["plain", "panel", "swift"])
def test_it_streams_an_answer(llm: Llm, model: str) -> None:
    assert "Who are you?" in llm.says("-m", f"quorate-{model}", "Who are you?")


def test_it_takes_an_answer_in_one_piece(llm: Llm) -> None:
    assert "Who are you?" in llm.says("-m", "quorate-translated", "--no-stream", "Who are you?")


def test_it_goes_on_with_a_conversation(llm: Llm) -> None:
    llm.says("-m", "quorate-panel", "Who are you?")
    assert "And I?" in llm.says("-c", "And I?")


def test_it_gets_the_form_it_wants(llm: Llm) -> None:
    answer = llm.says("-m", "quorate-panel", "--schema", "city, days int", "'Rome' for 4 days")
    assert json.loads(answer) == {"city": "Rome", "days": 4}


def test_its_tools_are_called(llm: Llm) -> None:
    source = "def double(n: int) -> int:\n    'Doubles a number.'\n    return 2 * n\n"
    assert "42" in llm.says("-m", "quorate-plain", "--functions", source, "Please double 21.")


def test_it_embeds(llm: Llm) -> None:
    vector = json.loads(llm.says("embed", "-m", "3-small", "-c", "a text"))
    assert sum(value * value for value in vector) == pytest.approx(1, abs=1e-6)


def test_it_shows_an_error(llm: Llm, gateway: RunningGateway) -> None:
    done = llm("-m", "quorate-plain", "--key", gateway.new_key(scopes=["embeddings"]), "Who are you?")
    assert done.returncode == 1
    assert "this key does not permit" in done.stderr
