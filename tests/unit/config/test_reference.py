"""The published schema and pages say what the code does, and the example is good."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from quorate.config import build, config_schema, load_settings
from quorate.config.cascade_section import CascadeSection, StageSection
from quorate.config.defaults_section import DefaultsSection
from quorate.config.provider_section import LimitsSection
from quorate.parallel.escalation import Cascade, StageRules
from quorate.parallel.plan import Member, Params, Plan
from quorate.parallel.plan_section import EnsembleSection, MemberSection, ParamsSection, RetrySection
from quorate.providers.transport import PhaseLimits
from quorate.resilience.retry_policy import RetryPolicy

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.subprocess
@pytest.mark.parametrize("name", ["config", "cli"])
def test_the_reference_is_up_to_date(name: str) -> None:
    command = [sys.executable, str(ROOT / f"scripts/generate_{name}_reference.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_is_good() -> None:
    file = ROOT / "examples/quorate.yaml"
    made = build(load_settings(file, environ={"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b"}))
    assert made.defaults.models == ("gpt", "claude", "office-llm")
    assert made.catalog.resolve("panel").name == "panel"


def names(kind: type) -> set[str]:
    return {field.name for field in fields(kind)}


def test_every_field_of_a_plan_can_be_written() -> None:
    assert names(Plan) - {"cascade", "max_cost_microusd"} | {"max_cost_usd"} <= set(EnsembleSection.model_fields)
    assert names(Cascade) - {"speculate_after_s", "max_cost_microusd"} <= set(CascadeSection.model_fields)
    assert names(StageRules) <= set(StageSection.model_fields)
    assert names(Member) == set(MemberSection.model_fields)
    assert names(Params) == set(ParamsSection.model_fields)
    assert names(RetryPolicy) == set(RetrySection.model_fields)
    assert names(PhaseLimits) == set(LimitsSection.model_fields)


def test_what_is_not_written_is_what_is_built_in() -> None:
    assert RetrySection().policy() == RetryPolicy()
    assert MemberSection(model="a").member() == Member(model="a")
    written = EnsembleSection.model_validate({"type": "ensemble", "members": ["a", "b"]})
    assert written.plan(Plan(members=())) == Plan(members=(Member(model="a"), Member(model="b")))
    assert DefaultsSection().defaults().plan == Plan(members=())


def test_the_built_in_limits_are_the_documented_ones() -> None:
    limits = PhaseLimits()
    said = (LimitsSection.__doc__ or "").partition("Built in: ")[2]
    numbers = [int(word) for word in said.replace(",", " ").split() if word.isdigit()]
    assert numbers == [limits.connect_s, limits.headers_s, limits.idle_s, limits.total_s]


def test_the_schema_knows_every_variant_and_short_form() -> None:
    schema = config_schema()
    shapes: dict[str, Any] = schema["$defs"]
    assert schema["required"] == ["version"]
    assert all(shape.get("additionalProperties") is False for shape in (schema, shapes["EnsembleSection"]))
    member = shapes["EnsembleSection"]["properties"]["members"]["items"]
    assert {"type": "string"} in member["anyOf"]
    models: list[Any] = schema["properties"]["models"]["additionalProperties"]["oneOf"]
    kinds = {shapes[model["$ref"].rpartition("/")[2]]["properties"]["type"]["const"] for model in models}
    assert kinds == {"endpoint", "ensemble", "cascade", "simulated", "replay"}
    key = shapes["HttpProviderSection"]["properties"]["api_key"]["anyOf"][0]
    assert key["pattern"] == "^(env|file):.+$"
