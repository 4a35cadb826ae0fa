"""What the spans of a gateway call the requests it sends, and whom they go to."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from gateway_site import Site, chat, site
from patience import until
from quorate.telemetry import names
from span_collector import Received, collector


def branches(received: Received) -> dict[str, dict[str, str]]:
    """The texts that the spans of requests to providers say, by the name of the span."""
    scopes = [scope for _, request in received for each in request.resource_spans for scope in each.scope_spans]
    spans = [span for scope in scopes for span in scope.spans if span.kind == Span.SPAN_KIND_CLIENT]
    return {span.name: {item.key: item.value.string_value for item in span.attributes} for span in spans}


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """A gateway, and what its collector has received."""

    gateway: Site
    received: Received


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traced]:
    """A gateway whose spans leave at once."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    google = {"type": "gemini", "base_url": "http://127.0.0.1:9", "api_key": "env:UPSTREAM_KEY"}
    with (
        collector() as (url, received),
        site(telemetry__tracing__enabled=True, telemetry__tracing__endpoint=url, providers__google=google) as gateway,
    ):
        yield Traced(gateway=gateway, received=received)


async def test_embeddings_are_called_so_and_providers_go_by_their_type(traced: Traced) -> None:
    async with traced.gateway.client() as client:
        asked = {"model": "plain", "input": "a cat"}
        assert (await client.ask("POST", "/v1/embeddings", asked)).status == 200
        for model in ("left", "translated", "invented", "google:flash"):
            await client.ask("POST", "/v1/chat/completions", chat(model))
    await until(lambda: len(branches(traced.received)) == 5)
    told = branches(traced.received)
    assert {name: said[names.PROVIDER] for name, said in told.items()} == {
        "embeddings plain": "openai",
        "chat left": "openai",
        "chat translated": "anthropic",
        "chat invented": "simulated",
        "chat google:flash": "gcp.gemini",
    }
    assert told["embeddings plain"][names.OPERATION] == "embeddings"
    assert told["chat left"][names.OPERATION] == "chat"
