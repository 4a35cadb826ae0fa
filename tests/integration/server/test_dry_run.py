"""A request with `dryRun`: figures that are right, and nobody is asked."""

import time
from collections.abc import Callable, Generator
from typing import Any

import httpx2
import pytest

from running_gateway import RunningGateway, running_gateway

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
#: By the estimate: 7 tokens of text, 4 around the message, 3 to begin the answer.
PROMPT_TOKENS = 14


@pytest.fixture(scope="module")
def site() -> Generator[RunningGateway]:
    with running_gateway() as running:
        yield running


def ask(site: RunningGateway, *, key: str = "", **body: Any) -> httpx2.Response:
    return httpx2.post(
        f"{site.base_url}/chat/completions",
        json={"messages": QUESTION, "max_tokens": 100, **body},
        headers={"authorization": f"Bearer {key or site.key}"},
    )


def estimate(site: RunningGateway, *, key: str = "", model: str | None = None, **fields: Any) -> Any:
    named = {} if model is None else {"model": model}
    answer = ask(site, key=key, **named, parallel={"dryRun": True, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def wait_until(condition: Callable[[], bool]) -> None:
    """Records are written a moment after the answer."""
    limit_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit_s, "it never happened"
        time.sleep(0.02)  # nothing tells another process's thread that a record was written: it is looked for


def asked(site: RunningGateway) -> int:
    return sum(len(site.upstream.requests(each)) for each in ("fast", "fast#left", "fast#middle", "fast#right"))


def runs(site: RunningGateway) -> list[Any]:
    answer = httpx2.get(f"{site.url}/api/v1/runs", headers={"authorization": f"Bearer {site.key}"})
    return list(answer.json()["data"])


def test_it_says_what_each_branch_costs_and_asks_nobody(site: RunningGateway) -> None:
    before = asked(site)
    found = estimate(site, models=["left", "middle"], select="synthesis", synthesiser="right")
    assert found["object"] == "parallel.estimate"
    assert [branch["branch"] for branch in found["branches"]] == ["left", "middle"]
    left = found["branches"][0]
    assert (left["prompt_tokens"], left["max_output_tokens"], left["attempts"]) == (PROMPT_TOKENS, 100, 1)
    assert left["max_cost_usd"] == pytest.approx((PROMPT_TOKENS + 200) / 1e6)
    (helper,) = found["helpers"]
    assert (helper["branch"], helper["model"]) == ("synthesiser", "right")
    assert found["max_cost_usd"] == pytest.approx(2 * left["max_cost_usd"] + helper["max_cost_usd"])
    assert 0 < found["expected_cost_usd"] < found["max_cost_usd"]
    assert asked(site) == before


def test_what_is_on_record_is_expected(site: RunningGateway) -> None:
    assert not estimate(site, models=["other"])["branches"][0]["measured"]
    assert estimate(site, models=["other"])["expected_latency_ms"] is None
    tokens = ask(site, model="other").json()["usage"]["completion_tokens"]
    wait_until(lambda: estimate(site, models=["other"])["branches"][0]["measured"])
    (branch,) = estimate(site, models=["other"])["branches"]
    assert branch["expected_output_tokens"] == tokens
    assert branch["expected_cost_usd"] == pytest.approx((PROMPT_TOKENS + 2 * tokens) / 1e6)
    assert branch["expected_latency_ms"] > 0


def test_an_ensemble_is_estimated_with_all_its_members(site: RunningGateway) -> None:
    before = asked(site)
    assert len(estimate(site, model="panel")["branches"]) == 3
    assert len(estimate(site, model="panel", enabled=False)["branches"]) == 3
    assert asked(site) == before


def test_a_stream_of_an_estimate_is_refused(site: RunningGateway) -> None:
    answer = ask(site, stream=True, parallel={"dryRun": True, "models": ["left"]})
    assert answer.status_code == 400
    assert "dryRun" in answer.json()["error"]["message"]


def test_the_record_is_marked_and_costs_nothing(site: RunningGateway) -> None:
    estimate(site, models=["left"])
    wait_until(lambda: any(run["mode"] == "dry_run" for run in runs(site)))
    run = next(run for run in runs(site) if run["mode"] == "dry_run")
    assert (run["cost_microusd"], run["prompt_tokens"], run["completion_tokens"]) == (0, 0, 0)


def test_an_estimate_takes_no_tokens_from_a_limit(site: RunningGateway) -> None:
    key = site.new_key(scopes=["chat"], allowance={"tokens_per_minute": 1000})
    for _ in range(12):
        estimate(site, key=key, models=["left"])
    assert ask(site, key=key, model="left").status_code == 200


def test_models_that_a_key_may_not_ask_are_not_told(site: RunningGateway) -> None:
    key = site.new_key(scopes=["chat"], models=["left"])
    body: dict[str, Any] = {"models": ["left", "right"]}
    real, dry = (ask(site, key=key, parallel={**body, "dryRun": each}) for each in (False, True))
    assert (dry.status_code, dry.json()["error"]["code"]) == (real.status_code, real.json()["error"]["code"])
    assert dry.status_code in {403, 404}
    for text in ("cost", "tokens", "middle", "panel"):
        assert text not in dry.text
    unknown = ask(site, key=key, parallel={"dryRun": True, "models": ["left", "no-such"]})
    assert unknown.status_code in {403, 404}
    assert "right" not in unknown.text
    through = ask(site, key=key, model="panel", parallel={"dryRun": True, "enabled": False})
    assert through.status_code in {403, 404}


def test_an_ensemble_that_a_key_may_ask_shows_only_what_its_answer_would(site: RunningGateway) -> None:
    key = site.new_key(scopes=["chat"], models=["panel"])
    assert len(estimate(site, key=key, model="panel", enabled=False)["branches"]) == 3
    real, dry = (ask(site, key=key, model="panel", parallel={"dryRun": each}) for each in (False, True))
    assert dry.status_code == real.status_code
