"""Which client a configuration gets: ours, and aiohttp where a proxy is."""

import subprocess
import sys
from dataclasses import replace

import pytest

from quorate.config import settings_from_text
from quorate.config.entries import EntryMaker
from quorate.config.provider_setup import set_up_all
from quorate.providers.aiohttp_transport import AiohttpTransport
from quorate.providers.http1_transport import Http1Transport
from quorate.providers.transport import TransportSettings

TEXT = "version: 1\nproviders: {p: {base_url: 'http://127.0.0.1:1'}}\n"


def chosen(settings: TransportSettings, environ: dict[str, str] | None = None) -> type:
    read = settings_from_text(TEXT, environ=environ or {}, name="q.yaml")
    maker = EntryMaker(
        settings=read, providers={name: replace(made, connection=settings) for name, made in set_up_all(read).items()}
    )
    (transport,) = maker.transports.values()
    return type(transport)


@pytest.mark.parametrize(
    ("settings", "environ", "kind"),
    [
        (TransportSettings(), {}, Http1Transport),
        (TransportSettings(verify=False), {"HTTPS_PROXY": "http://p:1"}, Http1Transport),
        (TransportSettings(proxy="http://127.0.0.1:2"), {}, AiohttpTransport),
        (TransportSettings(trust_env=True), {}, Http1Transport),
        (TransportSettings(trust_env=True), {"https_proxy": "http://p:1"}, AiohttpTransport),
        (TransportSettings(trust_env=True), {"ALL_PROXY": "http://p:1"}, AiohttpTransport),
        (TransportSettings(trust_env=True), {"HTTP_PROXY": ""}, Http1Transport),
    ],
)
def test_a_proxy_decides(settings: TransportSettings, environ: dict[str, str], kind: type) -> None:
    assert chosen(settings, environ) is kind


def test_aiohttp_serves_where_the_parser_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_found(name: str) -> None:
        return None

    monkeypatch.setattr("quorate.config.connections.find_spec", none_found)
    assert chosen(TransportSettings()) is AiohttpTransport


@pytest.mark.subprocess
def test_our_client_does_not_bring_aiohttp() -> None:
    code = "import sys, quorate.providers.http1_transport; print(sorted({'aiohttp', 'yarl'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
