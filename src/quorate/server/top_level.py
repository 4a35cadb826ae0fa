"""The top level of a request's body: raw values, of which the gateway reads a few and passes on the rest."""

from typing import Annotated

import msgspec

from quorate.core.errors import InvalidRequest
from quorate.providers.relay import Fields
from quorate.server.inbound import require_depth
from quorate.wire.surrogates import lone_surrogate

#: What a body may not say, because it would configure the connection or the credentials.
REFUSED = frozenset(
    {
        "api_base",
        "api_key",
        "api_version",
        "base_url",
        "custom_llm_provider",
        "extra_body",
        "extra_headers",
        "extra_query",
        "headers",
        "organization",
        "proxy",
    }
)

_fields = msgspec.json.Decoder(Fields)
_text = msgspec.json.Decoder(str)
_whole = msgspec.json.Decoder(int)
_seconds = msgspec.json.Decoder(Annotated[float, msgspec.Meta(gt=0, le=86_400)])
#: Where a caller says how long its answer may take: in the body and in a header.
TIMEOUT, TIMEOUT_HEADER = "timeout", "x-request-timeout-s"
#: No name is longer; what no model has is looked for among all names, which takes time with its length.
_MOST_NAME_CHARACTERS = 400
#: No API has nearly as many, and each of them is looked at again on the way.
_MOST_FIELDS = 1000
_OUTPUT_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_metadata = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_fields(body: bytes, *, max_depth: int) -> Fields:
    """Return the fields of a JSON object; raises `InvalidRequest` for anything else, and for fields not allowed."""
    require_depth(body, max_depth)
    try:
        fields = _fields.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        half = lone_surrogate(body)
        if half is not None:
            told = (
                f"the body holds half of a surrogate pair ({half}), which is no character; send both halves or neither"
            )
            raise InvalidRequest(told) from None
        raise InvalidRequest(f"the body is not a JSON object: {error}") from None
    if len(fields) > _MOST_FIELDS:
        raise InvalidRequest(f"the body has {len(fields)} fields; at most {_MOST_FIELDS} are read")
    if not REFUSED.isdisjoint(fields):
        raise _refused(min(REFUSED & fields.keys()))
    metadata = fields.get("metadata")
    if metadata is not None:
        _check_metadata(metadata)
    return fields


def model_of(fields: Fields) -> str:
    """Return the model that is asked for; raises `InvalidRequest` if there is none."""
    raw = fields.get("model")
    if raw is None:
        raise InvalidRequest("the field model is missing; name a model of /v1/models", param="model")
    try:
        name = _text.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest(f"model is {bytes(raw)[:80]!r}; it has to be a text", param="model") from None
    if not name:
        raise InvalidRequest("model is empty; name a model of /v1/models", param="model")
    if len(name) > _MOST_NAME_CHARACTERS:
        raise InvalidRequest(
            f"model has {len(name)} characters; names have {_MOST_NAME_CHARACTERS} at most", param="model"
        )
    return name


def has(fields: Fields, name: str) -> bool:
    """Return whether a field says anything: `null` says as much as nothing."""
    raw = fields.get(name)
    return raw is not None and bytes(raw) != b"null"


def is_true(fields: Fields, name: str) -> bool:
    """Return whether a field is `true`; raises `InvalidRequest` unless it is true, false, null or absent."""
    raw = fields.get(name)
    if raw is None:
        return False
    text = bytes(raw)
    if text in {b"false", b"null"}:
        return False
    if text != b"true":
        raise InvalidRequest(f"{name} is {text[:80]!r}; it has to be true or false", param=name)
    return True


def most_tokens(fields: Fields, body_bytes: int) -> int:
    """Return about how many tokens a call may take: four bytes of it to a token, and the limit of each answer."""
    return (body_bytes >> 2) + max(0, output_limit(fields) or 0) * count_of(fields)


def output_limit(fields: Fields) -> int | None:
    """Return the tokens that the answer may have at most, as the request says; `None` if it does not."""
    for name in _OUTPUT_LIMITS:
        raw = fields.get(name)
        if raw is not None:
            try:
                return _whole.decode(raw)
            except msgspec.DecodeError:
                continue  # null says nothing; of anything else, whoever it is for will say what it has to be
    return None


def count_of(fields: Fields) -> int:
    """Return how many answers a request asks for at once (`n`), one at least."""
    raw = fields.get("n")
    try:
        return 1 if raw is None else max(1, _whole.decode(raw))
    except msgspec.DecodeError:
        return 1


def timeout_of(fields: Fields, header: bytes | None) -> float | None:
    """Return how many seconds the caller allows, the less of both places; `None` if it says nothing.

    Raises `InvalidRequest` for what is no number of seconds above 0.
    """
    if header is None and TIMEOUT not in fields:
        return None
    given = [
        _seconds_of(raw, name)
        for name, raw in ((TIMEOUT, fields.get(TIMEOUT)), (TIMEOUT_HEADER, header))
        if raw is not None and bytes(raw) != b"null"
    ]
    return min(given, default=None)


def _seconds_of(raw: msgspec.Raw | bytes, name: str) -> float:
    try:
        return _seconds.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        shown = bytes(raw)[:80].decode("utf-8", "replace")
        raise InvalidRequest(
            f"{name} is {shown}; it has to be a number of seconds, above 0 and at most 86400", param=name
        ) from None


def prompt_of(fields: Fields) -> str | None:
    """Return what was asked, as JSON as it came; for the record, where the operator keeps texts.

    What a responses request instructs stands beside its input, in an object of the two.
    """
    raw = next((fields[name] for name in ("messages", "input") if name in fields), None)
    if raw is None:
        return None
    asked = bytes(raw)
    if "messages" not in fields and has(fields, "instructions"):
        asked = b'{"instructions":%b,"input":%b}' % (bytes(fields["instructions"]), asked)
    return asked.decode("utf-8", "replace")


def _check_metadata(raw: msgspec.Raw) -> None:
    try:
        metadata = _metadata.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return  # whoever it is for will say what it has to be
    if not REFUSED.isdisjoint(metadata):
        raise _refused(f"metadata.{min(REFUSED & metadata.keys())}")


def _refused(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"{name} is not taken from requests; whoever runs the gateway configures providers", param=name
    )
