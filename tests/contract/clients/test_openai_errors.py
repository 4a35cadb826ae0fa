"""What OpenAI's Python client raises, how often it asks, and what it can tell of it."""

from typing import Any

import pytest
from openai import (
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    OpenAI,
    PermissionDeniedError,
    RateLimitError,
)

from client_questions import asked
from running_gateway import RunningGateway


@pytest.mark.parametrize(
    ("model", "kind", "status", "code"),
    [
        ("nowhere", NotFoundError, 404, "not_found"),
        ("upstream:f12", BadRequestError, 400, "context_length_exceeded"),
        ("messages:f12", BadRequestError, 400, None),
        ("upstream:f13", BadRequestError, 400, "content_policy_violation"),
        ("upstream:f02", RateLimitError, 429, "rate_limit_exceeded"),
        ("upstream:fail-100pct", InternalServerError, 502, None),
        ("messages:fail-100pct", InternalServerError, 502, None),
        ("locked:fast", InternalServerError, 502, None),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_kinds(
    client: OpenAI, model: str, kind: type[APIStatusError], status: int, code: str | None, stream: bool
) -> None:
    with pytest.raises(kind) as raised:
        client.chat.completions.create(model=model, messages=asked("Hello"), stream=stream)
    error = raised.value
    assert error.status_code == status
    assert error.message
    assert error.type
    assert code in {None, error.code}
    assert error.request_id == error.response.headers["x-request-id"]
    assert error.response.headers["x-should-retry"] in {"true", "false"}


def test_a_wrong_key(gateway: RunningGateway) -> None:
    with (
        OpenAI(base_url=gateway.base_url, api_key=f"qk_{'x' * 40}", max_retries=0) as stranger,
        pytest.raises(AuthenticationError) as raised,
    ):
        stranger.models.list()
    assert raised.value.code == "unauthenticated"
    assert raised.value.response.headers["www-authenticate"].startswith("Bearer")


def test_a_key_without_the_scope(gateway: RunningGateway, client: OpenAI) -> None:
    with pytest.raises(PermissionDeniedError) as raised:
        client.with_options(api_key=gateway.new_key(scopes=["embeddings"])).chat.completions.create(
            model="plain", messages=asked("Hello")
        )
    assert raised.value.code == "forbidden"


def test_a_model_that_is_not_on_the_keys_list(gateway: RunningGateway, client: OpenAI) -> None:
    limited = client.with_options(api_key=gateway.new_key(models=["plain"]))
    assert [model.id for model in limited.models.list()] == ["plain"]
    with pytest.raises(NotFoundError):
        limited.chat.completions.create(model="other", messages=asked("Hello"))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "user", "content": "Hello"}], "model": ""}, "model"),
        ({"messages": "Hello", "model": "panel"}, "messages"),
        ({"messages": asked("Hello"), "extra_body": {"api_base": "http://127.0.0.1/"}, "model": "plain"}, "api_base"),
        (
            {
                "messages": asked("Hello"),
                "model": "panel",
                "extra_body": {"parallel": {"mode": "all", "minModels": "many"}},
            },
            "parallel.minModels",
        ),
    ],
)
def test_a_bad_request_names_the_field(client: OpenAI, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequestError) as raised:
        client.chat.completions.create(**fields)
    assert raised.value.param == param


def test_a_keys_limit(gateway: RunningGateway, client: OpenAI) -> None:
    limited = client.with_options(api_key=gateway.new_key(allowance={"requests_per_minute": 1}))
    first = limited.chat.completions.with_raw_response.create(model="plain", messages=asked("Hello"))
    assert first.headers["x-ratelimit-limit-requests"] == "1"
    assert first.headers["x-ratelimit-remaining-requests"] == "0"
    with pytest.raises(RateLimitError) as raised:
        limited.chat.completions.create(model="plain", messages=asked("Hello"))
    headers = raised.value.response.headers
    assert raised.value.code == "rate_limited"
    assert headers["x-should-retry"] == "true"
    assert 1 <= int(headers["retry-after"]) <= 120
    assert int(headers["retry-after-ms"]) <= 1000 * int(headers["retry-after"])


