"""Saved prompts through a gateway: a name among those of models."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from quorate.testing import LocalGateway

CONFIG = """
version: 1
models:
  fast: {type: simulated, time_scale: 0.05, price: {input: 100, output: 100}}
  other: {type: simulated, time_scale: 0.05, price: {input: 100, output: 100}}
prompts: {folder: FOLDER}
"""
PROMPT = "{inputs: {text: string}, template: 'Sum up: {{ text }}', models: [fast, other], select: medoid}"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[LocalGateway]:
    (tmp_path / "summary.yaml").write_text(PROMPT)
    (tmp_path / "kept.yaml").write_text(f"{PROMPT[:-1]}, cache: true}}")
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


async def test_an_answer_that_was_kept_says_so_and_its_record_costs_nothing(gateway: LocalGateway) -> None:
    async with httpx2.AsyncClient(
        base_url=gateway.base_url, headers={"authorization": f"Bearer {gateway.key}"}, timeout=20
    ) as client:

        async def ask(path: str, **body: Any) -> httpx2.Response:
            return (await client.post(path, json={"model": "prompt/kept", **body})).raise_for_status()

        messages = [{"role": "user", "content": "Rain fell."}]
        answers = [await ask("/chat/completions", messages=messages) for _ in range(2)]
        streamed = await ask("/chat/completions", messages=messages, stream=True)
        response = (await ask("/responses", input="Rain fell.")).json()
        runs = [each.headers["x-quorate-run-id"] for each in (*answers, streamed)]
        records = [await record(client, run) for run in runs]
    first, again = (each.json() for each in answers)
    assert first["choices"] == again["choices"]
    assert first["quorate"] == {"simulated": True}
    assert again["quorate"] == {"simulated": True, "cached": True}
    assert again["usage"]["total_tokens"] == 0
    assert answers[1].headers["x-quorate-cost-usd"] == "0.000000"
    assert first["id"] != again["id"]
    assert '"cached":true' in streamed.text
    assert (response["cached"], response["simulated"]) == (True, True)
    assert records[0]["cost_microusd"] > 0
    assert [(each["state"], each["cost_microusd"], each["prompt_tokens"]) for each in records[1:]] == [
        ("finished", 0, 0)
    ] * 2


async def record(client: httpx2.AsyncClient, run: str) -> dict[str, Any]:
    """The record of a run, once it is written."""
    for _ in range(200):
        shown = await client.get(f"{str(client.base_url).removesuffix('/v1/')}/api/v1/runs/{run}")
        if found := shown.json().get("run"):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"no record of {run}")
