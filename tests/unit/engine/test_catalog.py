"""The catalog: names, cards, models that are made when they are asked for."""

import pytest

from quorate.core.errors import Misconfigured, NotFound
from quorate.engine import Catalog, Entry, ModelCard, ModelKind
from quorate.engine.catalog import MOST_UNLISTED
from quorate.model import Model
from quorate.testing import ScriptedModel


def card(name: str) -> ModelCard:
    return ModelCard(name=name, kind=ModelKind.ENDPOINT)


def filled(*names: str) -> Catalog:
    catalog = Catalog()
    for name in names:
        catalog.add(card(name), lambda name=name: ScriptedModel(name))
    return catalog


def test_a_model_is_made_once_and_only_when_asked_for() -> None:
    made: list[str] = []

    def make() -> Model:
        made.append("a")
        return ScriptedModel("a")

    catalog = Catalog()
    catalog.add(card("a"), make)
    assert [each.name for each in catalog.cards()] == ["a"]
    assert made == []
    assert catalog.resolve("a") is catalog.resolve("a")
    assert made == ["a"]


def test_a_name_added_again_is_replaced() -> None:
    catalog = filled("a")
    first = catalog.resolve("a")
    catalog.add(card("a"), lambda: ScriptedModel("a"))
    assert catalog.resolve("a") is not first
    assert len(catalog.cards()) == 1


def test_an_unknown_name_is_told_with_the_closest_and_all_others() -> None:
    with pytest.raises(NotFound) as caught:
        filled("gpt", "claude").resolve("cluade")
    assert caught.value.message == "no model 'cluade'; did you mean 'claude'? (models: claude, gpt)"
    assert caught.value.param == "model"
    with pytest.raises(NotFound, match=r"no model 'x' \(models: none\)"):
        Catalog().resolve("x")
    with pytest.raises(NotFound, match="and 10 more"):
        filled(*(f"m{number}" for number in range(50))).card("zz")


def test_a_model_that_cannot_be_made_says_why_each_time() -> None:
    def fail() -> Model:
        raise Misconfigured("no key")

    catalog = Catalog()
    catalog.add(card("a"), fail)
    for _ in range(2):
        with pytest.raises(Misconfigured, match="no key"):
            catalog.resolve("a")


def test_providers_make_models_of_other_names() -> None:
    asked: list[str] = []

    def source(model_id: str) -> Entry:
        asked.append(model_id)
        return Entry(card=card(f"p:{model_id}"), make=lambda: ScriptedModel(f"p:{model_id}"))

    catalog = Catalog({"p": source})
    assert catalog.resolve("p:llama3:8b").name == "p:llama3:8b"
    assert catalog.resolve("p:llama3:8b") is catalog.resolve("p:llama3:8b")
    assert asked == ["llama3:8b"]
    assert catalog.cards() == ()
    with pytest.raises(NotFound, match="no provider 'q' for the model 'q:x'"):
        catalog.resolve("q:x")
    with pytest.raises(NotFound, match="'p:' names no model; write p:model-id"):
        catalog.resolve("p:")


def test_names_that_come_with_requests_are_not_kept_for_ever() -> None:
    catalog = Catalog({"p": lambda name: Entry(card=card(f"p:{name}"), make=lambda: ScriptedModel(f"p:{name}"))})
    first = catalog.resolve("p:0")
    for number in range(MOST_UNLISTED + 1):
        catalog.resolve(f"p:{number}")
    assert catalog.resolve("p:0") is not first


def test_a_configured_name_goes_first() -> None:
    catalog = Catalog({"p": lambda _: pytest.fail("not asked")})
    catalog.add(card("p:x"), lambda: ScriptedModel("p:x"))
    assert catalog.resolve("p:x").name == "p:x"
