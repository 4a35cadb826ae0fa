"""From settings to models: keys, connections, prices, ensembles."""

import asyncio
import json
from pathlib import Path

import pytest

from quorate.config import Built, build, load_settings, settings_from_text
from quorate.config.gate_section import BreakerSection, breaker_policy
from quorate.config.provider_setup import ProviderSetup
from quorate.core.errors import Misconfigured, NotFound
from quorate.core.secret import Secret
from quorate.engine import ModelKind
from quorate.model import complete, new_call
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Mode, Select, Synthesis
from quorate.providers.endpoint import Endpoint
from quorate.resilience.breaker import BreakerPolicy, Circuit
from quorate.resilience.gate import GateKey, GateStatus
from quorate.resilience.retry_policy import RetryPolicy
from quorate.testing.upstream import Upstream
from quorate.testing.upstream_behaviour import Respond
from quorate.wire.chat import user_request


def built(text: str, environ: dict[str, str] | None = None) -> Built:
    return build(settings_from_text("version: 1\n" + text, environ=environ or {}, name="q.yaml"))


def provider(text: str, environ: dict[str, str] | None = None) -> ProviderSetup:
    return built(f"providers: {{p: {text}}}\n", environ).providers["p"]


def test_a_preset_takes_its_usual_key() -> None:
    setup = provider("{type: groq}", {"GROQ_API_KEY": "gsk"})
    assert setup.base_url == "https://api.groq.com/openai/v1"
    assert setup.key == Secret("gsk")
    assert setup.key_source == "env:GROQ_API_KEY"


def test_the_usual_key_never_goes_to_another_address() -> None:
    setup = provider("{type: openai, base_url: 'https://elsewhere.example/v1'}", {"OPENAI_API_KEY": "k"})
    assert setup.key is None
    assert setup.problem is None
    assert setup.priced_as is None


def test_azure_has_an_address_of_its_own_and_takes_the_usual_key() -> None:
    setup = provider("{type: azure, base_url: 'https://me.openai.azure.com/openai/v1'}", {"AZURE_OPENAI_API_KEY": "k"})
    assert (setup.key, setup.priced_as) == (Secret("k"), "azure")
    with pytest.raises(Misconfigured, match=r"q\.yaml:2:16: .*`base_url` is missing \(its form: https://\{resource\}"):
        provider("{type: azure}")


def test_a_missing_key_is_told_when_the_model_is_asked_for() -> None:
    text = "providers: {p: {type: groq, api_key: env:NOT_THERE}}\nmodels: {a: {provider: p}, s: {type: simulated}}\n"
    catalog = built(text).catalog
    assert catalog.resolve("s").name == "s"
    with pytest.raises(Misconfigured, match=r"^q\.yaml:2:38: the environment variable NOT_THERE is not set"):
        catalog.resolve("a")
    with pytest.raises(Misconfigured, match=r"there is no key for the provider 'groq'; set .* GROQ_API_KEY"):
        built("models: {a: {provider: groq}}\n").catalog.resolve("a")


@pytest.mark.parametrize(
    ("content", "expected"),
    [("secret\n", None), ("secret", None), ("", "is empty"), ("a\nb\n", "has several lines"), (None, "No such file")],
)
def test_secrets_in_files(tmp_path: Path, content: str | None, expected: str | None) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content)
    file = tmp_path / "quorate.yaml"
    file.write_text("version: 1\nproviders: {p: {type: groq, api_key: file:key}}\nmodels: {a: {provider: p}}\n")
    made = build(load_settings(file, environ={}, folder=Path("/")))
    if expected is None:
        made.catalog.resolve("a")
        assert made.secrets == (Secret("secret"),)
    else:
        with pytest.raises(Misconfigured, match=rf"quorate\.yaml:2:38: .*{expected}"):
            made.catalog.resolve("a")
    assert "Secret('secret')" not in repr(made.providers)


def test_headers_and_proxy_may_be_references() -> None:
    setup = provider(
        "{base_url: 'https://x.example', headers: {X-Api-Key: env:A, X-Team: red}, query: {sub-key: env:A}, "
        "proxy: env:B}",
        {"A": "aaaa", "B": "http://u:p@proxy.example:1"},
    )
    assert setup.headers == {"X-Api-Key": "aaaa", "X-Team": "red"}
    assert setup.query == {"sub-key": "aaaa"}
    assert setup.connection.proxy == "http://u:p@proxy.example:1"
    assert "aaaa" not in repr(setup)
    assert "u:p" not in repr(setup)
    assert setup.secrets == (Secret("aaaa"), Secret("aaaa"), Secret("http://u:p@proxy.example:1"))


