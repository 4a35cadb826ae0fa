"""Connections to other servers: which client makes them."""

from collections.abc import Mapping
from importlib.util import find_spec

from quorate.core.net import OutboundGate
from quorate.providers.transport import Transport, TransportSettings

_PROXY_VARIABLES = frozenset({"http_proxy", "https_proxy", "all_proxy"})


def transport_for(gate: OutboundGate, settings: TransportSettings, environ: Mapping[str, str]) -> Transport:
    """Return our own client, which knows no proxies; aiohttp where one is set, or without the parser's package."""
    proxied = settings.proxy or (settings.trust_env and _names_a_proxy(environ))
    if proxied or find_spec("httptools") is None:
        # slow: 150 ms, needed only here
        from quorate.providers.aiohttp_transport import AiohttpTransport  # noqa: PLC0415

        return AiohttpTransport(gate, settings)
    # optional dependency: httptools; and nobody needs it who asks simulated models only
    from quorate.providers.http1_transport import Http1Transport  # noqa: PLC0415

    return Http1Transport(gate, settings)


def _names_a_proxy(environ: Mapping[str, str]) -> bool:
    return any(value and name.lower() in _PROXY_VARIABLES for name, value in environ.items())
