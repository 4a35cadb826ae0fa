"""What a judge said to one task, in both orders: a line of the journal of a run."""

from typing import TypeAlias

import msgspec


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call of a judge: seconds, micro-USD (`None`: not known), and why its reply cannot be used, if it cannot."""

    latency_s: float
    cost_microusd: int | None
    simulated: bool = False
    unreadable: str = ""


class PairTrial(msgspec.Struct, frozen=True, kw_only=True, tag="pair", omit_defaults=True):
    """A labelled pair, judged as it is and with its answers exchanged.

    `forward` and `backward` hold the two directions of entailment, from the pair's first answer to its second and back,
    whatever the order in which they were shown; `None`: the verdict could not be read.
    """

    task: str
    judge: str
    agree: bool
    forward: tuple[bool, bool] | None
    backward: tuple[bool, bool] | None
    asked: tuple[Asked, Asked]


class ChoiceTrial(msgspec.Struct, frozen=True, kw_only=True, tag="choice", omit_defaults=True):
    """A choice among answers, asked in an order and in its reverse.

    `models`, `right` and `lengths` (characters) are those of the answers in the first order; `chosen` the positions in
    that order that the judge chose, of both orders; `None`: the choice could not be read.
    """

    task: str
    judge: str
    models: tuple[str, ...]
    right: tuple[bool, ...]
    lengths: tuple[int, ...]
    chosen: tuple[int | None, int | None]
    asked: tuple[Asked, Asked]


JudgeTrial: TypeAlias = PairTrial | ChoiceTrial