def test_limits_are_layered() -> None:
    made = built(
        "providers: {p: {base_url: 'http://127.0.0.1:1', limits: {idle_s: 5, total_s: 50}}}\n"
        "models: {a: {provider: p, limits: {total_s: 9}}}\n"
    )
    endpoint = made.catalog.resolve("a")
    assert isinstance(endpoint, Endpoint)
    assert (endpoint.limits.connect_s, endpoint.limits.idle_s, endpoint.limits.total_s) == (10, 5, 9)


def gate_of(text: str, name: str) -> GateStatus | None:
    everything = built(text)
    everything.catalog.resolve(name)
    return next((gate for gate in everything.gates.status(0) if gate.key.provider == "p"), None)


def test_a_breaker_is_on_and_may_be_switched_off_at_each_level() -> None:
    provider_of = "providers: {{p: {{base_url: 'http://127.0.0.1:1', {0}}}}}\nmodels: {{m: {{provider: p, {1}}}}}\n"
    for where, more in (("verify: true", ""), ("breaker: true", "defaults: {breaker: false}\n")):
        found = gate_of(provider_of.format(where, "description: x") + more, "m")
        assert found is not None
        assert (found.key, found.state) == (GateKey(provider="p", model="m"), Circuit.CLOSED)
    for provider_says, model_says, more in (
        ("breaker: false", "description: x", ""),
        ("breaker: true", "breaker: false", ""),
        ("breaker: {failures: 3}", "breaker: false", ""),
        ("verify: true", "description: x", "defaults: {breaker: {enabled: false}}\n"),
    ):
        assert gate_of(provider_of.format(provider_says, model_says) + more, "m") is None


def test_a_breaker_is_layered_key_by_key() -> None:
    assert breaker_policy() == BreakerPolicy()
    assert breaker_policy(
        BreakerSection(failures=7, cooldown_s=2), BreakerSection(failures=3), BreakerSection(window_s=60)
    ) == BreakerPolicy(failures=3, cooldown_s=2, window_s=60)
    assert breaker_policy(BreakerSection(cooldown_s=100)) == BreakerPolicy(cooldown_s=100, max_cooldown_s=100)


def test_models_of_a_provider_share_its_places() -> None:
    text = "providers: {p: {base_url: 'http://127.0.0.1:1', concurrency: {max_concurrent: 3}}}\n"
    found = gate_of(text + "models: {m: {provider: p}}\n", "p:anything")
    assert found is not None
    assert (found.limit, found.in_use, found.waiting) == (3, 0, 0)
    adaptive = gate_of(text.replace("3}", "40, adaptive: true}"), "p:anything")
    assert adaptive is not None
    assert adaptive.limit == 10


def test_one_transport_for_each_kind_of_connection() -> None:
    text = (
        "providers: {a: {base_url: 'http://127.0.0.1:1'}, b: {base_url: 'http://127.0.0.1:2'}, "
        "c: {base_url: 'http://127.0.0.1:3', verify: false}}\n"
    )
    assert len(built(text).transports) == 2
    assert built("models: {s: {type: simulated}}\n").transports == ()


def test_prices() -> None:
    catalog = built(
        "providers: {local: {type: ollama}, mine: {base_url: 'https://mine.example'}}\n"
        "models:\n"
        "  listed: {provider: openai, model: gpt-6-luna}\n"
        "  own: {provider: mine, price: {input: 0.1, output: 0.25, per_request: 0.000001}}\n"
        "  unknown: {provider: mine, model: gpt-6-luna}\n"
        "  local: {provider: local, model: llama3}\n"
        "  cloud: {provider: local, model: 'big:cloud'}\n"
    ).catalog
    prices = {card.name: card.price for card in catalog.cards()}
    listed, own, local = prices["listed"], prices["own"], prices["local"]
    assert listed is not None
    assert listed.input_microusd_per_mtok > 0
    assert own is not None
    assert (own.input_microusd_per_mtok, own.output_microusd_per_mtok, own.request_microusd) == (100_000, 250_000, 1)
    assert local is not None
    assert local.input_microusd_per_mtok == 0
    assert prices["unknown"] is None
    assert prices["cloud"] is None


