r"""The final answer that a reply marks as such: a JSON "answer" field, \boxed{}, ####, "the answer is", bold.

One marker of each family is enough; the families are tried from the most to the least deliberate.
"""

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple, cast

from quorate.consensus.patterns import lacks, lazy

_RUN_ON = lazy(r"\n\s{0,4}(?:question|q|problem|user|human)\s?\d{0,3}\s?:", re.IGNORECASE)
_FIELD = lazy(r"""["'](?:final[_ ]?)?answer["']\s{0,8}:\s{0,8}""", re.IGNORECASE)
_STATED = lazy(
    r"""\b(?:(?:answer|choice|option|result|solution)\**[ ]{0,2}(?:would[ ]be|should[ ]be|must[ ]be|is)
         (?:[ ]therefore|[ ]thus)?
         (?![ ](?:not|as[ ]follows|based|that|given|in|obtained|found|explained|below))
        |answer\**[ ]{0,2}:\**|answer[ ]{0,2}=)[ ]{0,4}[*:}\s]{0,8}""",
    re.IGNORECASE | re.VERBOSE,
)
_STATED_WORDS = ("answer", "choice", "option", "result", "solution")
_SHORT_LABEL = lazy(r"^A: ?", re.MULTILINE)
_MARKS = lazy(r"####|\\(?:boxed|fbox)\b|[\"']answer[\"']")
_BOLD = lazy(r"\*\*([^*\n]{1,200})\*\*")
_SPAN_END = lazy(r"\n|[.!?](?=\s|$|[\"'`*\u201d])(?:[\"'`*\u201d]|\s|$)")
_BOX_COMMANDS = ("\\boxed{", "\\fbox{", "\\boxed {")
_FIELD_END = lazy(r"""["']?\s{0,8}(?:,\s{0,8}["']\w{1,40}["']\s{0,4}:|\}|\n|$)""")
_MAX_SPAN_CHARS = 400
EMPTY_TEXT = "''"
_MOST_STATED = 4
_REPORTED_CHARS = 80
_REPORTED = lazy(
    r"\b(?:some|many|most|people|others|they)\b[^.!?\n]{0,30}"
    r"\b(?:say|think|believe|claim|assume|argue|guess|suppose)\b[^.!?\n,;]{0,20}$",
    re.IGNORECASE,
)


class Marker(StrEnum):
    """How deliberately a reply marked its final answer, most deliberate first."""

    FIELD = "field"
    BOXED = "boxed"
    HASHES = "hashes"
    STATED = "stated"
    BOLD = "bold"


class Final(NamedTuple):
    """One marked answer: the text between the marks."""

    span: str
    marker: Marker

    @property
    def binding(self) -> bool:
        """Whether the mark leaves no room for another answer elsewhere in the reply."""
        return self.marker in {Marker.FIELD, Marker.BOXED, Marker.HASHES}


def finals(text: str) -> Iterator[Final]:
    """Yield the marked answers of a cleaned reply, most deliberate first, at most a few of each family."""
    text = without_run_on(text)
    field = answer_field(text)
    yield from _one(Marker.FIELD, field if field is None or field.strip() else EMPTY_TEXT)
    yield from _one(Marker.BOXED, _boxed(text))
    yield from _one(Marker.HASHES, _after_hashes(text))
    for span in _stated(text):
        yield Final(span=span, marker=Marker.STATED)
    last = last_paragraph(text)
    bold = _BOLD().findall(last) if "**" in last else ()
    yield from _one(Marker.BOLD, cast("str", bold[-1]).strip(" .:") if bold else None)


def without_run_on(text: str) -> str:
    """Cut where a base model goes on to invent the next question, provided that it had answered by then."""
    match = _RUN_ON().search(text, 1)
    if match is None:
        return text
    answered = text[: match.start()]
    return answered if any(pattern().search(answered) for pattern in (_STATED, _SHORT_LABEL, _MARKS)) else text


def last_paragraph(text: str) -> str:
    """Return the last non-empty line."""
    return text.rstrip().rpartition("\n")[2].strip()


def _one(marker: Marker, span: str | None) -> Iterator[Final]:
    if span is not None and span.strip():
        yield Final(span=span.strip(), marker=marker)


def answer_field(text: str) -> str | None:
    """Return the value of the last "answer" field, also of JSON that is not quite valid."""
    if "{" not in text:
        return None
    found = None
    for match in _FIELD().finditer(text):
        found = _field_value(text, match.end())
    return found


def _field_value(text: str, start: int) -> str:
    if text[start : start + 1] != '"':
        return _raw_value(text, start)
    try:
        value, end = cast("tuple[object, int]", json.JSONDecoder(strict=False).raw_decode(text, start))
    except (ValueError, RecursionError):
        return _raw_value(text, start)
    tail = text[end : end + 8].lstrip()
    if tail and tail[0] not in ",}":  # an unescaped quote inside the value ended it too early
        return _raw_value(text, start)
    return str(value)


def _raw_value(text: str, start: int) -> str:
    """Return the literal up to the end of the object: JSON without quotes, or with unescaped quotes inside."""
    stop = min(len(text), start + _MAX_SPAN_CHARS)
    line_end = text.find("\n", start, stop)
    end = line_end if line_end >= 0 else stop
    raw = text[start:end].rstrip().rstrip(",").rstrip()
    if line_end < 0 and raw.endswith("}") and raw.count("}") > raw.count("{"):
        raw = raw[:-1].rstrip()
    if len(raw) > 1 and raw[0] == raw[-1] == '"':
        raw = raw[1:-1]
    return raw.replace('\\"', '"')


def _boxed(text: str) -> str | None:
    start = max((text.rfind(command) + len(command) for command in _BOX_COMMANDS if command in text), default=-1)
    if start < 0:
        return None
    depth = 1
    for position in range(start, min(len(text), start + _MAX_SPAN_CHARS)):
        character = text[position]
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return text[start:position]
    return None


def _after_hashes(text: str) -> str | None:
    _, found, rest = text.partition("\n#### ") if "\n#### " in text else text.partition("#### ")
    if not found:
        return None
    line = rest.partition("\n")[0]
    # "#### Step 1" is a heading, "#### 18" an answer
    return line if any(character.isdigit() for character in line[:24]) and len(line) < _MAX_SPAN_CHARS else None


def _stated(text: str) -> Iterator[str]:
    """Yield the spans after "answer is" and the like: the first ones, then the last.

    Base models go on after the first. "The result is", "the solution is" often speak of workings and come after every
    "answer".
    """
    if lacks(text, _STATED_WORDS):
        matches: list[re.Match[str]] = []
    else:
        matches = [match for match in _STATED().finditer(text) if not _is_reported(text, match.start())]
    named = [match.end() for match in matches if match.group()[:6].lower() == "answer"]
    others = [match.end() for match in matches if match.group()[:6].lower() != "answer"]
    starts = named or [match.end() for match in _SHORT_LABEL().finditer(text)]
    for start in dict.fromkeys(starts[:_MOST_STATED] + starts[-1:] + others[-1:]):
        span = _span(text, start)
        if span:
            yield span


def _is_reported(text: str, position: int) -> bool:
    """Whether what is stated there is what others say ("some believe the answer is 5")."""
    return _REPORTED().search(text, max(position - _REPORTED_CHARS, 0), position) is not None


def _span(text: str, start: int) -> str:
    stop = min(len(text), start + _MAX_SPAN_CHARS)
    match = _SPAN_END().search(text, start, stop)
    return text[start : match.start() if match else stop].strip().strip("*`\"'").strip()
