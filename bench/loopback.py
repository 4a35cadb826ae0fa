"""Endpoints at a loopback provider, for measurements that want real connections."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from quorate.core.net import OutboundGate
from quorate.providers.aiohttp_transport import AiohttpTransport
from quorate.providers.dialect import Target
from quorate.providers.endpoint import Endpoint
from quorate.providers.openai import OpenAIDialect
from quorate.testing import Respond, Upstream


@asynccontextmanager
async def endpoints(delays_s: Mapping[str, float]) -> AsyncGenerator[tuple[Upstream, dict[str, Endpoint]]]:
    """Give a provider and an endpoint for each of its models, which answer after their delays."""
    behaviours = {name: Respond(text="Paris", delay_s=delay_s) for name, delay_s in delays_s.items()}
    async with Upstream(by_model=behaviours) as upstream:
        transport = AiohttpTransport(OutboundGate.for_base_urls([upstream.base_url]))
        try:
            yield upstream, {name: _endpoint(name, upstream.base_url, transport) for name in delays_s}
        finally:
            await transport.close()


def _endpoint(name: str, base_url: str, transport: AiohttpTransport) -> Endpoint:
    return Endpoint(
        name=name,
        provider="loopback",
        dialect=OpenAIDialect(),
        target=Target(model_id=name, base_url=base_url),
        transport=transport,
        unpriced_warning=False,
    )