def test_an_ensemble_takes_what_it_leaves_open_from_the_defaults() -> None:
    made = built(
        "models:\n"
        "  a: {type: simulated}\n"
        "  b: {type: simulated}\n"
        "  e: {type: ensemble, members: [a, {model: b, count: 2, params: {stop: END}}], select: synthesis}\n"
        "  f: {type: ensemble, members: [a, b], timeout_s: 3, retry: {max_retries: 0}}\n"
        "defaults: {timeout_s: 7, max_concurrent: 9, mode: race, synthesiser: b, max_cost_usd: 0.05, "
        "retry: {max_retries: 4}}\n"
    )
    ensemble, other = made.catalog.resolve("e"), made.catalog.resolve("f")
    assert isinstance(ensemble, Ensemble)
    assert isinstance(other, Ensemble)
    plan = ensemble.plan
    assert (plan.timeout_s, plan.max_concurrent, plan.synthesiser, plan.retry) == (
        7,
        9,
        "b",
        RetryPolicy(max_retries=4),
    )
    assert plan.mode is Mode.ALL
    assert plan.members[1].params.stop == ("END",)
    assert (other.plan.timeout_s, other.plan.retry.max_retries) == (3, 0)
    assert made.defaults.plan.mode is Mode.RACE
    assert made.defaults.plan.selector is Select.FIRST
    assert made.defaults.max_cost_microusd == 50_000
    card = made.catalog.card("e")
    assert (card.kind, card.members, card.simulated) == (ModelKind.ENSEMBLE, ("a", "b"), True)


def test_how_the_answer_is_made_as_written_and_by_default() -> None:
    made = built(
        "models:\n"
        "  a: {type: simulated}\n"
        "  b: {type: simulated}\n"
        "  e: {type: ensemble, members: [a, b], select: synthesis, synthesis: rank_then_fuse, fuse_top: 2, "
        "provenance: true, synthesiser: a}\n"
        "  f: {type: ensemble, members: [a, b], select: field_vote, floor: 0}\n"
        "  g: {type: ensemble, members: [a, b], select: judge_select, judge: a}\n"
        "defaults: {floor: 0.6}\n"
    )
    fusing, voting, judging = (made.catalog.resolve(name) for name in "efg")
    assert isinstance(fusing, Ensemble)
    assert isinstance(voting, Ensemble)
    assert isinstance(judging, Ensemble)
    assert (fusing.plan.synthesis, fusing.plan.fuse_top, fusing.plan.provenance, fusing.plan.floor) == (
        Synthesis.RANK_THEN_FUSE,
        2,
        True,
        0.6,
    )
    assert (voting.plan.select, voting.plan.floor) == (Select.FIELD_VOTE, 0.0)
    assert judging.plan.select is Select.PROMPT_SELECTOR
    assert made.defaults.plan.floor == 0.6


def test_names_that_are_not_configured() -> None:
    catalog = built("providers: {sim: {type: simulated}}\n", {"GROQ_API_KEY": "k"}).catalog
    assert catalog.resolve("groq:llama").name == "groq:llama"
    assert catalog.resolve("sim:sim-ember").name == "sim:sim-ember"
    assert catalog.resolve("groq:llama") is catalog.resolve("groq:llama")
    assert catalog.cards() == ()
    with pytest.raises(NotFound, match="no provider 'grog' for the model 'grog:x'; did you mean 'groq'"):
        catalog.resolve("grog:x")
    with pytest.raises(NotFound, match="no simulated model 'nobody'"):
        catalog.resolve("sim:nobody")


def recordings(tmp_path: Path) -> Path:
    file = tmp_path / "answers.jsonl"
    answers = [{"model": "m1", "text": "B"}, {"model": "m2", "text": "C"}]
    file.write_text(json.dumps({"prompt": "Which?", "truth": "B", "answers": answers}) + "\n")
    return file


