r"""Numbers: what quantity a reply arrives at, and whether two quantities are the same.

Understands currency, thousands separators, percent, fractions, mixed numbers, scientific notation, number words,
LaTeX (\frac, \sqrt, \pi, \text) and common units.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from quorate.consensus.expression import evaluate
from quorate.consensus.final import Final, last_paragraph, without_run_on
from quorate.consensus.patterns import lazy
from quorate.consensus.units import CURRENCIES, UNITS, unit_named
from quorate.consensus.words import sentences

RELATIVE_TOLERANCE = 1e-6
_MAX_SPAN_CHARS = 400
_PERCENT = "%"
_LATEX_TEXT = lazy(r"\\(?:text|textbf|mathrm|mathbf|operatorname|mbox)\s?\{([^{}]{0,80})\}")
_LATEX_NOISE = lazy(r"\\[,;:! ]|\{,\}|\\(?=[$%#&])|\\\(|\\\)|\\\[|\\\]|~|\^\\circ|\^\{\\circ\}")
_NUMBER = lazy(
    r"""(?P<sign>(?<![\w)\].])[-\u2212+]?)[ ]?
        (?P<currency>(?:US|CA|AU)?[$\u20ac\u00a3\u00a5\u20b9]?)[ ]?
        (?P<minus>[-\u2212]?)
        (?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d{1,3}(?:[\u202f\u00a0\u2009]\d{3})+(?!\d)
                  |\d{1,3}(?:\.\d{3})+,\d{1,2}(?!\d)|\d+(?:[.,]\d+)?|(?<!\d)\.\d+)
        (?:[eE](?P<e>[-+]?\d{1,3})\b
          |[ ]?(?:\\times|\\cdot|[x\u00d7*\u00b7])[ ]?10(?:\^|\*\*)\{?(?P<ten>[-\u2212]?\d{1,3})\}?)?
        (?P<rest>(?:[ ]\d+)?/\d+(?![\d/]))?
        [ ]?(?P<unit>%|\\%|\u00b0[ ]?[CFK]?\b|degrees?[ ](?:celsius|fahrenheit)\b|[$\u20ac\u00a3]|[A-Za-z]{1,16})?""",
    re.VERBOSE | re.IGNORECASE,
)
_LATEX_FRACTION = lazy(r"(?P<whole>\d+)?\s?\\[dt]?frac\s?\{(?P<top>[^{}]{1,40})\}\s?\{(?P<bottom>[^{}]{1,40})\}")
_POWER_OF_TEN = lazy(
    r"(?<![\w.^*/\u00d7\u00b7])(?<![*x\u00d7\u00b7] )(?<!times )(?<!cdot )10(?:\^|\*\*)\{?(-?\d{1,2})\}?(?![\w^])"
)
_MINUS = lazy(r"(?<![\d)}] )\b(?:minus|negative) (?=\d)")
_STARS = lazy(r"(?<=\b10)\*\*(?=-?\d)")
_SYMBOLIC = lazy(r"\d(?:[xyzabnkipqruvw]|\\(?:alpha|beta|theta))(?![A-Za-z])|\b[A-Za-z](?:\^|\*\*)|\^\{?[A-Za-z]")
_RANGE = lazy(r"\d\s?%?\s?(?:-|:|\u2013|\bto\b)\s?\$?\d")
_DENIED = lazy(
    r"\b(?:not|isn['\u2019]t|never|no longer|wasn['\u2019]t|aren['\u2019]t)\s(?:equal to |exactly )?[$\u20ac\u00a3]?$",
    re.IGNORECASE,
)
_LOWER_BOUND = lazy(
    r"\b(?:at least|no (?:less|fewer) than|not (?:less|fewer) than|(?<!no )(?<!not )(?:more|greater) than|minimum)\b",
    re.IGNORECASE,
)
_UPPER_BOUND = lazy(
    r"\b(?:at most|no more than|not more than|(?<!no )(?<!not )(?:less|fewer) than|up to|maximum)\b", re.IGNORECASE
)
_BOUNDED_WORDS = 16
_DENIAL_CHARS = 40
_DIGIT = lazy(r"\d")
_DIGITS = lazy(r"\d[\d.,]*")
_SUPERSCRIPT = lazy(r"(?<=\d)[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+")
_SUPERSCRIPT_DIGITS = {
    ord(sign): str(value) for value, sign in enumerate("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
}
_SCALES = {
    "hundred": 1e2,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "trillion": 1e12,
    "k": 1e3,
    "m": 1e6,
    "bn": 1e9,
    "mio": 1e6,
    "mrd": 1e9,
    "dozen": 12,
    "lakh": 1e5,
    "crore": 1e7,
}
_ONE_WORDS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen"""
_ONES = _ONE_WORDS.split()
_TEN_WORDS = """twenty thirty forty fifty sixty seventy eighty ninety"""
_TENS = _TEN_WORDS.split()
_WORD_VALUES = {word: value for value, word in enumerate(_ONES)} | {
    word: 20 + 10 * step for step, word in enumerate(_TENS)
}
_WORD = lazy(r"[a-z]+")
_VULGAR = {"\u00bd": "1/2", "\u00bc": "1/4", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3"}
_EQUALS = lazy(r"=|\u2248|\\approx")
_IN_FIGURES = lazy(r"[0-9\\]|[^\x00-\x7f]")


_EUROPEAN = lazy(r"\d{1,3}(?:\.\d{3})+,\d{1,2}")
_DECIMAL_COMMA = lazy(r"\d+,(?:\d{1,2}|\d{4,})")
_SEPARATORS = dict.fromkeys(map(ord, ",\u202f\u00a0\u2009"))
_EXACT_FLOAT = 1e15
_FILLER_WORDS = """about approximately roughly around exactly it it's its is was the a total of us us$ degree degrees #
    \u2212 - + / . , e"""
_FILLERS = frozenset(_FILLER_WORDS.split()) | _SCALES.keys() | _WORD_VALUES.keys() | {"%", "and"}
_BARE_WORDS = 8


class Quantity(NamedTuple):
    """A value as written, `unit` in canonical spelling ('' = none, '%' = percent) and its canonical text."""

    value: float
    unit: str
    text: str


def extract_number(text: str, marks: Sequence[Final], given: frozenset[str]) -> Quantity | None:
    """Return the one quantity that a cleaned reply arrives at, or None.

    A marked answer wins; without a mark it is what the concluding sentence arrives at. `given` are the numbers of the
    question, which a conclusion often repeats.
    """
    for final in marks:
        quantity = _from_final(final)
        if quantity is not None:
            return quantity
        if final.binding or _is_range(final.span):
            return None
    if len(text.split(None, _BARE_WORDS)) < _BARE_WORDS and _is_range(text):
        return None
    return _from_ending(without_run_on(text), given)


def explicit_number(text: str, marks: Sequence[Final]) -> Quantity | None:
    """Return the quantity only if the reply marks it as its answer or consists of it."""
    for final in marks:
        quantity = _from_final(final)
        if quantity is not None:
            return quantity
    bare = text[:_MAX_SPAN_CHARS].strip()
    plain = _plain(bare)
    match = _NUMBER().search(plain) if _has_digit(plain) else None
    if match is None:
        return _in_words(bare) if _only_fillers(bare) else None
    end = max(match.end(part) for part in ("digits", "e", "ten", "rest"))
    rest = plain[: match.start("digits")] + " " + plain[end:]
    return parse_quantity(bare) if len(text) <= _MAX_SPAN_CHARS and _only_fillers(rest) else None


def same_quantity(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are equal: exactly for integers, else within a relative tolerance of 1e-6.

    A unit on one side only is no difference; known units of one dimension are converted,
    temperatures too; "5 %" equals "5" and "0.05".
    """
    if one.unit == other.unit or not one.unit or not other.unit:
        if _same_value(one, other):
            return True
        percent = {one.unit, other.unit} == {_PERCENT, ""}
        return percent and any(
            math.isclose(a.value / 100, b.value, rel_tol=RELATIVE_TOLERANCE)
            for a, b in ((one, other), (other, one))
            if a.unit == _PERCENT
        )
    first, second = UNITS.get(one.unit), UNITS.get(other.unit)
    if first is None or second is None or not (math.isfinite(one.value) and math.isfinite(other.value)):
        return False  # what is beyond every double cannot be converted
    return first.dimension == second.dimension and math.isclose(
        one.value * first.factor + first.offset,
        other.value * second.factor + second.offset,
        rel_tol=RELATIVE_TOLERANCE,
    )


def opposite_bounds(one: str, other: str) -> bool:
    """Whether one short reply says "at least" and the other "at most"."""
    first, second = _bound(one), _bound(other)
    return bool(first and second and first != second)


def _bound(text: str) -> str:
    if len(text.split(None, _BOUNDED_WORDS)) > _BOUNDED_WORDS:
        return ""
    lower, upper = _LOWER_BOUND().search(text), _UPPER_BOUND().search(text)
    return "" if bool(lower) == bool(upper) else "lower" if lower else "upper"


def only_quantities(text: str) -> bool:
    """Whether a text is nothing but numbers, units and words like "about"."""
    return _only_fillers(_DIGITS().sub(" ", text))


def parse_quantity(span: str) -> Quantity | None:
    """Return the quantity that a marked answer states: after the last equals sign, else the first number."""
    plain = _plain(span[:_MAX_SPAN_CHARS])
    if not plain:
        return None
    sides = [side.strip() for side in _EQUALS().split(plain)]
    if _IN_FIGURES().search(plain) is None:  # most replies are prose: they are searched for number words only
        return None if "^" in sides[-1] and _SYMBOLIC().search(sides[-1]) else _in_words(sides[-1])
    side = next((part for part in reversed(sides) if any(c.isdigit() for c in part) or "\\pi" in part), sides[-1])
    if _is_range(side):
        return None
    fraction = _LATEX_FRACTION().search(side)
    match = _NUMBER().search(side)
    if fraction is None and match is not None and _fills(match.span(), side):
        return _quantity(match)
    if fraction is not None and fraction.group("whole") and _fills(fraction.span(), side.lstrip("-")):
        return _latex_fraction(fraction)  # two and a half, where an expression would read two times a half
    value = evaluate(side.strip("$ .")) if "\\" in side or not side.isalnum() else None
    if value is not None:
        return _made(value, "")
    if _SYMBOLIC().search(side):
        return None  # "2x" and "x^2" are formulas, whatever numbers they contain
    if fraction is not None and (match is None or match.start("digits") >= fraction.start()):
        return _latex_fraction(fraction)
    return _quantity(match) if match is not None else _in_words(side)


def _is_range(span: str) -> bool:
    """Whether a span gives two bounds, a ratio or a score instead of one value."""
    return _RANGE().search(span) is not None and "=" not in span and len(_NUMBER().findall(span)) == len(("from", "to"))


def _fills(span: tuple[int, int], side: str) -> bool:
    return span[1] - span[0] >= len(side.strip("$ .*"))


def _only_fillers(rest: str) -> bool:
    """Whether nothing stands beside a number but units, currencies and words like "about" ("before" changes it)."""
    words = (word.strip(".,;:!?*`$\\{}()[]'\"=").lower() for word in rest.split())
    return all(
        not word or word in _FILLERS or word in CURRENCIES or _unit(word) or word[0] == "\u00b0" for word in words
    )


def _from_final(final: Final) -> Quantity | None:
    return parse_quantity(final.span)


def _from_ending(text: str, given: frozenset[str]) -> Quantity | None:
    """Look at the last three sentences only, the last one with a number first: numbers far up are workings."""
    ending = sentences(text[-4 * _MAX_SPAN_CHARS :])
    for position in range(len(ending) - 1, max(len(ending) - 4, -1), -1):
        plain = _plain(ending[position])
        matches = [match for match in _numbers(plain) if not _is_denied(plain, match.start())]
        if matches:
            fractions = list(_LATEX_FRACTION().finditer(plain))
            if fractions and fractions[-1].end() >= matches[-1].start():
                return _latex_fraction(fractions[-1])
            return _concluded(plain, matches, _last_result(ending[:position]), given)
    return _in_words(last_paragraph(text)) if ending else None


def _numbers(plain: str) -> Iterable[re.Match[str]]:
    return _NUMBER().finditer(plain) if _has_digit(plain) else ()


def _has_digit(plain: str) -> bool:
    """Whether there can be a number: much sooner told than `_NUMBER` finds none."""
    return _DIGIT().search(plain) is not None


def _is_denied(plain: str, position: int) -> bool:
    return _DENIED().search(plain, max(position - _DENIAL_CHARS, 0), position) is not None


def _concluded(plain: str, matches: list[re.Match[str]], result: str, given: frozenset[str]) -> Quantity:
    """Choose among the numbers of a concluding sentence.

    The first after its last equals sign; else the one that the last equation before it arrived at; else the last one
    that the question did not give; else the last.
    """
    equals = [match.end() for match in _EQUALS().finditer(plain)]
    after = [match for match in matches if equals and match.start() >= equals[-1]]
    if after:
        return _quantity(after[0])
    quantities = [_quantity(match) for match in matches]
    found = [quantity for quantity in quantities if quantity.text == result]
    new = [quantity for quantity in quantities if quantity.text.lstrip("-") not in given]
    return (found or new or quantities)[-1]


def _last_result(before: list[str]) -> str:
    """Return the canonical number after the last equals sign of the sentences before the conclusion, '' if none."""
    for sentence in reversed(before):
        head, found, tail = sentence.rpartition("=")
        match = _NUMBER().search(_plain(tail)) if found and head else None
        if match is not None:
            return _quantity(match).text
    return ""


def _plain(span: str) -> str:
    if "\\" in span or "{" in span or "~" in span:
        span = _LATEX_NOISE().sub("", _LATEX_TEXT().sub(r" \1 ", span))
    for symbol, fraction in _VULGAR.items():
        if symbol in span:
            span = span.replace(symbol, f" {fraction}")
    if not span.isascii():
        span = _SUPERSCRIPT().sub(lambda match: "^" + match.group().translate(_SUPERSCRIPT_DIGITS), span)
    if "minus" in span or "negative" in span:
        span = _MINUS().sub("-", span)
    if "10" in span:
        span = _STARS().sub("^", span)
        span = _POWER_OF_TEN().sub(r"1e\1", span)
    return span.replace("**", "").replace("$$", "").strip(" `*_\"'")


def _quantity(match: re.Match[str]) -> Quantity:
    digits = _canonical_digits(match.group("digits"))
    value = float(digits)
    exponent = match.group("e") or match.group("ten")
    if exponent:
        value = _shifted(value, int(exponent.replace("\u2212", "-")))
    rest = match.group("rest")
    if rest:
        value = _with_fraction(value, rest)
    written = match.group("unit") or ""
    unit_text = written.lower()
    scaled = len(written) > 1 or match.group("currency") or written == "k"  # "5 M" may be metres, "5k" is a number
    scale = _SCALES.get(unit_text, 1.0) if scaled else 1.0
    value *= scale
    negative = match.group("sign") in {"-", "\u2212"} or bool(match.group("minus"))
    currency = CURRENCIES.get(match.group("currency").upper(), "")
    unit = currency or CURRENCIES.get(unit_text, "") or _unit(written)
    value = -value if negative else value
    if not math.isfinite(value):  # beyond every double: as it is written, and only that is the same
        written = f"{digits}e{exponent}" if exponent else digits
        return Quantity(value=value, unit=unit, text=("-" if negative else "") + written + (rest or ""))
    if exponent or rest or scale != 1.0 or "." in digits or not value:
        return _made(value, unit)
    return _made(value, unit, exact=("-" if negative else "") + digits.lstrip("0"))


def _shifted(value: float, exponent: int) -> float:
    try:
        return value * 10.0**exponent
    except OverflowError:
        return math.inf if value else 0.0


def _with_fraction(value: float, rest: str) -> float:
    whole, _, bottom = rest.rpartition("/")
    if not float(bottom):
        return value
    return value + float(whole) / float(bottom) if whole.strip() else value / float(bottom)


def _unit(text: str) -> str:
    if text in {"%", "\\%", "percent", "pct"}:
        return _PERCENT
    if text[:1] == "\u00b0" or text.lower().startswith("degree"):
        scale = text.lower().removeprefix("\u00b0").removeprefix("degrees").removeprefix("degree").strip()[:1]
        return f"deg{scale}" if scale else ""
    return unit_named(text)


def _canonical_digits(digits: str) -> str:
    if _EUROPEAN().fullmatch(digits):
        return digits.replace(".", "").replace(",", ".")
    if _DECIMAL_COMMA().fullmatch(digits):
        return digits.replace(",", ".")
    return digits.translate(_SEPARATORS)


def _made(value: float, unit: str, *, exact: str = "") -> Quantity:
    if exact:
        text = exact
    elif abs(value) < _EXACT_FLOAT and value == int(value):
        text = str(int(value))
    else:
        text = f"{value:.10g}"
    return Quantity(value=value, unit=unit, text=text)


def _same_value(one: Quantity, other: Quantity) -> bool:
    if one.text == other.text:
        return True
    integers = "." not in one.text + other.text and "e" not in one.text + other.text
    finite = math.isfinite(one.value) and math.isfinite(other.value)
    return not integers and finite and math.isclose(one.value, other.value, rel_tol=RELATIVE_TOLERANCE)


def _latex_fraction(match: re.Match[str]) -> Quantity | None:
    value = evaluate("\\frac{" + match.group("top") + "}{" + match.group("bottom") + "}")
    if value is None:
        return None
    whole = match.group("whole")
    negative = match.string[: match.start()].rstrip().endswith("-")
    value += float(whole) if whole else 0.0
    return _made(-value if negative else value, "")


def _in_words(span: str) -> Quantity | None:
    """Return the value of the last run of number words ("forty-two", "three million"), if the span has one."""
    total = current = 0.0
    found: float | None = None
    unit = ""
    words = _WORD().findall(span.lower()[-_MAX_SPAN_CHARS:])
    if _WORD_VALUES.keys().isdisjoint(words):
        return None
    for word in words:
        if word in _WORD_VALUES and word != "one":
            current += _WORD_VALUES[word]
        elif word == "one":
            current += 1
        elif word == "hundred" and current:
            current *= 100
        elif len(word) > 1 and word in _SCALES and current:
            total, current = total + current * _SCALES[word], 0.0
        elif word != "and":
            if total or current:
                found, unit = total + current, CURRENCIES.get(word, "") or _unit(word)
            total = current = 0.0
    if total or current:
        return _made(total + current, "")
    return None if found is None else _made(found, unit)
