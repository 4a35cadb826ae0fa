"""One gateway for all clients: they are many, and starting it takes longer than asking it."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from openai import AsyncOpenAI, OpenAI

from running_gateway import RunningGateway, running_gateway


@pytest.fixture(scope="session")
def gateway() -> Iterator[RunningGateway]:
    with running_gateway() as running:
        yield running


@pytest.fixture(scope="session")
def plain_http() -> Iterator[httpx2.Client]:
    # A client reads all certificates of the machine first, and nothing here has any.
    with httpx2.Client(verify=False, timeout=20) as http:
        yield http


@pytest.fixture
async def async_http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(verify=False, timeout=20) as http:
        yield http


@pytest.fixture
def client(gateway: RunningGateway, plain_http: httpx2.Client) -> OpenAI:
    """A client that refuses what is not exactly OpenAI's form, and asks once."""
    return OpenAI(
        base_url=gateway.base_url,
        api_key=gateway.key,
        http_client=plain_http,
        max_retries=0,
        _strict_response_validation=True,
    )


@pytest.fixture
def patient_client(gateway: RunningGateway, plain_http: httpx2.Client) -> OpenAI:
    """A client as people make it: two retries, and what is new in an answer does not hurt it."""
    return OpenAI(base_url=gateway.base_url, api_key=gateway.key, http_client=plain_http)


@pytest.fixture
def async_client(gateway: RunningGateway, async_http: httpx2.AsyncClient) -> AsyncOpenAI:
    return AsyncOpenAI(
        base_url=gateway.base_url,
        api_key=gateway.key,
        http_client=async_http,
        max_retries=0,
        _strict_response_validation=True,
    )
