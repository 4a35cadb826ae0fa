"""Embeddings without a model: hashed words and n-grams, so that similar texts get similar vectors."""

import base64
import math
import struct
from typing import Annotated, Any, Literal
from zlib import crc32

import msgspec

DIMENSIONS = 256
_READ_CHARS = 4_000
_NGRAM = 3
_CHARS_PER_TOKEN = 4
_encode = msgspec.json.Encoder().encode


class EmbeddingsAsk(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `POST /v1/embeddings`: a text, texts, or lists of tokens."""

    model: str
    input: str | Annotated[list[str | int | list[int]], msgspec.Meta(min_length=1, max_length=2048)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=8192)] | None = None

    @property
    def texts(self) -> list[str]:
        """The texts to embed; a token stands for itself."""
        if isinstance(self.input, str):
            return [self.input]
        if all(isinstance(item, int) for item in self.input):
            return [" ".join(str(item) for item in self.input)]
        return [item if isinstance(item, str) else _spelled(item) for item in self.input]


def _spelled(item: int | list[int]) -> str:
    return str(item) if isinstance(item, int) else " ".join(str(token) for token in item)


def embeddings_body(ask: EmbeddingsAsk) -> bytes:
    """Return the whole answer."""
    texts = ask.texts
    vectors = [embed(text, ask.dimensions or DIMENSIONS) for text in texts]
    tokens = sum(len(text) // _CHARS_PER_TOKEN + 1 for text in texts)
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": _packed(vector) if ask.encoding_format == "base64" else vector,
        }
        for index, vector in enumerate(vectors)
    ]
    body: dict[str, Any] = {"object": "list", "data": data, "model": ask.model}
    return _encode({**body, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})


def embed(text: str, dimensions: int) -> list[float]:
    """Return a unit vector, the same for the same text; of a long text the first 4,000 characters count.

    Signed feature hashing of words and of the 3-grams in them (Weinberger et al. 2009).
    """
    vector = [0.0] * dimensions
    for word in text[:_READ_CHARS].lower().split():
        padded = f" {word} "
        for feature in (word, *(padded[at : at + _NGRAM] for at in range(len(padded) - _NGRAM + 1))):
            hashed = crc32(feature.encode("utf-8", "replace"))
            vector[(hashed >> 1) % dimensions] += 1.0 if hashed & 1 else -1.0
    norm = math.sqrt(sum(value * value for value in vector))
    if not norm:
        return [1.0, *vector[1:]]
    return [value / norm for value in vector]


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
