"""Error bodies as the providers document them, and what each means for what to do next."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import Failure, Filtered, Malformed, ProviderError, Rejected, Unavailable
from quorate.providers.anthropic import AnthropicDialect
from quorate.providers.dialect import Dialect
from quorate.providers.error_table import classify, error_of
from quorate.providers.fault import Fault, read_fault
from quorate.providers.gemini import GeminiDialect
from quorate.providers.openai import OpenAIDialect

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OPENAI, ANTHROPIC, GEMINI = OpenAIDialect(), AnthropicDialect(), GeminiDialect()


def openai(message: str, kind: str | None = None, code: object = None, **more: object) -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


def anthropic(kind: str, message: str) -> dict[str, object]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def gemini(code: int, status: str, message: str, *details: dict[str, object]) -> dict[str, object]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def retry_info(delay: str) -> dict[str, object]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def per_day() -> dict[str, object]:
    violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "50"}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


def bad_key() -> dict[str, object]:
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
    }


F = Failure
CASES: list[tuple[str, Dialect, int, object, Failure]] = [
    # OpenAI
    (
        "openai context",
        OPENAI,
        400,
        openai(
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
            "invalid_request_error",
            "context_length_exceeded",
        ),
        F.CONTEXT_LENGTH,
    ),
    (
        "openai policy",
        OPENAI,
        400,
        openai("Your request was rejected by our safety system.", "invalid_request_error", "content_policy_violation"),
        F.CONTENT_REFUSAL,
    ),
    (
        "openai quota",
        OPENAI,
        429,
        openai("You exceeded your current quota, check your plan.", "insufficient_quota", "insufficient_quota"),
        F.QUOTA,
    ),
    (
        "openai billing",
        OPENAI,
        429,
        openai("Billing hard limit has been reached", "invalid_request_error", "billing_hard_limit_reached"),
        F.QUOTA,
    ),
    (
        "openai rate",
        OPENAI,
        429,
        openai("Rate limit reached for gpt-5 on requests per min (RPM)", "requests", "rate_limit_exceeded"),
        F.OVERLOAD,
    ),
    (
        "openai never fits",
        OPENAI,
        429,
        openai("Request too large for gpt-5 on tokens per min (TPM): Limit 30000", "tokens", "rate_limit_exceeded"),
        F.CONTEXT_LENGTH,
    ),
    (
        "openai key",
        OPENAI,
        401,
        openai("Incorrect API key provided: sk-x***y.", "invalid_request_error", "invalid_api_key"),
        F.AUTHENTICATION,
    ),
    (
        "openai country",
        OPENAI,
        403,
        openai("Country not supported", "request_forbidden", "unsupported_country_region_territory"),
        F.AUTHENTICATION,
    ),
    (
        "openai model",
        OPENAI,
        404,
        openai("The model `gpt-9` does not exist", "invalid_request_error", "model_not_found"),
        F.BAD_REQUEST,
    ),
    ("openai bad", OPENAI, 400, openai("Unknown parameter: 'x'.", "invalid_request_error", None), F.BAD_REQUEST),
    ("openai 500", OPENAI, 500, openai("The server had an error", "server_error", None), F.TRANSIENT),
    (
        "openai echo",
        OPENAI,
        500,
        openai("Failed on 'what is your content policy?'", "server_error", None),
        F.TRANSIENT,
    ),
    (
        "openai 503",
        OPENAI,
        503,
        openai("The engine is currently overloaded, please try again later", "server_error"),
        F.OVERLOAD,
    ),
    ("openai 503 slow", OPENAI, 503, openai("Slow down", "server_error", "slow_down"), F.OVERLOAD),
    # Azure
    (
        "azure filter",
        OPENAI,
        400,
        openai(
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
            None,
            "content_filter",
            status=400,
            innererror={"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}},
        ),
        F.CONTENT_REFUSAL,
    ),
    ("azure rate", OPENAI, 429, openai("Requests have exceeded call rate limit", None, "429"), F.OVERLOAD),
    (
        "azure deployment",
        OPENAI,
        404,
        openai("No such deployment", None, "DeploymentNotFound"),
        F.BAD_REQUEST,
    ),
    ("azure key", OPENAI, 401, openai("Access denied due to invalid subscription key", None, "401"), F.AUTHENTICATION),
    # Anthropic
    ("anthropic overloaded", ANTHROPIC, 529, anthropic("overloaded_error", "Overloaded"), F.OVERLOAD),
    ("anthropic rate", ANTHROPIC, 429, anthropic("rate_limit_error", "exceed the rate limit"), F.OVERLOAD),
    (
        "anthropic too large",
        ANTHROPIC,
        413,
        anthropic("request_too_large", "Request exceeds the maximum allowed number of bytes."),
        F.CONTEXT_LENGTH,
    ),
    (
        "anthropic context",
        ANTHROPIC,
        400,
        anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        F.CONTEXT_LENGTH,
    ),
    (
        "anthropic input and output",
        ANTHROPIC,
        400,
        anthropic("invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 64000"),
        F.CONTEXT_LENGTH,
    ),
    (
        "anthropic max_tokens",
        ANTHROPIC,
        400,
        anthropic("invalid_request_error", "max_tokens: 100000 > 64000, the maximum allowed number of output tokens"),
        F.BAD_REQUEST,
    ),
    (
        "anthropic policy",
        ANTHROPIC,
        400,
        anthropic("invalid_request_error", "Output blocked by content filtering policy"),
        F.CONTENT_REFUSAL,
    ),
    (
        "anthropic credit",
        ANTHROPIC,
        400,
        anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        F.QUOTA,
    ),
    ("anthropic billing", ANTHROPIC, 402, anthropic("billing_error", "There is an issue with billing."), F.QUOTA),
    ("anthropic key", ANTHROPIC, 401, anthropic("authentication_error", "invalid x-api-key"), F.AUTHENTICATION),
    ("anthropic permission", ANTHROPIC, 403, anthropic("permission_error", "not allowed"), F.AUTHENTICATION),
    ("anthropic model", ANTHROPIC, 404, anthropic("not_found_error", "model: claude-x"), F.BAD_REQUEST),
    ("anthropic 500", ANTHROPIC, 500, anthropic("api_error", "Internal server error"), F.TRANSIENT),
    ("anthropic timeout", ANTHROPIC, 504, anthropic("timeout_error", "timed out"), F.TRANSIENT),
    # Gemini
    (
        "gemini per minute",
        GEMINI,
        429,
        gemini(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, check your plan.", retry_info("23s")),
        F.OVERLOAD,
    ),
    (
        "gemini per day",
        GEMINI,
        429,
        gemini(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", per_day(), retry_info("3s")),
        F.QUOTA,
    ),
    ("gemini overloaded", GEMINI, 503, gemini(503, "UNAVAILABLE", "The model is overloaded."), F.OVERLOAD),
    (
        "gemini key",
        GEMINI,
        400,
        gemini(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", bad_key()),
        F.AUTHENTICATION,
    ),
    ("gemini permission", GEMINI, 403, gemini(403, "PERMISSION_DENIED", "no permission"), F.AUTHENTICATION),
    (
        "gemini location",
        GEMINI,
        400,
        gemini(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        F.AUTHENTICATION,
    ),
    (
        "gemini context",
        GEMINI,
        400,
        gemini(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens.",
        ),
        F.CONTEXT_LENGTH,
    ),
    ("gemini model", GEMINI, 404, gemini(404, "NOT_FOUND", "models/gemini-x is not found"), F.BAD_REQUEST),
    ("gemini 500", GEMINI, 500, gemini(500, "INTERNAL", "An internal error has occurred."), F.TRANSIENT),
    ("gemini 504", GEMINI, 504, gemini(504, "DEADLINE_EXCEEDED", "The service is unable to finish"), F.TRANSIENT),
    ("gemini list", GEMINI, 503, [gemini(503, "UNAVAILABLE", "The model is overloaded.")], F.OVERLOAD),
    # Groq
    (
        "groq rate",
        OPENAI,
        429,
        openai("Rate limit reached for model `llama`. Please try again in 7.66s.", "tokens", "rate_limit_exceeded"),
        F.OVERLOAD,
    ),
    (
        "groq too large",
        OPENAI,
        413,
        openai("Request too large for model `llama` on TPM: Limit 6000", "tokens", "rate_limit_exceeded"),
        F.CONTEXT_LENGTH,
    ),
    (
        "groq context",
        OPENAI,
        400,
        openai(
            "Please reduce the length of the messages or completion.",
            "invalid_request_error",
            "context_length_exceeded",
        ),
        F.CONTEXT_LENGTH,
    ),
    ("groq capacity", OPENAI, 498, openai("Flex tier capacity exceeded", None, "capacity_exceeded"), F.OVERLOAD),
    # Mistral
    ("mistral key", OPENAI, 401, {"detail": "Unauthorized"}, F.AUTHENTICATION),
    (
        "mistral context",
        OPENAI,
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
            "type": "invalid_request_prompt",
            "code": "3051",
        },
        F.CONTEXT_LENGTH,
    ),
    ("mistral rate", OPENAI, 429, {"message": "Requests rate limit exceeded", "code": "1300"}, F.OVERLOAD),
    (
        "mistral validation",
        OPENAI,
        422,
        {"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "x"]}]}},
        F.BAD_REQUEST,
    ),
    # DeepSeek
    (
        "deepseek balance",
        OPENAI,
        402,
        openai("Insufficient Balance", "unknown_error"),
        F.QUOTA,
    ),
    ("deepseek risk", OPENAI, 400, openai("Content Exists Risk", "invalid_request_error"), F.CONTENT_REFUSAL),
    ("deepseek busy", OPENAI, 503, openai("Service is too busy. overloaded", "service_unavailable_error"), F.OVERLOAD),
    # OpenRouter
    ("openrouter credits", OPENAI, 402, openai("Insufficient credits", code=402), F.QUOTA),
    (
        "openrouter moderation",
        OPENAI,
        403,
        openai(
            "Your input was flagged",
            code=403,
            metadata={"reasons": ["violence"], "flagged_input": "...", "provider_name": "x", "model_slug": "y"},
        ),
        F.CONTENT_REFUSAL,
    ),
    ("openrouter timeout", OPENAI, 408, openai("Request timed out", code=408), F.TRANSIENT),
    (
        "openrouter down",
        OPENAI,
        502,
        openai("Provider error", code=502, metadata={"raw": "boom"}),
        F.TRANSIENT,
    ),
    ("openrouter none", OPENAI, 503, openai("No available model provider", code=503), F.TRANSIENT),
    ("openrouter rate", OPENAI, 429, openai("Rate limit exceeded: free-models-per-min.", code=429), F.OVERLOAD),
    # Ollama, vLLM, llama.cpp, FastAPI servers
    ("ollama model", OPENAI, 404, openai('model "x" not found, try pulling it first', "api_error"), F.BAD_REQUEST),
    ("ollama native", OPENAI, 404, {"error": "model 'x' not found"}, F.BAD_REQUEST),
    (
        "vllm context",
        OPENAI,
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        F.CONTEXT_LENGTH,
    ),
    ("vllm model", OPENAI, 404, openai("The model `x` does not exist.", "NotFoundError", 404), F.BAD_REQUEST),
    (
        "llama.cpp context",
        OPENAI,
        400,
        openai(
            "the request exceeds the available context size. try increasing it",
            "exceed_context_size_error",
            400,
            n_prompt_tokens=9000,
            n_ctx=8192,
        ),
        F.CONTEXT_LENGTH,
    ),
    ("llama.cpp loading", OPENAI, 503, openai("Loading model", "unavailable_error", 503), F.TRANSIENT),
    ("fastapi", OPENAI, 422, {"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}, F.BAD_REQUEST),
]

CLASSES = {
    F.TRANSIENT: Unavailable,
    F.OVERLOAD: Unavailable,
    F.CONTEXT_LENGTH: Rejected,
    F.AUTHENTICATION: Rejected,
    F.QUOTA: Rejected,
    F.BAD_REQUEST: Rejected,
    F.CONTENT_REFUSAL: Filtered,
}


@pytest.mark.parametrize(
    ("dialect", "status", "body", "failure"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_documented_errors(dialect: Dialect, status: int, body: object, failure: Failure) -> None:
    error = dialect.error(status, {}, json.dumps(body).encode(), now=NOW)
    assert error.failure is failure
    assert type(error) is CLASSES[failure]
    assert error.upstream_status == status
    assert error.message.startswith(f"HTTP {status}: ")


def test_the_providers_reason_and_word_are_kept() -> None:
    body = json.dumps(openai("No such thing.", "invalid_request_error", "model_not_found")).encode()
    error = OPENAI.error(404, {}, body, now=NOW)
    assert error.message == "HTTP 404: No such thing."
    assert error.upstream_code == "model_not_found"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"upstream connect error", "upstream connect error"),
        (b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", "502 Bad Gateway"),
        (b"<html><script>var x = 1 < 2;</script><p>Down for\n <b>maintenance</b></p></html>", "Down for maintenance"),
        (b"", "no reason given"),
        (b"null", "no reason given"),
        (b"[]", "no reason given"),
        (b"\xff\xfe\x00", "\ufffd\ufffd\x00"),
        (b'{"error": null}', "null"),
        (b"[" * 100_000, "[" * 1000 + "..."),
        (b'{"error": {"message": "' + b"x" * 5000 + b'"}}', "x" * 1000 + "..."),
        (b'{"error": {"code": 1}}', '{"code":1}'),
        (b'{"error": {"message": "Flagged", "metadata": {"reasons": ["a", "b"], "raw": "r"}}}', "Flagged (a, b): r"),
    ],
)
def test_bodies_of_any_kind_are_told(body: bytes, message: str) -> None:
    error = OPENAI.error(502, {}, body, now=NOW)
    assert error.failure is Failure.TRANSIENT
    assert error.message == f"HTTP 502: {message}"


@given(status=st.integers(400, 599), body=st.binary() | st.from_regex(rb"\{\"error\": .{0,20}\}"))
def test_any_body_gives_an_error_of_ours(status: int, body: bytes) -> None:
    for dialect in (OPENAI, ANTHROPIC, GEMINI):
        error = dialect.error(status, {}, body, now=NOW)
        assert isinstance(error, ProviderError)
        assert 400 <= error.http_status < 600


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["error", "message", "code", "type", "status", "details", "detail", "metadata", "reasons", "violations"]
    ), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(value=json_values)
def test_any_json_gives_a_fault(value: object) -> None:
    fault = read_fault(400, json.dumps(value).encode())
    assert isinstance(fault.message, str)
    assert all(isinstance(code, str) for code in fault.codes)


def test_every_failure_has_a_class_and_classes_agree() -> None:
    for failure in Failure:
        assert error_of(failure)("x", failure=failure).failure is failure
    assert error_of(Failure.MALFORMED) is Malformed


def test_an_error_in_a_body_with_status_200_takes_its_own_status() -> None:
    fault = read_fault(200, json.dumps(openai("Provider returned error", code=502)).encode())
    assert fault.status == 502
    assert classify("openai", fault) is Failure.TRANSIENT
    assert classify("openai", Fault(status=200, message="x", codes=("overloaded_error",))) is Failure.OVERLOAD
    assert classify("openai", Fault(status=200, message="x", codes=("invalid_request_error",))) is Failure.BAD_REQUEST
    assert classify("openai", Fault(status=200, message="x")) is Failure.TRANSIENT
