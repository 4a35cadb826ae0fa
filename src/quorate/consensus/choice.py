"""Multiple choice: which option of the prompt a reply picks."""

import re
from collections.abc import Sequence

from quorate.consensus.final import Final, last_paragraph, without_run_on
from quorate.consensus.patterns import lazy

_OPTION_LINE = lazy(r"^[ \t]{0,8}[(\[]?([A-Za-z])[)\].:][ \t]+(\S.*)$", re.MULTILINE)
_OPTION_INLINE = lazy(r"\(([A-Za-z])\)\s{0,3}([^()\n]{1,200})")
_DEFAULT_LABELS = "ABCDEFGHIJ"
_LEAST_OPTIONS = 2
_DENIAL_CHARS = 40
_PROSE_AFTER_A = lazy(r"\s+(?!because|since|as\b|and|or\b|which|that|is\b|would|for\b|with\b|due|based|\()[a-z]")
_PROSE_AFTER_I = lazy(r"['\u2019]|\s+(?:am|think|would|believe|do|did|can|could|have|will|was|cannot|need)\b")
_LEADING = lazy(
    r"(?:the )?(?:(?:correct|best|right|final|most \w{3,12}) )?"
    r"(?:option|answer|choice|letter|alternative)?\s?(?:is|:)?\s{0,3}"
    r"[\"'*`$\\({\[]{0,6}(?:text|textbf|mathrm|boxed)?[({\[]{0,3}([A-Za-z])(?![A-Za-z0-9'\u2019])",
    re.IGNORECASE,
)
_NAMED = lazy(r"\b(?:option|choice|letter|alternative)\s{1,2}[\"'*`(]{0,4}([A-Za-z])(?![A-Za-z0-9'\u2019])")
_LONE = lazy(r"(?<!\w)[A-Z](?!\w)")
_IN_A_SENTENCE = lazy(r"['\u2019]|\s+[a-z]")
_OR_ANOTHER = lazy(r"[)\]\"'*`}]{0,4}\s{0,2}(?:/|\bor\b)\s{0,2}[(\[\"'*`]{0,4}([A-HJ-Z])(?![A-Za-z0-9'\u2019])")
_DENIED_AFTER = lazy(
    r"[)\]\"'*`.]{0,4}\s(?:isn['\u2019]t\b|(?:is|was|seems|can(?:no|')t be)\s(?:not|wrong|incorrect|false|ruled out)\b)"
)
_DENIED_BEFORE = lazy(
    r"\b(?:not|never|isn['\u2019]t|except|exclude|rule out|eliminate|neither|nor)"
    r"\s(?:(?:be|the|option|answer|choice)\s){0,2}[(\[\"'*`]{0,4}$",
    re.IGNORECASE,
)
_PARENTHESISED = lazy(r"\(([A-Za-z])\)")


def options(prompt: str) -> dict[str, str]:
    """Return the options that the prompt lists, upper-case label to text, in order; empty if it lists none.

    At least two are needed, labelled from A without a gap.
    """
    for pattern in (_OPTION_LINE, _OPTION_INLINE):
        found: dict[str, str] = {}
        for label, text in pattern().findall(prompt):
            if label.upper() == chr(ord("A") + len(found)):
                found[label.upper()] = text.strip()
            elif label.upper() == "A":
                found = {"A": text.strip()}
        if len(found) >= _LEAST_OPTIONS:
            return found
    return {}


def extract_choice(offered: dict[str, str], text: str, marks: Sequence[Final]) -> str | None:
    """Return the upper-case label that a cleaned reply picks, or None; without options A to J are accepted."""
    allowed = frozenset(offered) or frozenset(_DEFAULT_LABELS)
    body = without_run_on(text)
    for final in marks:
        label = _leading_label(final.span, allowed) or _option_with_text(offered, final.span)
        if label is not None:
            return label
    return _unmarked(offered, allowed, body) or _last_label(offered, body)


