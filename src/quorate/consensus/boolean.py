"""Yes or no: which of the two a reply says."""

import re
from collections.abc import Sequence

from quorate.consensus.facts import Facts
from quorate.consensus.final import Final, last_paragraph
from quorate.consensus.patterns import lacks, lazy
from quorate.consensus.small_words import DENYING, HEDGES

_VALUES = {
    "yes": "yes", "yeah": "yes", "yep": "yes", "true": "yes", "correct": "yes", "right": "yes", "indeed": "yes",
    "affirmative": "yes", "definitely": "yes", "absolutely": "yes",
    "no": "no", "nope": "no", "false": "no", "incorrect": "no", "wrong": "no", "negative": "no", "never": "no",
}  # fmt: skip
_OPENING = lazy(r"[\s\"'*_`#(\[{]{0,8}(?:(?:it|that|this|the statement) is )?(not )?([A-Za-z]+)", re.IGNORECASE)
_FOLLOWED_BY = lazy(
    r"[\"'*_`)\]}]{0,6}(?:\s*$|\s*[,.;:!\u2013\u2014\-\n(]|\s+(?:because|since|as|it|it's|they|there|you|he|she|i|that|this|the|we|not)\b)",
    re.IGNORECASE,
)
_BOTH = lazy(r"\s{0,3}(?:and|or|/)\s{0,3}no\b", re.IGNORECASE)
_QUESTION = lazy(
    # of many empty lines only the last counts: a search from each to the last would take their number's square
    r"(?:^|[.?!:]\s*+|\n[^\S\n]*+)"
    r"(?:is|are|was|were|do|does|did|can|could|should|would|will|has|have|had|am|may|must)(?:n't)? "
    r"[^?\n]{2,300}\?\s*(?:$|\n|answer|please|reply|respond|why|explain)",
    re.IGNORECASE,
)
_DEMAND = lazy(r"\b(?:yes or no|yes/no|true or false|true/false)\b", re.IGNORECASE)
_PROMPT_CHARS = 2_000
#: Stems of a statement that somebody else makes.
_REPORTED = frozenset({"think", "believ", "claim", "say", "argu", "myth", "assum", "suppos"})
_ALTERNATIVE = lazy(r"\bor\b(?! (?:not|no|false)\b)", re.IGNORECASE)


def asks_yes_or_no(prompt: str) -> bool:
    """Whether the prompt is a question that yes or no answers ("is it A or B?" is not)."""
    if demands_yes_or_no(prompt):
        return True
    match = _QUESTION().search(prompt[-_PROMPT_CHARS:])
    return match is not None and not _ALTERNATIVE().search(match.group())


def demands_yes_or_no(prompt: str) -> bool:
    """Whether the prompt says in so many words that the answer is to be one of two."""
    end = prompt[-_PROMPT_CHARS:]
    return not lacks(end, ("yes", "true")) and _DEMAND().search(end) is not None


def extract_boolean(text: str, marks: Sequence[Final]) -> str | None:
    """Return "yes" or "no" ("true", "false", "correct", ... included), or None if a cleaned reply says neither."""
    for final in marks:
        value = _opening_value(final.span)
        if value is not None:
            return value
        if final.binding:
            return None
    return _opening_value(text) or _opening_value(last_paragraph(text))


def restated_boolean(asked: Facts, stems: frozenset[str], said: Facts) -> str | None:
    """Return what a sentence that repeats all content of a yes/no question says ("the earth is not flat" is "no").

    None if it leaves the matter open ("it might rain") or turns on another word ("filming is forbidden").
    """
    if not stems or not stems <= said.stems or said.stems & _REPORTED:
        return None
    if (said.small & HEDGES) - asked.small or (said.stems & DENYING) - asked.stems:
        return None
    return "no" if stems & said.negated else "yes"


def opens_with_boolean(text: str) -> bool:
    """Whether a reply starts with a plain yes or no, whatever the prompt was."""
    match = _OPENING().match(text)
    return (
        match is not None
        and match.group(2).lower() in {"yes", "no", "true", "false"}
        and _opening_value(text) is not None
    )


def _opening_value(text: str) -> str | None:
    match = _OPENING().match(text)
    value = _VALUES.get(match.group(2).lower()) if match else None
    if match is None or value is None:
        return None
    rest = text[match.end() : match.end() + 40]
    if not _FOLLOWED_BY().match(rest) or _BOTH().match(rest):
        return None
    if match.group(1):
        return "no" if value == "yes" else "yes"
    return value