@pytest.mark.real_wait
def test_what_may_pass_is_asked_again(gateway: RunningGateway, patient_client: OpenAI) -> None:
    raw = patient_client.chat.completions.with_raw_response.create(model="upstream:f03#again", messages=asked("Hello"))
    assert raw.retries_taken == 1
    assert raw.http_request.headers["x-stainless-retry-count"] == "1"
    assert len(gateway.upstream.requests("f03#again")) == 2


@pytest.mark.real_wait
def test_the_providers_retry_after_reaches_the_client(gateway: RunningGateway, patient_client: OpenAI) -> None:
    raw = patient_client.chat.completions.with_raw_response.create(
        model="upstream:f01-1s#later", messages=asked("Hello")
    )
    assert raw.retries_taken == 1
    first, second = gateway.upstream.requests("f01-1s#later")
    assert second.at_s - first.at_s >= 1


@pytest.mark.parametrize("behaviour", ["f12#once", "f13#once", "nothing-like-it"])
def test_what_cannot_pass_is_asked_once(gateway: RunningGateway, patient_client: OpenAI, behaviour: str) -> None:
    with pytest.raises(APIStatusError) as raised:
        patient_client.chat.completions.create(model=f"upstream:{behaviour}", messages=asked("Hello"))
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert len(gateway.upstream.requests(behaviour)) == 1


def test_a_5xx_that_cannot_pass_is_asked_once(gateway: RunningGateway, patient_client: OpenAI) -> None:
    with pytest.raises(InternalServerError) as raised:
        patient_client.chat.completions.create(model="locked:fast#locked", messages=asked("Hello"))
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert len(gateway.upstream.requests("fast#locked")) == 1


def test_a_429_that_cannot_pass_is_asked_once(gateway: RunningGateway, patient_client: OpenAI) -> None:
    limited = patient_client.with_options(api_key=gateway.new_key(allowance={"tokens_per_minute": 1}))
    with pytest.raises(RateLimitError) as raised:
        limited.chat.completions.create(model="plain", messages=asked("Hello, a question of several tokens"))
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert raised.value.request.headers["x-stainless-retry-count"] == "0"


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("upstream:f08+gap-2ms#breaks", "provider_unavailable"),
        ("messages:f08+gap-2ms#breaks", "provider_unavailable"),
        ("upstream:f10+gap-2ms#breaks", "provider_malformed"),
        ("messages:f10+gap-2ms#breaks", "provider_malformed"),
    ],
)
def test_a_stream_that_breaks_raises(client: OpenAI, model: str, code: str) -> None:
    texts: list[str] = []
    with (
        client.chat.completions.create(model=model, messages=asked("Hello"), stream=True) as stream,
        pytest.raises(APIError) as raised,
    ):
        texts.extend(choice.delta.content or "" for chunk in stream for choice in chunk.choices)
    assert any(texts)
    assert raised.value.code == code
    assert not isinstance(raised.value, APIStatusError)


@pytest.mark.parametrize("provider", ["upstream", "messages"])
def test_a_stream_without_its_last_mark_is_whole(client: OpenAI, provider: str) -> None:
    chunks = list(client.chat.completions.create(model=f"{provider}:f11#unended", messages=asked("Hello"), stream=True))
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("provider", ["upstream", "messages"])
def test_a_client_that_waits_no_longer_ends_the_work(
    gateway: RunningGateway, client: OpenAI, provider: str, stream: bool
) -> None:
    behaviour = f"delay-20s#{provider}-{stream}"
    with pytest.raises(APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(
            model=f"{provider}:{behaviour}", messages=asked("Hello"), stream=stream
        )
    assert gateway.upstream.wait_for_hangup(behaviour).model == behaviour


@pytest.mark.parametrize("provider", ["upstream", "messages"])
def test_a_stream_that_is_closed_early_ends_the_work(gateway: RunningGateway, client: OpenAI, provider: str) -> None:
    behaviour = f"gap-100ms+tokens-300#{provider}"
    with client.chat.completions.create(
        model=f"{provider}:{behaviour}", messages=asked("Hello"), stream=True
    ) as stream:
        assert next(stream).choices
    assert gateway.upstream.wait_for_hangup(behaviour).model == behaviour
