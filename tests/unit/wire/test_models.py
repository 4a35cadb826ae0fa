import msgspec
from openai.types import Model

from quorate.engine.catalog import ModelCard, ModelKind
from quorate.providers.price import Price
from quorate.wire.models import model_list, model_object

PRICE = Price(input_microusd_per_mtok=2_500_000, output_microusd_per_mtok=10_000_000, request_microusd=5, source="list")
ENDPOINT = ModelCard(
    name="gpt", kind=ModelKind.ENDPOINT, provider="openai", model_id="gpt-x", price=PRICE, domains=("code",)
)
PANEL = ModelCard(name="panel", kind=ModelKind.ENSEMBLE, provider="quorate", members=("gpt", "b"), vendor="we")


def test_a_model_is_what_openais_client_reads_and_more() -> None:
    body = msgspec.json.encode(model_object(ENDPOINT, created=7))
    read = Model.model_validate_json(body, strict=True)
    assert (read.id, read.owned_by, read.created, read.object) == ("gpt", "openai", 7, "model")
    more = msgspec.json.decode(body)
    assert (more["kind"], more["domains"], more["simulated"]) == ("endpoint", ["code"], False)
    assert more["price"] == {
        "input_usd": 2.5,
        "output_usd": 10.0,
        "cached_input_usd": None,
        "cache_write_usd": None,
        "reasoning_usd": None,
        "request_usd": 0.000005,
        "image_usd": 0.0,
        "source": "list",
        "dated": None,
    }


def test_a_list_says_where_it_begins_and_ends() -> None:
    listed = model_list([ENDPOINT, PANEL])
    assert (listed.first_id, listed.last_id, listed.has_more) == ("gpt", "panel", False)
    assert listed.data[1].members == ("gpt", "b")
    assert listed.data[1].price is None
    assert listed.data[1].owned_by == "we"
    assert model_list([]).first_id is None
