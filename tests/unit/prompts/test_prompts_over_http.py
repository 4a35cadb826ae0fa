"""Saved prompts through a gateway: a name among those of models."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quorate.testing import LocalGateway

CONFIG = """
version: 1
models:
  fast: {type: simulated, time_scale: 0.05}
  other: {type: simulated, time_scale: 0.05}
prompts: {folder: FOLDER}
"""
PROMPT = "{inputs: {text: string}, template: 'Sum up: {{ text }}', models: [fast, other], select: medoid}"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[LocalGateway]:
    (tmp_path / "summary.yaml").write_text(PROMPT)
    with LocalGateway(CONFIG.replace("FOLDER", str(tmp_path))) as running:
        yield running


def asked(gateway: LocalGateway, path: str, body: dict[str, Any] | None = None) -> bytes:
    request = urllib.request.Request(
        f"{gateway.base_url}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"authorization": f"Bearer {gateway.key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


async def test_a_prompt_answers_like_a_model(gateway: LocalGateway) -> None:
    body = {"model": "prompt/summary", "messages": [{"role": "user", "content": "Rain fell."}]}
    answer = json.loads(await asyncio.to_thread(asked, gateway, "/chat/completions", body))
    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] > 0
    pieces = await asyncio.to_thread(asked, gateway, "/chat/completions", {**body, "stream": True})
    assert pieces.rstrip().endswith(b"data: [DONE]")
    assert b'"content"' in pieces
    listed = json.loads(await asyncio.to_thread(asked, gateway, "/models"))
    assert "prompt/summary" in [each["id"] for each in listed["data"]]


async def test_it_is_a_member_of_a_plan_of_one_request(gateway: LocalGateway) -> None:
    body = {
        "model": "parallel",
        "messages": [{"role": "user", "content": "Rain fell."}],
        "parallel": {"models": ["prompt/summary", "fast"], "select": "medoid"},
    }
    answer = json.loads(await asyncio.to_thread(asked, gateway, "/chat/completions", body))
    assert answer["choices"][0]["message"]["content"]
