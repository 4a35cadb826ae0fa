"""A gateway without keys serves no page of another origin: a browser sends its forms without asking first (CSRF)."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import httpx2
import pytest

from quorate.testing.local_gateway import LocalGateway
from served_flows import FlowGateway, flow_gateway, write_flows

PAGE = "https://app.example"
FORM = {"text": (None, "pwned")}
RUN = "/api/v1/flows/shout/run"


def open_site(folder: Path) -> AbstractContextManager[FlowGateway]:
    return flow_gateway(write_flows(folder / "flows"), None, **{"server.auth": "off", "server.cors_origins": [PAGE]})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowGateway]:
    """A gateway of which nobody asks anything that is done."""
    with open_site(tmp_path_factory.mktemp("flows")) as running:
        yield running


def runs_of(site: FlowGateway) -> int:
    return len(site.client.get("/api/v1/runs").json()["data"])


def stranger(**headers: str) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


STRANGERS = [
    stranger(origin="https://evil.example", sec_fetch_site="cross-site"),
    stranger(origin="https://evil.example"),
    stranger(origin="http://127.0.0.1:1"),  # of this machine, of another program
    stranger(origin="http://127.0.0.1"),
    stranger(origin="http://localhost"),
    stranger(origin="null"),
    stranger(origin="null", sec_fetch_site="same-origin"),
    stranger(origin=""),
    stranger(origin="https://app.example.evil.example"),
    stranger(origin="http://app.example"),
    stranger(origin="file://"),
    stranger(sec_fetch_site="cross-site"),
]


@pytest.mark.parametrize("headers", STRANGERS)
def test_pages_of_strangers_start_nothing(site: FlowGateway, headers: Mapping[str, str]) -> None:
    chat = {"model": "flow/shout", "messages": [{"role": "user", "content": "x"}]}
    answers = [
        site.client.post(RUN, files=FORM, headers=headers),
        site.client.post("/api/v1/shout/execute?text=x", headers=headers),
        site.client.post("/v1/chat/completions", json=chat, headers=headers),
        site.client.post("/api/v1/keys", json={"name": "mine", "scopes": ["admin"]}, headers=headers),
        site.client.get("/v1/models", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5
    assert "server.cors_origins" in answers[0].json()["detail"]
    assert runs_of(site) == 0


def test_an_allowed_page_its_own_and_programs_are_served(tmp_path: Path) -> None:
    with open_site(tmp_path) as site:
        own = str(site.client.base_url).rstrip("/")
        port = site.client.base_url.port
        for headers in (
            {},
            {"origin": PAGE, "sec-fetch-site": "cross-site"},
            {"origin": own, "sec-fetch-site": "same-origin"},
            {"origin": own.replace("http:", "https:")},  # a proxy on this machine that ends TLS
            {"host": f"LOCALHOST:{port}", "origin": f"http://localhost:{port}"},
            {"sec-fetch-site": "none"},  # a person's own hand
        ):
            assert site.client.post(RUN, files=FORM, headers=headers).status_code == 200, headers


def test_pages_for_people_may_be_linked_to(site: FlowGateway) -> None:
    for path in ("/docs", "/healthz"):
        answer = site.client.get(path, headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
        assert answer.status_code == 200


def test_with_keys_the_page_does_not_matter_and_the_key_does() -> None:
    with LocalGateway() as gateway, httpx2.Client(base_url=gateway.url, trust_env=False) as client:
        strange = STRANGERS[0]
        assert client.get("/v1/models", headers=strange).status_code == 401
        assert client.get("/v1/models", headers={**strange, "x-api-key": gateway.key}).status_code == 200
