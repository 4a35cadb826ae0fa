"""When the answers of cheap models are good enough: a fitted rule on their agreement and on the prompt.

The agreement of two cheap models tells more about how hard a question is than the words of the question do; a few plain
facts about both tell a little more. Hashed words and n-grams of the prompt were tried and added nothing on held-out
prompts, so the rule has none.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from quorate.consensus.patterns import lazy
from quorate.consensus.result import Agreement
from quorate.core.errors import InvalidRequest

#: How many standard deviations from its mean a feature may count for, so that an odd prompt does not decide by itself.
MOST_DEVIATIONS = 4.0
_NEGATED = lazy(r"\b(?:not|except|least)\b", re.IGNORECASE)
_UNSURE = lazy(
    r"however|cannot|unclear|not (?:enough|possible)|assum|approx|closest|none of",
    re.IGNORECASE,
)
_CODE_MARKS = ("```", "def ", "return ", "function ", "#include", "SELECT ")


def escalation_features(prompt: str, texts: Sequence[str], agreement: Agreement | None) -> dict[str, float]:
    """Return facts about a prompt and the `texts` that answer it, by name.

    `texts` has at least one; `agreement` is theirs, `None` for a single one. Cost: no I/O; microseconds.
    """
    leader = agreement.leader if agreement is not None else None
    lead = 0 if agreement is None or leader is None else agreement.indexes.index(leader.medoid)
    plain = "" if agreement is None else agreement.answers[lead] or ""
    lengths = [len(text) for text in texts]
    found = {
        "agreement": 1.0 if agreement is None else agreement.score,
        "unanimous": float(agreement is None or (len(agreement.clusters) == 1 and not agreement.abstentions)),
        "clusters": 1.0 if agreement is None else float(len(agreement.clusters)),
        "abstentions": 0.0 if agreement is None else float(len(agreement.abstentions)),
        "answer_chars": math.log1p(sum(lengths) / len(lengths)),
        "answer_spread": math.log((1 + max(lengths)) / (1 + min(lengths))),
        "leader_chars": math.log1p(lengths[lead]),
        "plain_chars": math.log1p(len(plain)),
        "unsure": float(any(_UNSURE().search(text) for text in texts)),
        **_of_prompt(prompt),
    }
    if agreement is not None:
        found[f"kind_{agreement.kind}"] = 1.0
    return found


def _of_prompt(prompt: str) -> dict[str, float]:
    digits = sum(character.isdigit() for character in prompt)
    return {
        "prompt_chars": math.log1p(len(prompt)),
        "prompt_words": math.log1p(len(prompt.split())),
        "prompt_lines": math.log1p(prompt.count("\n")),
        "digits": math.log1p(digits),
        "digit_share": digits / max(1, len(prompt)),
        "code": float(any(mark in prompt for mark in _CODE_MARKS)),
        "formula": math.log1p(prompt.count("$") + prompt.count("\\")),
        "negated": float(bool(_NEGATED().search(prompt))),
    }


class Scaled(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feature of a rule: its name, mean and standard deviation, and what one deviation adds to each log-odds."""

    name: str
    mean: float
    deviation: float
    stay: float
    strong: float


class RuleOrigin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rule was fitted on: the file's name, size and digest, its prompts and models, and the day.

    `track` and `half` are set where only those of its prompts were used.
    """

    data: str
    sha256: str
    size_bytes: int
    prompts: int
    cheap: tuple[str, ...]
    strong: str
    fitted_on: str
    track: str = ""
    half: str = ""


class EscalationRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two logistic regressions on the same features: is the cheap answer right (`stay`), would the strong one be.

    A question escalates where the second probability is above the first by `least_gain` or more. `answers` is how many
    cheap answers the rule reads, `share` how many of the prompts it was fitted on it escalates.
    """

    version: Literal[1] = 1
    answers: int
    least_gain: float
    share: float
    stay: float
    strong: float
    features: tuple[Scaled, ...]
    origin: RuleOrigin

    def gain(self, features: Mapping[str, float]) -> float:
        """Return by how much the strong model is likelier to be right, from -1 to 1; what is not given counts as 0."""
        stay, strong = self.stay, self.strong
        for each in self.features:
            away = (features.get(each.name, 0.0) - each.mean) / each.deviation
            scaled = max(-MOST_DEVIATIONS, min(MOST_DEVIATIONS, away))
            stay += each.stay * scaled
            strong += each.strong * scaled
        return _logistic(strong) - _logistic(stay)

    def encode(self) -> bytes:
        """Return the rule as the JSON that `decode_rule` reads."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def decode_rule(data: bytes, *, name: str) -> EscalationRule:
    """Return the rule in a file; raises `InvalidRequest` naming the file and what is wrong with it."""
    try:
        rule = msgspec.json.decode(data, type=EscalationRule)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{name!r} holds no escalation rule ({error}); make one with {_MAKE}") from error
    numbers = (rule.least_gain, rule.share, rule.stay, rule.strong)
    parts = (number for each in rule.features for number in (each.mean, each.deviation, each.stay, each.strong))
    if not all(map(math.isfinite, (*numbers, *parts))) or any(each.deviation <= 0 for each in rule.features):
        raise InvalidRequest(f"{name!r} holds an escalation rule with impossible numbers; make one with {_MAKE}")
    if rule.answers < 1 or not 0 <= rule.share <= 1:
        raise InvalidRequest(
            f"{name!r} reads {rule.answers!r} answers and escalates a share of {rule.share!r}: no rule does that; "
            f"make one with {_MAKE}"
        )
    return rule


_MAKE = "`quorate calibrate cascade`"


def _logistic(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds >= 0 else math.exp(odds) / (1 + math.exp(odds))
