"""What is found without a configuration."""

import json
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from quorate.config import load_settings
from quorate.config.default_models import DEFAULT_MODELS
from quorate.config.discover import discover, ollama_address, ollama_models
from quorate.config.provider_kind import PROVIDER_KINDS, key_variables
from quorate.providers.prices import PriceCatalog


@contextmanager
def ollama(body: bytes, *, status: int = 200) -> Generator[str]:
    """A server that answers /api/tags; yields its OLLAMA_HOST."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/api/tags" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_keys_in_the_environment(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": "k", "GOOGLE_API_KEY": "k", "MISTRAL_API_KEY": " "}
    settings = load_settings(environ=environ, folder=tmp_path, probe=False)
    assert set(settings.config.providers) == {"openai", "gemini"}
    assert settings.found == ("openai: the key in OPENAI_API_KEY", "gemini: the key in GOOGLE_API_KEY")
    # One model of each provider before the second of any.
    first, second = settings.config.defaults.models[:2]
    assert (first, second) == (DEFAULT_MODELS["openai"][0], DEFAULT_MODELS["gemini"][0])
    assert not any(str(value) == "k" for value in settings.config.model_dump()["providers"].values())


@pytest.mark.parametrize("name", DEFAULT_MODELS)
def test_default_models_are_known_to_the_price_list(name: str) -> None:
    assert key_variables(name)
    prices = PriceCatalog()
    assert [model for model in DEFAULT_MODELS[name] if prices.lookup(name, model) is None] == []


def test_every_provider_with_a_default_is_a_provider() -> None:
    assert set(DEFAULT_MODELS) <= set(PROVIDER_KINDS)


def test_a_local_ollama() -> None:
    tags = {"models": [{"name": "llama3.2:latest"}, {"name": "qwen3:8b"}, {"name": "qwen3:8b"}, {"size": 1}]}
    with ollama(json.dumps(tags).encode()) as host:
        found = discover({"OLLAMA_HOST": host})
    assert found.tree["providers"] == {"ollama": {"type": "ollama", "base_url": f"http://{host}/v1"}}
    assert found.tree["models"] == {
        "llama3.2": {"provider": "ollama", "model": "llama3.2:latest"},
        "qwen3-8b": {"provider": "ollama", "model": "qwen3:8b"},
    }
    assert found.tree["defaults"]["models"] == ["llama3.2", "qwen3-8b"]


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"models": 1}', b'{"models": [1, {"name": 2}]}'])
def test_something_else_on_that_port(body: bytes) -> None:
    with ollama(body) as host:
        assert ollama_models({"OLLAMA_HOST": host}) == ()
    with ollama(b'{"models": [{"name": "x"}]}', status=500) as host:
        assert ollama_models({"OLLAMA_HOST": host}) == ()


def test_nobody_there_and_a_silent_server_are_quick() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        began_s = time.monotonic()
        assert ollama_models({"OLLAMA_HOST": host}) == ()
        assert time.monotonic() - began_s < 2
    assert ollama_models({"OLLAMA_HOST": host}) == ()


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("box", "http://box:11434"),
        ("box:1", "http://box:1"),
        ("http://box", "http://box:80"),
        ("https://box", "https://box:443"),
        ("http://[::1]:9", "http://[::1]:9"),
        ("box:port", "http://127.0.0.1:11434"),
        ("ftp://box", "http://box:80"),
    ],
)
def test_forms_of_ollama_host(written: str, address: str) -> None:
    assert ollama_address({"OLLAMA_HOST": written}) == address


def test_nothing_found_is_simulated_and_says_so() -> None:
    found = discover({}, probe=False)
    assert all(model == {"type": "simulated"} for model in found.tree["models"].values())
    assert "simulated" in found.found[0]
