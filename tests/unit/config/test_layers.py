"""Which source wins, and that every value remembers its source."""

import pytest

from quorate.config.layers import (
    Layered,
    apply_overrides,
    environment_overrides,
    flag_overrides,
    of_document,
    of_tree,
    overlay,
)
from quorate.config.origin import Layer, Origin
from quorate.source.document import parse_document


def layer(text: str, layer: Layer = Layer.FILE, name: str = "f") -> Layered:
    return of_document(parse_document(text, name), layer)


def test_mappings_merge_and_the_rest_is_replaced() -> None:
    low = layer("defaults: {mode: all, models: [a, b]}\n", Layer.USER_FILE, "low")
    high = layer("defaults: {models: [c]}\n", Layer.FILE, "high")
    both = overlay(low, high)
    assert both.tree == {"defaults": {"mode": "all", "models": ["c"]}}
    assert both.origin(("defaults", "mode")).where == "low:1:18"
    assert both.origin(("defaults", "models", 0)).where == "high:1:21"
    assert both.origin(("defaults", "models", 1)).where == "high:1:20"  # of the list: there is no such item any more


def test_named_entries_are_replaced_whole() -> None:
    low = layer("providers: {p: {type: openai, base_url: x}, q: {type: groq}}\n", Layer.USER_FILE, "low")
    both = overlay(low, layer("providers: {p: {type: gemini}}\n", name="high"))
    assert both.tree == {"providers": {"p": {"type": "gemini"}, "q": {"type": "groq"}}}
    assert both.origin(("providers", "p", "base_url")).where.startswith("high")


def test_environment_names_reach_keys_of_any_spelling() -> None:
    below = layer("models: {gpt-5.mini: {model: a, params: {top_p: 1}}}\n")
    names = {
        "QUORATE_MODELS__GPT_5_MINI__PARAMS__TOP_P": "0.5",
        "QUORATE_DEFAULTS__MODELS": "a,b",
        "QUORATE_CONFIG": "elsewhere",
        "QUORATE_DATA": "x",
        "OTHER__THING": "1",
    }
    above, problems = apply_overrides(below, environment_overrides(names))
    assert problems == []
    assert above.tree["models"]["gpt-5.mini"] == {"model": "a", "params": {"top_p": 0.5}}
    assert above.tree["defaults"] == {"models": "a,b"}
    origin = above.origin(("models", "gpt-5.mini", "params", "top_p"))
    assert origin == Origin(
        layer=Layer.ENVIRONMENT, where="environment variable QUORATE_MODELS__GPT_5_MINI__PARAMS__TOP_P"
    )
    assert above.origin(("models", "gpt-5.mini", "model")).where == "f:1:30"


def test_flags_beat_the_environment() -> None:
    given = [*environment_overrides({"QUORATE_DEFAULTS__MODE": "all"}), *flag_overrides({"defaults.mode": "race"})]
    layered, _ = apply_overrides(Layered(), given)
    assert layered.tree == {"defaults": {"mode": "race"}}
    assert layered.origin(("defaults", "mode")) == Origin(layer=Layer.FLAG, where="override defaults.mode")


def test_a_value_is_no_section() -> None:
    layered, problems = apply_overrides(layer("a: 1\n"), flag_overrides({"a.b": 2}))
    assert layered.tree == {"a": 1}
    assert [str(problem) for problem in problems] == [
        "override a.b: a: is not a section (1), so nothing can be set in it"
    ]


@pytest.mark.parametrize("path", [(), ("a",), ("a", "b", 0), ("zz",)])
def test_every_path_has_an_origin(path: tuple[str | int, ...]) -> None:
    origin = Origin(layer=Layer.DISCOVERED, where="found")
    assert of_tree({"a": {"b": [1]}}, origin).origin(path) == origin
    assert Layered().origin(path).layer is Layer.BUILT_IN
