"""The top level of a body: what is read, what is refused."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import InvalidRequest
from quorate.server.top_level import REFUSED, is_true, model_of, most_tokens, read_fields, timeout_of


def fields(text: str | bytes) -> dict[str, msgspec.Raw]:
    return read_fields(text.encode() if isinstance(text, str) else text, max_depth=8)


def test_values_stay_as_they_came() -> None:
    read = fields('{"model": "m" , "n": 1.0e+01, "x": [ 1,2 ]}')
    assert {name: bytes(raw) for name, raw in read.items()} == {"model": b'"m"', "n": b"1.0e+01", "x": b"[ 1,2 ]"}


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '"x"', "{", '{"a"}', "{'a':1}", '{"a":1}x', '{"a":nan}', b"\xff", b'{"\xff":1}', "[" * 9]
)
def test_what_is_no_object(text: str | bytes) -> None:
    with pytest.raises(InvalidRequest):
        fields(text)


@given(st.binary(max_size=60))
def test_any_bytes_give_fields_or_a_proper_error(data: bytes) -> None:
    try:
        read = fields(data)
    except InvalidRequest:
        return
    assert all(isinstance(name, str) for name in read)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_would_configure_the_connection(name: str) -> None:
    escaped = json.dumps(name)[1:-1].replace("_", "\\u005f")
    for key in (name, escaped):
        for text in (f'{{"model":"m","{key}":"http://evil.test"}}', f'{{"metadata":{{"a":1,"{key}":1}}}}'):
            with pytest.raises(InvalidRequest, match=name) as caught:
                fields(text)
            assert caught.value.param in {name, f"metadata.{name}"}


@pytest.mark.parametrize("metadata", ["null", "1", "[]", '{"team":"a"}'])
def test_other_metadata_is_for_the_provider(metadata: str) -> None:
    assert bytes(fields(f'{{"metadata":{metadata}}}')["metadata"]) == metadata.encode()


@pytest.mark.parametrize("value", [None, "null", "1", '""', "[]", '{"a":1}', "true"])
def test_a_model_is_a_text(value: str | None) -> None:
    with pytest.raises(InvalidRequest):
        model_of(fields(b'{"model":"\xff"}'))
    with pytest.raises(InvalidRequest) as caught:
        model_of(fields("{}" if value is None else f'{{"model":{value}}}'))
    assert caught.value.param == "model"


def test_the_model() -> None:
    assert model_of(fields('{"model":"caf\\u00e9"}')) == "café"
    assert model_of(fields('{"model":"a","model":"b"}')) == "b"


@pytest.mark.parametrize(
    ("text", "true"), [("{}", False), ('{"s":false}', False), ('{"s":null}', False), ('{"s":true}', True)]
)
def test_switches(text: str, true: bool) -> None:
    assert is_true(fields(text), "s") is true


@pytest.mark.parametrize("value", ["1", '"true"', "0", "[]", "{}"])
def test_switches_are_booleans(value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        is_true(fields(f'{{"s":{value}}}'), "s")
    assert caught.value.param == "s"


def test_no_name_is_as_long_as_a_body() -> None:
    assert model_of(fields(json.dumps({"model": "x" * 400}))) == "x" * 400
    with pytest.raises(InvalidRequest, match="401 characters") as caught:
        model_of(fields(json.dumps({"model": "x" * 401})))
    assert caught.value.param == "model"


def test_nobody_needs_a_thousand_fields() -> None:
    assert len(fields(json.dumps({str(number): 1 for number in range(1000)}))) == 1000
    with pytest.raises(InvalidRequest, match="1001 fields"):
        fields(json.dumps({str(number): 1 for number in range(1001)}))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("{}", 10),
        ('{"max_tokens": 5}', 15),
        ('{"max_completion_tokens": null, "max_tokens": 5}', 15),
        ('{"max_tokens": "many", "max_output_tokens": 7}', 17),
        ('{"max_completion_tokens": 3, "max_tokens": 5}', 13),
        ('{"max_tokens": -5}', 10),
        ('{"max_tokens": 5, "n": 4}', 30),
        ('{"max_tokens": 5, "n": 0}', 15),
    ],
)
def test_what_a_request_may_take(text: str, tokens: int) -> None:
    assert most_tokens(fields(text), 40) == tokens


@pytest.mark.parametrize(
    ("text", "header", "expected"),
    [
        ("{}", None, None),
        ('{"timeout": null}', None, None),
        ('{"timeout": 2.5}', None, 2.5),
        ("{}", b"3", 3.0),
        ('{"timeout": 2}', b"3", 2.0),
        ('{"timeout": 4}', b"3.0", 3.0),
    ],
)
def test_the_least_of_what_the_caller_allows(text: str, header: bytes | None, expected: float | None) -> None:
    assert timeout_of(fields(text), header) == expected


@pytest.mark.parametrize(
    ("text", "header", "param"),
    [
        ('{"timeout": 0}', None, "timeout"),
        ('{"timeout": -1}', None, "timeout"),
        ('{"timeout": "5"}', b"5", "timeout"),
        ('{"timeout": 1e9}', None, "timeout"),
        ("{}", b"soon", "x-request-timeout-s"),
        ("{}", b"NaN", "x-request-timeout-s"),
        ("{}", b"\xff", "x-request-timeout-s"),
    ],
)
def test_a_time_is_seconds_above_zero(text: str, header: bytes | None, param: str) -> None:
    with pytest.raises(InvalidRequest, match="number of seconds") as caught:
        timeout_of(fields(text), header)
    assert caught.value.param == param
