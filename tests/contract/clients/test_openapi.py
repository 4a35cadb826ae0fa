"""The gateway's own OpenAPI document, taken at its word: schemathesis sends what it allows and what it does not."""

from collections.abc import Iterator, Mapping
from typing import Any, cast
from zlib import crc32

import httpx2
import hypothesis
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis import Case
from schemathesis.checks import (
    CHECKS,  # pyright: ignore[reportUnknownVariableType] - a parameter of its generic types is left open
    load_all_checks,
)

from quorate.config.telemetry_section import MetricsAccess
from quorate.core.errors import OutputInvalid
from quorate.server.call_routes import CALLS, CallRoute
from quorate.server.openapi import document
from quorate.server.routes import all_routes
from running_gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.timeout(120)

#: Names that exist, put in the place of invented ones: else nearly every call would end at "no such model".
MODELS = ("plain", "translated", "panel", "swift", "invented", "hashed")
BAD_GATEWAY = 502
OF_SCHEMA = "response_schema_conformance"
OF_ALL = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
)
DOCUMENT: dict[str, Any] = msgspec.json.decode(
    msgspec.json.encode(document(all_routes(MetricsAccess.KEY), version="1"))
)
load_all_checks()
#: With everything at and beyond the borders of each field, and without: once is enough.
api: Any = schemathesis.openapi.from_dict(DOCUMENT)
plain_config = schemathesis.Config()
plain_config.projects.default.phases.coverage.enabled = False
plain_api: Any = schemathesis.openapi.from_dict(DOCUMENT, config=plain_config)
#: The same examples each time: whoever changes a route should see what that did, and not something from before.
bounded = hypothesis.settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def alone() -> Iterator[RunningGateway]:
    """A gateway for these tests alone, since what they write is arbitrary."""
    with running_gateway() as running:
        yield running


@pytest.fixture(scope="module")
def chat_key(alone: RunningGateway) -> str:
    return alone.new_key(scopes=["chat"], models=[*MODELS, "left", "middle", "right"])


@pytest.fixture(scope="module")
def things(alone: RunningGateway, plain_http: httpx2.Client) -> Mapping[str, str]:
    """What exists, by the beginning of its path."""
    admin = {"authorization": f"Bearer {alone.key}"}
    made = {"authorization": f"Bearer {alone.new_key()}"}
    question = {"model": "plain", "messages": [{"role": "user", "content": "Hello"}]}
    tenant = plain_http.post(f"{alone.url}/api/v1/tenants", json={"name": "somebody"}, headers=admin).json()
    run = plain_http.post(f"{alone.url}/v1/chat/completions", json=question, headers=admin)
    return {
        "/api/v1/keys/": plain_http.get(f"{alone.url}/api/v1/me", headers=made).json()["key"],
        "/api/v1/tenants/": tenant["id"],
        "/api/v1/runs/": run.headers["x-quorate-run-id"],
        "/v1/models/": "panel",
        "/errors/": "not_found",
    }


def test_it_is_served(alone: RunningGateway, plain_http: httpx2.Client) -> None:
    assert plain_http.get(f"{alone.url}/openapi.json").json() == DOCUMENT


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.path)
def test_its_examples_are_answered(call: CallRoute, alone: RunningGateway) -> None:
    case = api[call.path]["POST"].Case(body=with_models_that_exist(call.example), media_type="application/json")
    assert ask(case, alone.url, alone.key) == 200


@api.parametrize()
@bounded
def test_an_admin(case: Case[Any], alone: RunningGateway, things: Mapping[str, str]) -> None:
    ask(with_things_that_exist(case, things), alone.url, alone.key)


@plain_api.parametrize()
@bounded
def test_a_key_for_chats(case: Case[Any], alone: RunningGateway, chat_key: str, things: Mapping[str, str]) -> None:
    ask(with_things_that_exist(case, things), alone.url, chat_key)


def ask(case: Any, url: str, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    response = case.call(base_url=url, headers=headers, timeout=10)
    streamed = response.headers.get("content-type", [""])[0].startswith("text/event-stream")
    # Of a stream, it holds the schema of the whole against each event.
    names = OF_ALL if streamed else (*OF_ALL, OF_SCHEMA)
    if response.status_code == BAD_GATEWAY and OutputInvalid.code in response.text:
        # The answers of the simulated models are no JSON, and the request asks for some: the models failed, not we.
        names = tuple(name for name in names if name != "not_a_server_error")
    case.validate_response(response, checks=CHECKS.get_by_names(list(names)), headers=headers)
    return response.status_code


def with_things_that_exist(case: Case[Any], things: Mapping[str, str]) -> Case[Any]:
    """Return the case with models that exist, and in every second one with a key, run or tenant that does."""
    case.body = with_models_that_exist(case.body)
    for path, thing in things.items():
        for name, value in case.path_parameters.items() if case.path.startswith(path) else ():
            if crc32(repr(value).encode()) % 2:
                case.path_parameters[name] = thing
    return case


def with_models_that_exist(body: Any) -> Any:
    """Return the body with other names of models, at the top level and in `parallel`; what is no name stays."""
    if not isinstance(body, dict):
        return body
    fields = cast("dict[str, Any]", body)
    # Whoever allows a millisecond gets a 504, and is right to.
    fields = {name: value for name, value in fields.items() if name != "timeout"}
    renamed = {name: _known(value) if name == "model" else value for name, value in fields.items()}
    asked = renamed.get("parallel")
    if isinstance(asked, dict):
        inner = {name: _enough(name, value) for name, value in cast("dict[str, Any]", asked).items()}
        renamed["parallel"] = inner
        names = inner.get("models")
        if isinstance(names, list):
            models = [with_models_that_exist(_known(name)) for name in cast("list[Any]", names)]
            renamed["parallel"] = {**inner, "models": models}
    return renamed


def _enough(name: str, value: object) -> object:
    """Return a time limit that an answer can keep: who asks for one within a millisecond rightly gets a 504."""
    limit = name.lower().replace("_", "") in {"deadlinems", "timeoutms"}
    if limit and isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 10_000:
        return value + 10_000
    return value


def _known(name: object) -> object:
    return MODELS[crc32(name.encode("utf-8", "replace")) % len(MODELS)] if isinstance(name, str) else name
