"""Where the gateway listens, and what it refuses to serve."""

import asyncio
import socket
from pathlib import Path

import pytest

from asgi import ask, services_of
from private_server import free_port
from quorate.config.load import Settings, load_settings
from quorate.config.server_section import Auth, ServerSection
from quorate.core.errors import Misconfigured
from quorate.core.listening import is_loopback
from quorate.server.serve import ServeOptions, application, listen, listen_address, require_guarded


def settings(tmp_path: Path, text: str | None = None, **environ: str) -> Settings:
    path = None
    if text is not None:
        path = tmp_path / "quorate.yaml"
        path.write_text(text)
    return load_settings(path, environ=environ, folder=tmp_path, probe=False)


def test_the_address(tmp_path: Path) -> None:
    assert listen_address(settings(tmp_path)) == ("127.0.0.1", 8080)
    assert listen_address(settings(tmp_path, PORT="9001")) == ("127.0.0.1", 9001)
    assert listen_address(settings(tmp_path, PORT=" ")) == ("127.0.0.1", 8080)


def test_a_port_that_was_configured_wins(tmp_path: Path) -> None:
    configured = "version: 1\nserver: {port: 9000, host: '::1'}\n"
    assert listen_address(settings(tmp_path, configured, PORT="9001")) == ("::1", 9000)
    assert listen_address(settings(tmp_path, "version: 1\nserver: {host: '::1'}\n", PORT="9001")) == ("::1", 9001)
    options = ServeOptions(config=tmp_path / "quorate.yaml", overrides={"server.port": 0})
    assert options.settings().config.server.port == 0
    flagged = load_settings(tmp_path / "quorate.yaml", overrides={"server.port": 7}, environ={"PORT": "9"}, probe=False)
    assert listen_address(flagged) == ("::1", 7)


@pytest.mark.parametrize("given", ["http", "-1", "65536", "8080.0", "1e3"])
def test_what_is_no_port(tmp_path: Path, given: str) -> None:
    with pytest.raises(Misconfigured, match="PORT"):
        listen_address(settings(tmp_path, PORT=given))


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.0.2.1", False),
        ("::ffff:192.0.2.1", False),
        ("localhost.example.test", False),
        ("127.0.0.1.example.test", False),
        ("2130706433", False),
    ],
)
def test_loopback(host: str, here: bool) -> None:
    assert is_loopback(host) is here
    require_guarded(host, Auth.KEYS)
    if here:
        require_guarded(host, Auth.OFF)
    else:
        with pytest.raises(Misconfigured, match="auth"):
            require_guarded(host, Auth.OFF)


def test_listening() -> None:
    port = free_port()
    with listen("127.0.0.1", port) as first:
        assert first.getsockname() == ("127.0.0.1", port)
        assert first.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        with pytest.raises(Misconfigured, match="choose another with --port"):
            listen("127.0.0.1", port)
    with pytest.raises(Misconfigured, match=r"cannot listen on 192\.0\.2\.1:0: [^:()]+; choose another with --host"):
        listen("192.0.2.1", 0)


PAGE = "https://app.example"


def test_pages_of_an_allowed_origin_may_send_what_openais_client_sends_and_read_when_to_ask_again() -> None:
    app = application(services_of(settings=ServerSection(cors_origins=(PAGE,))))
    asked = b"authorization,content-type,x-stainless-lang,x-stainless-retry-count,x-api-key,traceparent"
    headers = [
        (b"origin", PAGE.encode()),
        (b"access-control-request-method", b"POST"),
        (b"access-control-request-headers", asked),
    ]
    before = asyncio.run(ask(app, "OPTIONS", "/v1/chat/completions", headers=headers))
    assert (before.status, before.headers["access-control-allow-headers"]) == (200, asked.decode())
    answer = asyncio.run(ask(app, "GET", "/v1/chat/completions", headers=headers[:1]))
    assert answer.headers["access-control-expose-headers"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
