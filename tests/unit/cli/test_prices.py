"""`quorate prices`: every component, where it is from, and help with a name that is not known."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from quorate.cli.exit_code import ExitCode

Run = Callable[..., Result]

OWN = """
version: 1
providers:
  mine: {type: openai, base_url: "http://127.0.0.1:9/v1"}
models:
  own:
    provider: mine
    model: large-v2
    context_window: 8000
    price: {input: 0.1, output: 0.25, cache_write: 0.2, per_request: 0.000001, per_image: 0.0013,
            as_of: 2026-11-01, source: "our contract"}
  pair: {type: ensemble, members: [own, own]}
"""


def own(folder: Path) -> str:
    file = folder / "own.yaml"
    file.write_text(OWN)
    return str(file)


def test_every_component_of_a_configured_price_is_shown(run: Run, tmp_path: Path) -> None:
    shown = run("prices", "show", "own", "--config", own(tmp_path)).stdout
    for part in (
        "context       8,000 tokens",
        "input         $0.1 per million tokens",
        "cached input  as input",
        "cache write   $0.2 per million tokens",
        "reasoning     as output",
        "per request   $0.000001",
        "per image     $0.0013",
        "source        our contract",
        "of            2026-11-01",
    ):
        assert part in shown, part


def test_json_has_integers(run: Run, tmp_path: Path) -> None:
    (shown,) = json.loads(run("prices", "show", "own", "--config", own(tmp_path), "--json").stdout)
    price = shown["price"]
    assert (price["input_microusd_per_mtok"], price["image_microusd"], price["dated"]) == (100_000, 1300, "2026-11-01")
    assert shown["context_window"] == 8000


def test_an_ensemble_costs_what_its_members_cost(run: Run, tmp_path: Path) -> None:
    assert "its members cost: own, own" in run("prices", "show", "pair", "--config", own(tmp_path)).stdout


def test_a_model_id_is_shown_at_every_provider_of_the_list(run: Run) -> None:
    shown = json.loads(run("prices", "show", "gpt-4o", "--json").stdout)
    assert "openai:gpt-4o" in [each["name"] for each in shown]
    (one,) = json.loads(run("prices", "show", "openai:gpt-4o", "--json").stdout)
    assert one["context_window"] == 128_000
    assert one["price"]["source"].startswith("genai-prices ")
    assert one["price"]["dated"]


def test_tiers_are_shown(run: Run) -> None:
    (one,) = json.loads(run("prices", "show", "google:gemini-2.5-pro", "--json").stdout)
    (tier,) = one["price"]["tiers"]
    assert tier["above_prompt_tokens"] == 200_000
    assert "prompt above 200,000 tokens" in run("prices", "show", "google:gemini-2.5-pro").stdout


def test_a_name_that_is_nearly_right_is_guessed(run: Run) -> None:
    answer = run("prices", "show", "gpt-4oo")
    assert answer.exit_code == ExitCode.USAGE
    assert "did you mean 'gpt-4o'" in answer.stderr


def test_the_list_is_searched_by_words(run: Run) -> None:
    found = json.loads(run("prices", "list", "openai", "GPT-4o", "--json").stdout)
    assert found
    assert all("openai" in each["name"] and "gpt-4o" in each["name"] for each in found)
    assert "sim-atlas" in run("prices", "list", "atlas").stdout
