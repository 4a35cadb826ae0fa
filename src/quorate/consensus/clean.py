"""A reply without its wrapping, and the reason for which it does not count as an answer."""

import json
import re
from enum import StrEnum
from typing import NamedTuple, cast

from quorate.consensus.patterns import lazy

_MAX_CHARS = 64_000
_REFUSAL_HEAD_CHARS = 240
_REFUSAL_MAX_WORDS = 80
_SHORT_WORDS = 12
_THOUGHT_TAGS = ("think", "thinking", "thought", "reasoning", "reflection", "scratchpad")
_LEAD_IN = lazy(
    r"""(?:(?:sure|certainly|of[ ]course|absolutely|okay|ok|great[ ]question|good[ ]question|happy[ ]to[ ]help)
        [ ]?[!,.:][ ]?){0,2}
        (?:here(?:[ ]is|'s|\u2019s|[ ]are)\b[^\n:.!?]{0,120}:)?""",
    re.IGNORECASE | re.VERBOSE,
)
_PLEASANTRY = lazy(
    r"""(?:i[ ]hope[ ](?:this|that|it)|hope[ ](?:this|that|it)[ ]helps|(?:please[ ])?let[ ]me[ ]know
        |(?:please[ ])?(?:feel[ ]free|don't[ ]hesitate|do[ ]not[ ]hesitate)[ ]to
        |is[ ]there[ ]anything[ ]else|if[ ]you[ ]have[ ]any[ ](?:other|more|further|questions)
        |would[ ]you[ ]like[ ]me[ ]to|happy[ ]to[ ]help|have[ ]a[ ](?:great|nice|good)[ ]day)""",
    re.IGNORECASE | re.VERBOSE,
)
_REFUSAL = lazy(
    r"""\b(?:i|we)(?:'m|'re|[ ]am|[ ]are)?[ ](?:\w{2,9}[ ])?
        (?:(?:cannot|can't|can[ ]not|won't|will[ ]not|unable[ ]to|not[ ]able[ ]to|not[ ]going[ ]to)[ ](?:\w{2,9}ly[ ])?
           (?:help|assist|fulfill?|comply|do[ ]that|do[ ]this|provide|answer|generate|create|write|discuss|engage
              |support|share|respond|complete|process|continue|participate)\b
         |(?:must|have[ ]to)[ ]decline\b
         |(?:not|don't[ ]feel)[ ]comfortable\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_NO_KNOWLEDGE = lazy(
    r"(?:i'm sorry,? (?:but )?)?i (?:really )?(?:don't|do not) (?:know|have (?:an|the) answer)", re.IGNORECASE
)


_TURNS_TO_ANSWER = lazy(
    r"\b(?:but|however|nevertheless|that said|in general|generally|instead|answer(?: is|:))\b", re.IGNORECASE
)


class Abstention(StrEnum):
    """Why a reply counts in the denominator but cannot win."""

    EMPTY = "empty"
    ERROR = "error"
    REFUSAL = "refusal"
    TRUNCATED = "truncated"
    NO_ANSWER = "no_answer"


class Cleaned(NamedTuple):
    """A reply reduced to what it says; `abstention` is None when it says something."""

    text: str
    abstention: Abstention | None


def clean(text: str, *, complete: bool = True) -> Cleaned:
    """Return the reply without reasoning blocks, lead-in and closing courtesies, and whether it abstains.

    Time is linear in the text. Of a text longer than 64,000 characters the first and last halves of that length are
    kept.
    """
    body = without_thoughts(_bounded(text)).strip()
    if not body:
        return Cleaned(text="", abstention=Abstention.EMPTY if complete else Abstention.TRUNCATED)
    if not complete:
        return Cleaned(text=body, abstention=Abstention.TRUNCATED)
    if _is_error_body(body):
        return Cleaned(text=body, abstention=Abstention.ERROR)
    body = _without_courtesies(_without_lead_in(body))
    return Cleaned(text=body, abstention=Abstention.REFUSAL if _is_refusal(body) else None)


def without_thoughts(text: str) -> str:
    """Drop `<think>...</think>` and its relatives; an unclosed block runs to the end of the text."""
    if "<" not in text or ">" not in text:
        return text
    for tag in _THOUGHT_TAGS:
        text = _without_tag(text, opening=f"<{tag}>", closing=f"</{tag}>")
    return text


def _without_tag(text: str, *, opening: str, closing: str) -> str:
    lowered = text.lower()
    if len(lowered) != len(text):  # a few characters change length in lower case: offsets would lie
        lowered = text
    # A server that strips the opening tag leaves "... </think> answer": everything before is reasoning.
    orphan = lowered.find(closing)
    first = lowered.find(opening)
    position = orphan + len(closing) if orphan >= 0 and (first < 0 or orphan < first) else 0
    kept: list[str] = []
    while True:
        start = lowered.find(opening, position)
        if start < 0:
            kept.append(text[position:])
            return "".join(kept)
        kept.append(text[position:start])
        end = lowered.find(closing, start)
        if end < 0:
            return "".join(kept)
        position = end + len(closing)


def _bounded(text: str) -> str:
    if len(text) <= _MAX_CHARS:
        return text
    half = _MAX_CHARS // 2
    return text[:half] + "\n" + text[-half:]


def _without_lead_in(text: str) -> str:
    match = _LEAD_IN().match(text)
    rest = text[match.end() :].lstrip() if match else text
    return rest or text


def _without_courtesies(text: str) -> str:
    for separator in ("\n", ". ", "! ", "? "):
        head, found, last = text.rpartition(separator)
        if found and head.strip() and _PLEASANTRY().match(last.strip()):
            return (head + found).rstrip()
    return text


def _is_refusal(text: str) -> bool:
    head = text[:_REFUSAL_HEAD_CHARS].replace("\u2019", "'")
    words = len(text.split(None, _REFUSAL_MAX_WORDS))
    if words <= _SHORT_WORDS and _NO_KNOWLEDGE().match(head):
        return True
    if words > _REFUSAL_MAX_WORDS:
        return False
    match = _REFUSAL().search(head)
    if match is None:
        return False
    # "I can't provide legal advice, but the term is two years" answers; a refusal that only says why does not.
    return _TURNS_TO_ANSWER().search(text, match.end()) is None


def _is_error_body(text: str) -> bool:
    if not text.startswith("{") or '"error"' not in text[:200]:
        return False
    try:
        value = cast("object", json.loads(text))
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and set(cast("dict[str, object]", value)) <= {
        "error",
        "status",
        "code",
        "request_id",
    }