async def test_recorded_answers(tmp_path: Path) -> None:
    recordings(tmp_path)
    file = tmp_path / "quorate.yaml"
    file.write_text(
        "version: 1\n"
        "providers: {rec: {type: replay, file: answers.jsonl}}\n"
        "models:\n"
        "  m1: {type: replay, file: answers.jsonl, latency: {median_s: 0}, price: {input: 1, output: 1}}\n"
        "  other: {provider: rec, model: m2}\n"
    )
    catalog = (await asyncio.to_thread(lambda: build(load_settings(file, environ={})))).catalog
    for name, text in (("m1", "B"), ("other", "C"), ("rec:m2", "C")):
        answer = await complete(catalog.resolve(name), user_request("Which?"), new_call())
        assert (answer.text, answer.model) == (text, name)
    with pytest.raises(NotFound):
        catalog.resolve("rec:m3")


@pytest.mark.parametrize(
    ("section", "expected"),
    [("file: gone.jsonl", "cannot be read"), ("file: answers.jsonl, model: m9", "has no|holds no answers of 'm9'")],
)
def test_recorded_answers_that_are_not_there(tmp_path: Path, section: str, expected: str) -> None:
    recordings(tmp_path)
    file = tmp_path / "quorate.yaml"
    file.write_text(f"version: 1\nmodels: {{m: {{type: replay, {section}}}}}\n")
    with pytest.raises(Misconfigured, match=rf"quorate\.yaml:2:\d+: .*({expected})"):
        build(load_settings(file, environ={}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "cannot be read .No such file or directory.; `quorate calibrate consensus` writes one"),
        ("{", "no calibration"),
        ('{"version": 2}', "format version 2, this release reads 1; make it again"),
    ],
)
def test_a_calibration_that_cannot_be_used(tmp_path: Path, text: str | None, expected: str) -> None:
    if text is not None:
        (tmp_path / "calibration.json").write_text(text)
    file = tmp_path / "quorate.yaml"
    file.write_text("version: 1\nconsensus:\n  calibration: calibration.json\n")
    with pytest.raises(Misconfigured, match=expected) as caught:
        build(load_settings(file, environ={}, probe=False))
    assert caught.value.where == f"{file}:3:16"
    assert str(tmp_path / "calibration.json") in caught.value.message


def test_votes_and_stop_of_defaults_hold_for_ensembles() -> None:
    found = built(
        "models:\n"
        "  a: {type: simulated}\n"
        "  panel: {type: ensemble, members: [a], stop: beta}\n"
        "defaults: {weighting: learned, stop: posterior, stop_confidence: 0.9}\n"
    )
    panel = found.catalog.resolve("panel")
    assert isinstance(panel, Ensemble)
    assert (panel.plan.weighting, panel.plan.stop, panel.plan.stop_confidence) == ("learned", "beta", 0.9)
    assert found.defaults.plan.stop == "posterior"


def test_simulated_profiles() -> None:
    catalog = built(
        "models:\n"
        "  mine: {type: simulated, profile: sim-ember, accuracy: 0.5, price: {input: 1, output: 2}, "
        "failures: [{kind: overload, first_n: 1}], knowledge: {'Who?': Me}}\n"
        "  sim-atlas: {type: simulated}\n"
    ).catalog
    card = catalog.card("mine")
    assert card.price is not None
    assert card.price.output_microusd_per_mtok == 2_000_000
    assert card.simulated
    assert "fast" in catalog.card("sim-atlas").description


async def test_an_endpoint_sends_what_is_configured() -> None:
    async with Upstream(Respond(text="hello")) as upstream:
        made = await asyncio.to_thread(
            built,
            f"providers: {{up: {{base_url: '{upstream.base_url}', api_key: env:KEY, query: {{v: '1'}}}}}}\n"
            "models: {a: {provider: up, model: real, params: {temperature: 0.3, extra: {reasoning_effort: low}}}}\n",
            {"KEY": "very-secret"},
        )
        answer = await complete(made.catalog.resolve("a"), user_request("hi"), new_call())
        await made.close()
    assert (answer.text, answer.model, answer.provider) == ("hello", "a", "up")
    (request,) = upstream.requests
    assert request.headers["Authorization"] == "Bearer very-secret"
    assert {**request.body, "messages": None} == {
        "model": "real",
        "messages": None,
        "temperature": 0.3,
        "reasoning_effort": "low",
    }


def test_broken_certificate_files_are_told(tmp_path: Path) -> None:
    text = f"providers: {{p: {{base_url: 'https://x.example', ca_file: '{tmp_path}/gone.pem'}}}}\n"
    made = built(text + "models: {a: {provider: p}}\n")
    with pytest.raises(Misconfigured, match=r"gone\.pem"):
        made.catalog.resolve("a")
