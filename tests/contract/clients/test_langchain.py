"""LangChain's own suite for chat models and embeddings, through its OpenAI client, against every kind of model."""

from typing import Any

import httpx2
import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from running_gateway import RunningGateway

# Of its own making: what it says about schemas of an older pydantic, and about the field that holds the parsed value.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema:UserWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
]


class Connected:
    """What it is given, set before each test: without clients of our own it keeps one for all event loops."""

    gateway: RunningGateway
    clients: dict[str, Any]

    @pytest.fixture(autouse=True)
    def _connect(self, gateway: RunningGateway, plain_http: httpx2.Client, async_http: httpx2.AsyncClient) -> None:
        self.gateway = gateway
        self.clients = {"http_client": plain_http, "http_async_client": async_http}

    def address(self) -> dict[str, Any]:
        return {"base_url": self.gateway.base_url, "api_key": self.gateway.key, **self.clients}


class ChatSuite(Connected, ChatModelIntegrationTests):
    asks: str

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**self.address(), "model": self.asks, "stream_usage": True}

    @property
    def supports_image_inputs(self) -> bool:
        return False  # the suite fetches its pictures from the network

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "other"


class TestRelayed(ChatSuite):
    asks = "plain"


class TestTranslated(ChatSuite):
    asks = "translated"


class TestEnsemble(ChatSuite):
    asks = "panel"


class TestResponses(ChatSuite):
    """The same through the Responses API."""

    asks = "plain"

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "use_responses_api": True}


class EmbeddingSuite(Connected, EmbeddingsIntegrationTests):
    asks: str

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        counting_needs_the_network = {"check_embedding_ctx_length": False}
        return {**self.address(), "model": self.asks, **counting_needs_the_network}


class TestRelayedEmbeddings(EmbeddingSuite):
    asks = "plain"


class TestHashedEmbeddings(EmbeddingSuite):
    asks = "hashed"
