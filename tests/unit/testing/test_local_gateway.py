"""A whole gateway in a test, by its public face."""

import asyncio
import json
import urllib.error
import urllib.request

import pytest

from quorate.core.errors import Misconfigured
from quorate.testing.local_gateway import LocalGateway

QUIET = {"telemetry.logs.requests": False}


def asked(gateway: LocalGateway, path: str, body: object = None, key: str | None = None) -> tuple[int, bytes]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {gateway.key if key is None else key}", "content-type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(gateway.url + path, data, headers)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_it_serves_simulated_models_without_a_word() -> None:
    with LocalGateway(overrides=QUIET) as gateway:
        assert gateway.base_url == gateway.url + "/v1"
        status, models = asked(gateway, "/v1/models")
        names = [model["id"] for model in json.loads(models)["data"]]
        assert (status, len(names)) == (200, 5)
        body = {"model": "sim-atlas", "messages": [{"role": "user", "content": "What is 17 * 23?"}]}
        assert asked(gateway, "/v1/chat/completions", body)[0] == 200
        assert asked(gateway, "/v1/models", key="qk_wrong")[0] == 401
        services = gateway.services
        assert services.writer.flush(5)
        assert services.writer.written == 1
    with pytest.raises(OSError, match="refused"):
        asked(gateway, "/healthz")


def test_it_takes_a_configuration_and_an_environment() -> None:
    config = (
        "version: 1\n"
        "providers: {up: {base_url: 'http://127.0.0.1:1/v1', api_key: env:MY_KEY}}\n"
        "models: {mine: {provider: up}}\n"
        "server: {auth: 'off'}\n"
    )
    with LocalGateway(config, environ={"MY_KEY": "sk-1"}, overrides=QUIET) as gateway:
        assert gateway.key == ""
        assert [secret.reveal() for secret in gateway.secrets] == ["sk-1"]
        assert b'"mine"' in asked(gateway, "/v1/models", key="")[1]


def test_two_know_nothing_of_each_other() -> None:
    with LocalGateway(overrides=QUIET) as one, LocalGateway(overrides=QUIET) as other:
        assert one.url != other.url
        assert asked(other, "/v1/models", key=one.key)[0] == 401


def test_a_configuration_that_cannot_be_served_is_raised_here() -> None:
    with pytest.raises(Misconfigured), LocalGateway("version: 1\nmodels: {a: {provider: nowhere}}\n"):
        pass


async def test_it_can_be_used_in_asynchronous_tests() -> None:
    async with LocalGateway(overrides=QUIET) as gateway:
        assert (await asyncio.to_thread(asked, gateway, "/v1/models"))[0] == 200


def test_it_has_to_be_entered() -> None:
    gateway = LocalGateway()
    with pytest.raises(RuntimeError, match="enter it first"):
        _ = gateway.key


def test_stopping_twice_is_stopping_once() -> None:
    with LocalGateway(overrides=QUIET) as gateway:
        gateway.stop()
        gateway.stop()
