"""A gateway without keys answers only under this machine's own names (DNS rebinding)."""

import http.client
from urllib.parse import urlsplit

import pytest

from quorate.testing import LocalGateway


def status(gateway: LocalGateway, host: str, path: str = "/v1/models") -> int:
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=10)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8080", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:8080", 403),
        ("evil.example#127.0.0.1", 400),
        ("10.0.0.1", 403),
        ("", 403),
    ],
)
def test_only_this_machine_s_own_names_without_keys(host: str, expected: int) -> None:
    with LocalGateway(overrides={"server.auth": "off"}) as gateway:
        assert status(gateway, host) == expected


def test_with_keys_the_name_does_not_matter_and_the_key_does() -> None:
    with LocalGateway() as gateway:
        assert status(gateway, "evil.example") == 401
        assert status(gateway, "evil.example", "/healthz") == 200
