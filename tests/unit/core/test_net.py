"""The outbound gate in everyday cases."""

import pytest

from quorate.core.net import Blocked, OutboundGate, origin_of

GATE = OutboundGate.for_base_urls(["http://127.0.0.1:11434/v1", "https://models.internal.example"])


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.example.com/v1", ("https", "api.example.com", 443)),
        ("HTTP://API.Example.com.:8080", ("http", "api.example.com", 8080)),
        ("http://[::1]/", ("http", "::1", 80)),
    ],
)
def test_origins(url: str, origin: tuple[str, str, int]) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["ftp://x", "file:///etc/passwd", "https://", "https://x:99999", "https://u:p@x", "x"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(Blocked):
        origin_of(url)


def test_public_addresses_pass() -> None:
    origin = GATE.check_url("https://api.example.com/v1")
    GATE.check_address(origin, "93.184.215.14")
    GATE.check_address(origin, "2606:2800:21f:cb07:6820:80da:af6b:8b2c")


def test_private_addresses_pass_for_configured_origins_only() -> None:
    GATE.check_url("http://127.0.0.1:11434/v1/chat/completions")
    GATE.check_address(("https", "models.internal.example", 443), "10.0.0.7")
    with pytest.raises(Blocked, match=r"127\.0\.0\.1"):
        GATE.check_url("http://127.0.0.1:11435/")
    with pytest.raises(Blocked, match="not a public address"):
        GATE.check_address(("https", "other.example", 443), "10.0.0.7")


def test_metadata_services_are_never_reached() -> None:
    gate = OutboundGate.for_base_urls(["http://169.254.169.254"])
    for url in ("http://169.254.169.254/latest", "http://metadata.google.internal/"):
        with pytest.raises(Blocked, match="metadata"):
            gate.check_url(url)
