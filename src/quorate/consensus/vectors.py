"""Sparse vectors of words and character 4-grams: likeness of wording without any model."""

import math
from collections import Counter
from typing import NamedTuple

_GRAM = 4
_MAX_CHARS = 1_600
_WORD_WEIGHT = 2


class Vector(NamedTuple):
    """Damped counts of the grams and their Euclidean norm."""

    weights: dict[str, float]
    norm: float


def vector(text: str) -> Vector:
    """Return the vector of a text; of a long one the first 1,600 characters stand for it."""
    plain = " ".join(text[:_MAX_CHARS].casefold().split())
    padded = f" {plain} "
    counts = Counter([padded[start : start + _GRAM] for start in range(len(padded) - _GRAM + 1)])
    for word, count in Counter(plain.split(" ")).items():
        counts[f"{word}\n"] += _WORD_WEIGHT * count
    damped = {gram: math.sqrt(count) for gram, count in counts.items()}
    return Vector(weights=damped, norm=math.sqrt(counts.total()))


def cosine(one: Vector, other: Vector) -> float:
    """Return the cosine of two vectors, in [0, 1]; 0 if one is empty."""
    if not one.norm or not other.norm:
        return 0.0
    mine, its = one.weights, other.weights
    dot = math.fsum([mine[gram] * its[gram] for gram in mine.keys() & its.keys()])
    return min(dot / (one.norm * other.norm), 1.0)
