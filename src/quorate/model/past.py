"""What is on record of a model: how long its answers were and how long they took."""

import msgspec


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """Of `answers` recent answers of a model: the mean of their tokens, and the median of their seconds."""

    answers: int
    answer_tokens: float
    latency_s: float
