"""Embeddings without a model: hashed character n-grams. For likeness of wording, not of meaning."""

from collections.abc import Sequence
from typing import Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from quorate.core.errors import InvalidRequest

Vectors = NDArray[np.float32]

DIMENSIONS = 256
MOST_DIMENSIONS = 16_384
#: Lengths of the n-grams in bytes of UTF-8; words are counted besides, as a whole.
_GRAMS = (3, 4, 5)
_SIGN = 1 << 31
#: Characters of a text that count; the rest does not change the vector.
MOST_CHARS = 20_000


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """The catalog name."""
        ...

    def embed(self, texts: Sequence[str], dimensions: int | None = None) -> Vectors:
        """Return float32, shape (len(texts), d), rows of length 1; blocking."""
        ...


class HashedEmbedding:
    """Signed feature hashing of character n-grams and words (Weinberger et al. 2009), L2-normalised.

    Deterministic on every machine and version. Texts that share wording are near each other (cosine), whatever they
    mean; letter case and spaces do not count. Any number of dimensions from 1 on; more means fewer collisions. Costs
    about 0.15 ms for 1,000 characters: call it in a thread when texts may be long.
    """

    def __init__(self, name: str = "hashed", *, dimensions: int = DIMENSIONS) -> None:
        self._name = name
        self._dimensions = _checked(dimensions)

    @property
    def name(self) -> str:
        """The catalog name."""
        return self._name

    def embed(self, texts: Sequence[str], dimensions: int | None = None) -> Vectors:
        """Return float32, shape (len(texts), `dimensions`); a text of nothing but spaces is the zero vector.

        Raises `InvalidRequest` for a number of dimensions that is out of range.
        """
        size = self._dimensions if dimensions is None else _checked(dimensions)
        vectors = np.zeros((len(texts), size), dtype="<f4")
        for row, text in enumerate(texts):
            vectors[row] = _vector(text, size)
        return vectors


def _checked(dimensions: int) -> int:
    if not 1 <= dimensions <= MOST_DIMENSIONS:
        raise InvalidRequest(f"dimensions is {dimensions!r}; use 1 to {MOST_DIMENSIONS}", param="dimensions")
    return dimensions


def _vector(text: str, size: int) -> Vectors:
    words = text[:MOST_CHARS].casefold().split()
    if not words:
        return np.zeros(size, dtype=np.float32)
    distinct, counts = np.unique(_hashes(words), return_counts=True)
    signs = np.where(distinct & np.uint32(_SIGN), -1.0, 1.0)
    places = (distinct & np.uint32(_SIGN - 1)) % np.uint32(size)
    summed = np.bincount(places, weights=signs * np.sqrt(counts), minlength=size)
    norm = float(np.linalg.norm(summed))
    if norm == 0.0:  # every feature met its opposite: only with very few dimensions
        summed[int(places[0])] = norm = 1.0
    return (summed / norm).astype(np.float32)


def _hashes(words: Sequence[str]) -> NDArray[np.uint32]:
    """Return the hashes of all words and of all grams of the text they make."""
    whole = np.fromiter((crc32(word.encode("utf-8", "surrogatepass")) for word in words), dtype=np.uint32)
    padded = np.frombuffer(f" {' '.join(words)} ".encode("utf-8", "surrogatepass"), dtype=np.uint8).astype(np.uint32)
    return np.concatenate([whole, *(_gram_hashes(padded, length) for length in _GRAMS)])


def _gram_hashes(data: NDArray[np.uint32], length: int) -> NDArray[np.uint32]:
    """Return a hash of each run of `length` bytes: a polynomial (FNV's prime), then MurmurHash3's finaliser."""
    count = max(0, len(data) - length + 1)
    hashes = np.full(count, length, dtype=np.uint32)
    for offset in range(length):
        hashes = hashes * np.uint32(0x01000193) + data[offset : offset + count]
    hashes ^= hashes >> np.uint32(16)
    hashes *= np.uint32(0x85EBCA6B)
    hashes ^= hashes >> np.uint32(13)
    hashes *= np.uint32(0xC2B2AE35)
    return hashes ^ (hashes >> np.uint32(16))
