"""Loading: where files are found, what is reported, which value wins."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.config import BadConfiguration, Layer, load_settings, settings_from_text, simulated_settings
from quorate.core.errors import Misconfigured

TWO = "version: 1\nmodels:\n  a: {type: simulated}\n  b: {type: simulated}\n"


def problems(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(BadConfiguration) as caught:
        settings_from_text(text, environ=environ, name="q.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models: {}\n", "q.yaml:1:1: `version` is missing"),
        ("version: 2\n", "q.yaml:1:10: version: 2 is not one of 1"),
        ("version: 1\nmodel: {}\n", "q.yaml:2:1: model: unknown key; did you mean 'models'?"),
        ("version: 1\nxyz: {}\n", "q.yaml:2:1: xyz: unknown key; known here: version, providers, models, defaults"),
        (
            "version: 1\nproviders: {p: {api_key: sk-very-secret}}\n",
            "q.yaml:2:26: providers.p.api_key: expected a reference",
        ),
        (
            "version: 1\nproviders: {p: {headers: {Authorization: Bearer very-secret}}}\n",
            "q.yaml:2:26: providers.p.headers: 'Authorization' looks like a secret",
        ),
        (
            "version: 1\nproviders: {p: {base_url: 'ftp://x'}}\n",
            "q.yaml:2:27: providers.p.base_url: 'ftp://x': 'ftp://x' is not an http or https URL",
        ),
        (
            "version: 1\nproviders: {p: {type: opnai}}\n",
            "q.yaml:2:23: providers.p.type: 'opnai': is not a type of provider; did you mean 'openai'?",
        ),
        (
            "version: 1\nproviders: {p: {proxy: 'http://u:very-secret@h'}}\n",
            "q.yaml:2:24: providers.p.proxy: holds credentials",
        ),
        (
            "version: 1\nproviders: {p: {ca_file: a.pem, verify: false}}\n",
            "q.yaml:2:16: providers.p: `ca_file` means nothing while `verify` is false",
        ),
        (
            "version: 1\nproviders: {p: {concurrency: {max_concurrent: -1}}}\n",
            "q.yaml:2:47: providers.p.concurrency.max_concurrent: -1",
        ),
        (
            "version: 1\nproviders: {p: {concurrency: {adaptive: true}}}\n",
            "q.yaml:2:30: providers.p.concurrency: `max_concurrent` is missing",
        ),
        (
            "version: 1\nproviders: {p: {concurrency: {max_concurrent: 3, min_concurrent: 4, adaptive: true}}}\n",
            "q.yaml:2:30: providers.p.concurrency: `min_concurrent` is above `max_concurrent`",
        ),
        (
            "version: 1\nproviders: {p: {concurrency: {max_concurrent: 3, min_concurrent: 2}}}\n",
            "q.yaml:2:30: providers.p.concurrency: `min_concurrent` means nothing without `adaptive: true`",
        ),
        (
            "version: 1\nproviders: {p: {breaker: {cooldown: 5}}}\n",
            "q.yaml:2:27: providers.p.breaker.cooldown: unknown key; did you mean 'cooldown_s'?",
        ),
        (
            "version: 1\nproviders: {p: {breaker: {cooldown_s: 5s}}}\n",
            "q.yaml:2:39: providers.p.breaker.cooldown_s: '5s'",
        ),
        ("version: 1\ndefaults: {breaker: {failures: 0}}\n", "q.yaml:2:32: defaults.breaker.failures: 0"),
        ("version: 1\ndefaults: {breaker: {failure_rate: 50}}\n", "q.yaml:2:36: defaults.breaker.failure_rate: 50"),
        ("version: 1\ndefaults: {breaker: {window_s: -1}}\n", "q.yaml:2:32: defaults.breaker.window_s: -1"),
        (
            TWO + "  m: {provider: openai, breaker: sometimes}\n",
            "q.yaml:5:34: models.m.breaker: 'sometimes'",
        ),
        (TWO + "  e: {type: ensembl}\n", "q.yaml:5:13: models.e.type: 'ensembl' is not one of endpoint, ensemble, "),
        (TWO + "  e: {}\n", "q.yaml:5:6: models.e: `provider` is missing"),
        (TWO + "  'x:y': {type: simulated}\n", "models.x:y: 'x:y': a name is letters, digits"),
        (
            TWO + "  e: {type: ensemble, members: [a, b], mode: rce}\n",
            "q.yaml:5:46: models.e.mode: 'rce' is not one of all, race, quorum; did you mean 'race'?",
        ),
        (
            TWO + "  e: {type: ensemble, members: [a, {model: bb}]}\n",
            "q.yaml:5:44: models.e.members[1].model: no model is called 'bb'; did you mean 'b'?",
        ),
        (TWO + "  e: {type: ensemble, members: []}\n", "q.yaml:5:32: models.e.members: expected at least 1, found 0"),
        (
            TWO + "  e: {type: ensemble, members: [a, {model: b, weight: 0}]}\n",
            "q.yaml:5:55: models.e.members[1].weight: 0: expected more than 0",
        ),
        (TWO + "  e: {type: ensemble, members: [a, e]}\n", "models.e.members[1].model: is a circle: e -> e"),
        (
            TWO + "  e: {type: ensemble, members: [a, f]}\n  f: {type: ensemble, members: [b, e]}\n",
            "q.yaml:5:36: models.e.members[1].model: is a circle: e -> f -> e",
        ),
        (
            TWO + "  c: {type: simulated, fallbacks: [d]}\n  d: {type: simulated, fallbacks: [a, c]}\n",
            "q.yaml:5:36: models.c.fallbacks[0]: is a circle: c -> d -> c; no model can stand in for itself",
        ),
        (
            TWO + "  c: {type: simulated, fallbacks: [e]}\n  e: {type: ensemble, members: [a, c]}\n",
            "q.yaml:5:36: models.c.fallbacks[0]: is a circle: c -> e -> c",
        ),
        (
            TWO + "  c: {type: simulated, fallbacks_on: {overload: [aa]}}\n",
            "q.yaml:5:50: models.c.fallbacks_on.overload[0]: no model is called 'aa'",
        ),
        (
            TWO + "  c: {type: simulated, fallbacks_on: {overlaod: [a]}}\n",
            "q.yaml:5:49: models.c.fallbacks_on.overlaod",
        ),
        (
            TWO + "  c: {type: simulated, on_cut: resume}\n",
            "q.yaml:5:32: models.c.on_cut",
        ),
        (
            TWO + "  e: {type: ensemble, members: [a, b], select: synthesis}\n",
            "q.yaml:5:48: models.e.select: `select: synthesis` needs a `synthesiser`",
        ),
        (
            TWO + "  e: {type: ensemble, members: [a, b], select: prompt_selector}\n",
            "q.yaml:5:48: models.e.select: `select: prompt_selector` needs a `judge`",
        ),
        (
            TWO + "  e: {type: ensemble, members: [a, b], judge: c}\n",
            "q.yaml:5:47: models.e.judge: no model is called 'c' (known: a, b, e)",
        ),
        (
            TWO + "rate_limits: {models: {aa: {requests_per_minute: 1}}}\n",
            "q.yaml:5:28: rate_limits.models.aa: no model is called 'aa'; did you mean 'a'?",
        ),
        (
            TWO + "budgets: {b: {model: aa, limit: 1}}\n",
            "q.yaml:5:22: budgets.b.model: no model is called 'aa'; did you mean 'a'?",
        ),
        (TWO + "budgets: {b: {limit: 1}}\n", "q.yaml:5:14: budgets.b: a budget is of one thing: give one of `tenant`"),
        (TWO + "budgets: {b: {key: k, each: model, limit: 1}}\n", "q.yaml:5:14: budgets.b: a budget is of one thing"),
        (TWO + "budgets: {b: {key: k}}\n", "q.yaml:5:14: budgets.b: `limit` is missing"),
        (TWO + "budgets: {b: {key: k, limit: -1}}\n", "q.yaml:5:30: budgets.b.limit: -1: expected at least 0"),
        (TWO + "budgets: {b: {key: k, limit: 0.0000001}}\n", "q.yaml:5:30: budgets.b.limit: "),
        (
            TWO + "budgets: {b: {key: k, limit: 1, window: year}}\n",
            "q.yaml:5:41: budgets.b.window: 'year' is not one of",
        ),
        (TWO + "budgets: {b: {key: k, limit: 1, on_limit: stop}}\n", "q.yaml:5:43: budgets.b.on_limit: 'stop' is not"),
        (TWO + "budgets: {b: {each: run, limit: 1}}\n", "q.yaml:5:21: budgets.b.each: 'run' is not one of tenant, key"),
        (TWO + "storage: {budgets: redis}\n", "q.yaml:5:20: storage.budgets: `redis` needs `rate_limits.redis`"),
        (
            "version: 1\nserver: {cors_origins: ['https://app.example', 'https://app.example/admin']}\n",
            "q.yaml:2:48: server.cors_origins[1]: 'https://app.example/admin': an origin is a scheme, a host",
        ),
        (
            TWO + "  e: {type: ensemble, members: [a, b], min_models: 3}\n",
            "q.yaml:5:52: models.e.min_models: 3 answers are needed and only 2 branches run",
        ),
        (
            TWO + "  e: {type: ensemble, members: [a, b], min_models: 3, max_models: 2}\n",
            "q.yaml:5:6: models.e: `min_models` 3 is more than `max_models` 2",
        ),
        (
            TWO + "  e: {type: ensemble, members: [a], mode: quorum}\n",
            "q.yaml:5:43: models.e.mode: a quorum needs at least two branches, this has one",
        ),
        (
            TWO + "  e: {type: ensemble, members: [{model: a, count: 100}, {model: b, count: 100}, "
            "{model: a, count: 57}]}\n",
            "q.yaml:5:6: models.e: makes 257 branches; at most 256 are allowed",
        ),
        (
            TWO + "  e: {type: ensemble, members: [a, b], parallelization: config_param}\n",
            "q.yaml:5:6: models.e: `parallelization: config_param` needs `count_param`",
        ),
        (
            TWO + "  e: {type: ensemble, members: [a, b], group_prompts: {3: x}}\n",
            "q.yaml:5:59: models.e.group_prompts.3: no member is in group 3 (groups: 0)",
        ),
        (
            TWO + "  e: {type: ensemble, members: [{model: a, params: {extra: {model: x}}}]}\n",
            "models.e.members[0].params.extra: model cannot be set here",
        ),
        (
            TWO + "  s: {type: simulated, failures: [{kind: overload}]}\n",
            "q.yaml:5:35: models.s.failures[0]: would never happen",
        ),
        (TWO + "  s: {type: simulated, profile: x}\n", "q.yaml:5:33: models.s.profile: 'x': is not a built-in profile"),
        (TWO + "  m: {provider: opnai}\n", "q.yaml:5:17: models.m.provider: no provider is called 'opnai'; did you"),
        (TWO + "  m: {provider: openai, price: {input: 1}}\n", "q.yaml:5:32: models.m.price: `output` is missing"),
        (
            TWO + "  m: {provider: openai, price: {input: 0.1234567, output: 1}}\n",
            "q.yaml:5:40: models.m.price.input: 0.1234567: has more than six decimals",
        ),
        (
            TWO + "  e: {type: ensemble, members: [a, b], parallelization: none, mode: quorum}\n",
            "models.e.mode: a quorum needs at least two branches, this has one",
        ),
        (
            TWO + "  e: {type: ensemble, members: [a, b], parallelization: static_count, count: 2, min_models: 5}\n",
            "models.e.min_models: 5 answers are needed and only 4 branches run",
        ),
        (
            TWO + "  e: {type: ensemble, members: [a, b], synthesiser: x}\n",
            "models.e.synthesiser: no model is called 'x'",
        ),
        ("version: 1\nproviders: {p: {query: {key: very-secret}}}\n", "providers.p.query: 'key' looks like a secret"),
        ("version: 1\nproviders: {p: {type: zzz}}\n", "is not a type of provider (known: anthropic, azure, "),
        ('version: 1\nproviders: {p: {headers: {a: "b\\nc"}}}\n', "providers.p.headers: 'a' holds a line feed"),
        ("version: 1\nproviders: {p: {proxy: 'socks5://x'}}\n", "expected an http or https URL, or a reference to one"),
        (TWO + "  e: {type: [1]}\n", "models.e.type: [1] is not one of endpoint, ensemble"),
        (TWO + "  e: 5\n", "q.yaml:5:6: models.e"),
        (TWO + "defaults: {models: 'a, zz'}\n", "q.yaml:5:20: defaults.models[1]: no model is called 'zz'"),
        (TWO + "defaults: {judge: 'nowhere:x'}\n", "q.yaml:5:19: defaults.judge: no provider is called 'nowhere'"),
        (TWO + "defaults: {timeout_s: soon}\n", "q.yaml:5:23: defaults.timeout_s: 'soon': expected a valid number"),
        (TWO + "defaults: [1]\n", "q.yaml:5:11: defaults: "),
    ],
)
def test_a_problem_has_its_place_its_value_and_what_is_expected(text: str, expected: str) -> None:
    found = problems(text)
    assert len(found) == 1, found
    assert expected in found[0]
    assert "very-secret" not in found[0]


def test_all_problems_are_reported_at_once_and_in_order() -> None:
    text = TWO + (
        "  e: {type: ensemble, members: [a, nobody], mode: rce}\n"
        "  f: {type: ensemble, members: [f]}\n"
        "  g: {provider: opnai, modl: x}\n"
        "defaults: {models: [zz], jude: a}\n"
    )
    found = problems(text)
    assert [message.split(": ", 2)[1] for message in found] == [
        "models.e.members[1].model",
        "models.e.mode",
        "models.f.members[0].model",
        "models.g.provider",
        "models.g.modl",
        "defaults.models[0]",
        "defaults.jude",
    ]
    assert isinstance(_error(text), Misconfigured)


def _error(text: str) -> BaseException:
    with pytest.raises(BadConfiguration) as caught:
        settings_from_text(text)
    return caught.value


@given(st.decimals(min_value=0, max_value=1000, places=6, allow_nan=False, allow_infinity=False))
def test_prices_are_exact(dollars: Decimal) -> None:
    text = TWO + f"  m: {{provider: openai, price: {{input: {dollars:f}, output: 0}}}}\n"
    section = settings_from_text(text).config.models["m"]
    price = section.price.price()  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType] - an endpoint
    assert price.input_microusd_per_mtok == int(dollars * 1_000_000)  # pyright: ignore[reportUnknownMemberType] - an endpoint


def test_the_order_of_the_sources(tmp_path: Path) -> None:
    (tmp_path / "home/quorate").mkdir(parents=True)
    user = TWO.replace("b: {", "c: {") + "defaults: {mode: all, select: random, threshold: 0.5, timeout_s: 1}\n"
    (tmp_path / "home/quorate/quorate.yaml").write_text(user)
    local = tmp_path / "here"
    local.mkdir()
    (local / "quorate.yaml").write_text(TWO + "defaults: {mode: race, select: first, threshold: 0.6}\n")
    environ = {
        "XDG_CONFIG_HOME": str(tmp_path / "home"),
        "QUORATE_DEFAULTS__MODE": "quorum",
        "QUORATE_DEFAULTS__SELECT": "best",
    }
    settings = load_settings(environ=environ, folder=local, overrides={"defaults.mode": "race"}, probe=False)
    defaults = settings.config.defaults
    assert (defaults.mode, defaults.select, defaults.threshold, defaults.timeout_s) == ("race", "best", 0.6, 1)
    layers = [settings.origin("defaults", key).layer for key in ("mode", "select", "threshold", "timeout_s", "kind")]
    assert layers[:4] == [Layer.FLAG, Layer.ENVIRONMENT, Layer.FILE, Layer.USER_FILE]
    assert settings.origin("defaults", "threshold").where == "quorate.yaml:5:50"
    assert set(settings.config.models) == {"a", "b", "c"}
    assert [path.parent.name for path in settings.files] == ["quorate", "here"]


def test_a_named_file_is_the_only_one(tmp_path: Path) -> None:
    (tmp_path / "quorate.yaml").write_text("version: 3\n")
    other = tmp_path / "other.yaml"
    other.write_text(TWO)
    assert set(load_settings(other, environ={}, folder=tmp_path).config.models) == {"a", "b"}
    by_variable = load_settings(environ={"QUORATE_CONFIG": "other.yaml"}, folder=tmp_path)
    assert by_variable.files == (other,)
    with pytest.raises(BadConfiguration, match="there is no file"):
        load_settings(tmp_path / "gone.yaml", environ={}, folder=tmp_path)
    with pytest.raises(BadConfiguration, match="environment variable QUORATE_CONFIG: there is no file"):
        load_settings(environ={"QUORATE_CONFIG": "gone"}, folder=tmp_path)


def test_problems_of_the_environment_name_the_variable(tmp_path: Path) -> None:
    environ = {"QUORATE_DEFAULTS__MODE": "rac", "QUORATE_GIBBERISH__X": "1"}
    with pytest.raises(BadConfiguration) as caught:
        load_settings(environ=environ, folder=tmp_path, probe=False)
    mode, gibberish = (str(problem) for problem in caught.value.problems)
    assert mode.startswith("environment variable QUORATE_DEFAULTS__MODE: defaults.mode: 'rac' is not one of all, race")
    assert gibberish.startswith(
        "environment variable QUORATE_GIBBERISH__X: gibberish: unknown key; known here: version"
    )


def test_models_from_the_environment_alone(tmp_path: Path) -> None:
    environ = {"QUORATE_MODELS__MINE__TYPE": "simulated", "OPENAI_API_KEY": "k"}
    assert set(load_settings(environ=environ, folder=tmp_path).config.models) == {"mine"}


def test_a_file_that_names_no_model_stands_on_what_is_found(tmp_path: Path) -> None:
    """Whoever writes down a port only wants another port, and not to lose every model."""
    (tmp_path / "quorate.yaml").write_text("version: 1\nserver: {port: 9000}\ndefaults: {mode: race}\n")
    settings = load_settings(environ={}, folder=tmp_path, probe=False)
    assert settings.config.server.port == 9000
    assert [*settings.config.models] == [*settings.config.defaults.models] != []
    assert settings.config.defaults.mode == "race"
    assert settings.found == ("no key and no local Ollama: simulated models",)
    assert settings.origin("models", "sim-atlas").layer is Layer.DISCOVERED
    assert settings.origin("server", "port").where == "quorate.yaml:2:16"


@pytest.mark.parametrize("text", ["providers: {openai: {}}", "models: {}", "models: {a: {type: simulated}}"])
def test_a_file_that_names_providers_or_models_says_it_all(tmp_path: Path, text: str) -> None:
    (tmp_path / "quorate.yaml").write_text(f"version: 1\n{text}\n")
    settings = load_settings(environ={"GROQ_API_KEY": "k"}, folder=tmp_path, probe=False)
    assert settings.found == ()
    assert {*settings.config.providers} <= {"openai"}
    assert {*settings.config.models} <= {"a"}


def test_a_file_has_to_say_its_version_whatever_is_found(tmp_path: Path) -> None:
    (tmp_path / "quorate.yaml").write_text("server: {port: 9000}\n")
    with pytest.raises(BadConfiguration) as caught:
        load_settings(environ={}, folder=tmp_path, probe=False)
    assert [str(problem) for problem in caught.value.problems] == ["quorate.yaml:1:1: `version` is missing"]


def test_limits_of_what_is_found_are_not_checked(tmp_path: Path) -> None:
    """Without the probe, `config check` does not see the models of an Ollama."""
    (tmp_path / "quorate.yaml").write_text("version: 1\nrate_limits: {models: {llama: {requests_per_minute: 1}}}\n")
    settings = load_settings(environ={}, folder=tmp_path, probe=False)
    assert [*settings.config.rate_limits.models] == ["llama"]


def test_origins_are_kept_as_browsers_send_them() -> None:
    origins = "[https://App.Example/, 'https://app.example:443', 'http://localhost:3000', 'http://[::1]:80']"
    settings = settings_from_text(f"version: 1\nserver: {{cors_origins: {origins}}}\n")
    assert settings.config.server.cors_origins == (
        "https://app.example",
        "https://app.example",
        "http://localhost:3000",
        "http://[::1]",
    )


def test_limits_may_name_what_the_gateway_answers_by_itself() -> None:
    names = "{a: {}, hashed: {}, parallel: {}, 'openai:gpt-6-luna': {}}"
    settings = settings_from_text(f"{TWO}rate_limits: {{models: {names}}}\n")
    assert len(settings.config.rate_limits.models) == 4


def test_simulated_settings_read_nothing() -> None:
    settings = simulated_settings()
    assert settings.files == ()
    assert settings.config.defaults.models == tuple(settings.config.models)
    assert all(name.startswith("sim-") for name in settings.config.models)


@pytest.mark.parametrize(
    "entry",
    [
        "{base_url: 'https://user:hunter2@llm.example/v1'}",
        "{base_url: 'https://llm.example/v1', query: hunter2}",
        "{base_url: 'https://llm.example/v1', query: {api-key: hunter2}}",
        "hunter2",
        "[hunter2]",
    ],
)
def test_no_message_repeats_what_may_be_a_secret(entry: str) -> None:
    (problem,) = problems(f"version: 1\nproviders: {{groq: {entry}}}\n")
    assert "q.yaml:2:" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_is_named(text: str) -> None:
    assert problems(text) == ["q.yaml:1:1: `version` is missing"]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="is not a regular file"):
        load_settings(tmp_path, environ={}, folder=tmp_path)


def test_a_variable_keeps_its_spelling_where_text_is_wanted(tmp_path: Path) -> None:
    environ = {
        "QUORATE_MODELS__A__PROVIDER": "ollama",
        "QUORATE_MODELS__A__MODEL": "1.10",
        "QUORATE_MODELS__A__PARAMS__MAX_TOKENS": "007",
        "QUORATE_MODELS__A__PARAMS__TEMPERATURE": "0.50",
    }
    settings = load_settings(environ=environ, folder=tmp_path, probe=False)
    plain = settings.config.models["a"].model_dump(mode="json", exclude_unset=True)
    assert plain["model"] == "1.10"
    assert plain["params"] == {"max_tokens": 7, "temperature": 0.5}