def _unmarked(offered: dict[str, str], allowed: frozenset[str], body: str) -> str | None:
    last = last_paragraph(body)
    candidates = (body, last) if last != body else (body,)
    for candidate in candidates:
        label = _bare_label(candidate, allowed)
        if label is not None:
            return label
    named = [label.upper() for label in _NAMED().findall(last) if label.upper() in allowed]
    if named:
        return named[-1]
    bracketed = {label.upper() for label in _PARENTHESISED().findall(last)} & allowed
    if len(bracketed) == 1:
        return bracketed.pop()
    return _option_with_text(offered, body)


def _leading_label(span: str, allowed: frozenset[str]) -> str | None:
    match = _LEADING().match(span.lstrip())
    if match is None or match.group(1).upper() not in allowed:
        return None
    rest = span.lstrip()
    other = _OR_ANOTHER().match(rest, match.end())
    if other is not None and other.group(1) in allowed and other.group(1) != match.group(1).upper():
        return None  # "A or B" picks neither
    return match.group(1).upper() if _is_label(match, rest) and not _DENIED_AFTER().match(rest, match.end()) else None


def _bare_label(text: str, allowed: frozenset[str]) -> str | None:
    """Return the label of a text that opens with it as a label: "B", "(B) Paris", "B. Paris", "**B**"."""
    match = _LEADING().match(text)
    if match is None or match.group(1).upper() not in allowed:
        return None
    after = text[match.end() : match.end() + 2].lstrip("*`\"'$")
    closed = not after or after[0] in ").:]},\n"
    return match.group(1).upper() if closed and _is_label(match, text) else None


def _is_label(match: re.Match[str], text: str) -> bool:
    """Tell the labels A and I from the article and the pronoun; lower case counts only when it stands alone."""
    letter = match.group(1)
    rest = text[match.end() :]
    before = text[match.start(1) - 1 : match.start(1)]
    if letter.islower():
        return not rest.strip(" .)*`\"'}$") or before == "("
    if before == "(":
        return True
    return not ((letter == "A" and _PROSE_AFTER_A().match(rest)) or (letter == "I" and _PROSE_AFTER_I().match(rest)))


def _last_label(offered: dict[str, str], body: str) -> str | None:
    """Return the last label of an offered option that stands alone in a reply that commits to nothing more clearly.

    Benchmarks of multiple choice grade such replies so. The article and the pronoun are no labels.
    """
    labels = [match for match in _LONE().finditer(body) if match.group() in offered]
    seconds = [other.start(1) for match in labels if (other := _OR_ANOTHER().match(body, match.end()))]
    if seconds and seconds[-1] == labels[-1].start():
        return None  # "... either A or B" commits to nothing
    for match in reversed(labels):
        label = match.group()
        if not _is_denied(body, match) and not (label in "AI" and _IN_A_SENTENCE().match(body, match.end())):
            return label
    return None


def _is_denied(body: str, match: re.Match[str]) -> bool:
    """Whether the text around a label says that it is not the answer."""
    before = body[max(match.start() - _DENIAL_CHARS, 0) : match.start()]
    return _DENIED_BEFORE().search(before) is not None or _DENIED_AFTER().match(body, match.end()) is not None


def _option_with_text(offered: dict[str, str], text: str) -> str | None:
    """Return the only option whose whole text stands in a short reply; the longest wins if one contains another."""
    plain = " ".join(text.casefold().split()).strip(" .!*`\"'")
    if not offered or len(plain) > 2 * max(map(len, offered.values())) + 80:
        return None
    found = [label for label, option in offered.items() if _stands_in(option, plain)]
    if len(found) > 1:
        longest = max(found, key=lambda label: len(offered[label]))
        nested = all(_plain(offered[label]) in _plain(offered[longest]) for label in found)
        return longest if nested else None
    return found[0] if found else None


def _plain(option: str) -> str:
    return " ".join(option.casefold().split()).strip(" .!*`\"'")


def _stands_in(option: str, plain: str) -> bool:
    wanted = _plain(option)
    if not wanted:
        return False
    position = plain.find(wanted)
    if position < 0:
        return False
    before, after = plain[:position][-1:], plain[position + len(wanted) :][:1]
    return not (before.isalnum() or after.isalnum())
