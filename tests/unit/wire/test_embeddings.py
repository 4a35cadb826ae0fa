import base64
import struct
from typing import Any

import msgspec
import pytest
from openai.types import CreateEmbeddingResponse

from quorate.core.errors import InvalidRequest
from quorate.wire.embeddings import EncodingFormat, read_embedding_request, write_embedding_response

VECTORS = [struct.pack("<2f", 0.5, -0.25), struct.pack("<2f", 0.0, 1.0)]


def read(**fields: Any) -> Any:
    return read_embedding_request(msgspec.json.encode({"model": "m", "input": "a", **fields}))


@pytest.mark.parametrize(("given", "texts"), [("a", ("a",)), (["a", "b"], ("a", "b"))])
def test_texts(given: object, texts: tuple[str, ...]) -> None:
    assert read(input=given, encoding_format="base64", dimensions=8).texts == texts


@pytest.mark.parametrize("given", [[1, 2], [[1, 2], [3]], [0] * 5000])
def test_tokens_are_taken_but_are_no_texts(given: object) -> None:
    with pytest.raises(InvalidRequest, match="input holds tokens"):
        _ = read(input=given).texts


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"input": ""}, "input"),
    ({"input": []}, "input"),
    ({"input": ["a", ""]}, "input[1]"),
    ({"input": [[]]}, "input[0]"),
    ({"input": ["a", 1]}, "input"),
    ({"input": ["a"] * 2049}, "input"),
    ({"input": [-1]}, "input[0]"),
    ({"input": None}, "input"),
    ({"encoding_format": "hex"}, "encoding_format"),
    ({"dimensions": 0}, "dimensions"),
    ({"model": 5}, "model"),
]


@pytest.mark.parametrize(("fields", "param"), WRONG)
def test_errors_name_the_field(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(**fields)
    assert caught.value.param == param


def test_numbers_are_what_openais_client_reads() -> None:
    body = write_embedding_response(VECTORS, model="m", prompt_tokens=3)
    response = CreateEmbeddingResponse.model_validate_json(body, strict=True)
    assert [each.embedding for each in response.data] == [[0.5, -0.25], [0.0, 1.0]]
    assert [each.index for each in response.data] == [0, 1]
    assert response.usage.total_tokens == 3


def test_base64_is_the_same_numbers() -> None:
    body = write_embedding_response(VECTORS, model="m", prompt_tokens=3, encoding_format=EncodingFormat.BASE64)
    texts = [each["embedding"] for each in msgspec.json.decode(body)["data"]]
    assert [base64.b64decode(text) for text in texts] == VECTORS
