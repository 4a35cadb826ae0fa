"""Answers that saved prompts keep, from outside: who gets whose."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from served_flows import FlowGateway, flow_gateway, write_flows

CONFIG = """
version: 1
models: {m: {type: simulated, time_scale: 0}}
prompts: {folder: FOLDER}
"""
PROMPT = "{inputs: {text: string}, template: '{{ text }}', model: m, cache: {key: '{{ text | length }}'}}"
FLOW = """
name: told
inputs: {text: string}
outputs: {cached: "{{ steps.ask.cached }}"}
steps:
  - {name: ask, executor: prompt, config: {name: kept, values: {text: "{{ inputs.text }}"}}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FlowGateway]:
    prompts, flows = tmp_path / "prompts", write_flows(tmp_path / "flows", {"told": FLOW})
    prompts.mkdir()
    (prompts / "kept.yaml").write_text(PROMPT)
    with flow_gateway(flows, CONFIG.replace("FOLDER", str(prompts))) as running:
        yield running


def keys_of_a_tenant(site: FlowGateway, name: str, count: int, **fields: Any) -> list[str]:
    made = site.client.post("/api/v1/tenants", json={"name": name}).raise_for_status().json()
    tenant = str(made.get("id") or made["tenant"]["id"])
    return [site.new_key(tenant=tenant, scopes=["chat", "flows"], **fields) for _ in range(count)]


def is_cached(site: FlowGateway, key: str, text: str = "Rain fell.") -> bool:
    body = {"model": "prompt/kept", "messages": [{"role": "user", "content": text}]}
    with site.as_key(key) as client:
        return "cached" in client.post("/v1/chat/completions", json=body).raise_for_status().json()["quorate"]


def is_cached_in_a_flow(site: FlowGateway, key: str) -> bool:
    with site.as_key(key) as client:
        answer = client.post("/api/v1/flows/told/run", json={"text": "Rain fell."}).raise_for_status().json()
        return answer["outputs"]["cached"]


def test_no_tenant_gets_what_another_asked(site: FlowGateway) -> None:
    (one, same), (other,) = keys_of_a_tenant(site, "one", 2), keys_of_a_tenant(site, "other", 1)
    assert [is_cached(site, key) for key in (one, one, same, other, other)] == [False, True, True, False, True]
    assert is_cached(site, one, "Snow fell.")  # as long as the other: the prompt's own key says that this is the same
    third, fourth = (keys_of_a_tenant(site, name, 1)[0] for name in ("third", "fourth"))
    assert [is_cached_in_a_flow(site, key) for key in (third, third, fourth)] == [False, True, False]
    assert is_cached(site, third)  # one cache for all doors


def test_who_may_not_ask_a_prompt_gets_no_kept_answer_of_it(site: FlowGateway) -> None:
    free, bound = site.new_key(scopes=["chat"]), site.new_key(scopes=["chat"], models=["m"])
    assert not is_cached(site, free)
    with site.as_key(bound) as client:
        body = {"model": "prompt/kept", "messages": [{"role": "user", "content": "Rain fell."}]}
        assert client.post("/v1/chat/completions", json=body).status_code == 404
