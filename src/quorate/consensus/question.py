"""The prompt, read once: its options, alternatives and what kind of answer it asks for."""

import re

from quorate.consensus.boolean import asks_yes_or_no, demands_yes_or_no
from quorate.consensus.choice import options
from quorate.consensus.code import asks_for_code
from quorate.consensus.date import Convention, Moment, moments
from quorate.consensus.facts import Facts, numbers_in, profile
from quorate.consensus.guards import alternatives
from quorate.consensus.patterns import lacks, lazy
from quorate.consensus.words import content_stems
from quorate.core.lazy import lazy_property

_MAX_CHARS = 32_000
_LEAST_QUOTE = 12
_MOST_QUOTE = 4_000
_QUANTITY = lazy(
    r"\bhow (?:many|much)\b|\bcalculate\b|\bcompute\b"
    r"|\b(?:find|determine) the (?:\w+ ){0,2}(?:value|sum|product|number|probability|area|volume|length|distance)\b"
    r"|\bin (?:dollars|cents|euros|hours|minutes|miles|kilometers|kilometres|percent)\b"
    r"|\d\s?[-+*/x\u00d7\u00f7^]\s?\d[^?\n]{0,40}(?:=|\?)"
    r"|\d\s?(?:%|percent) of\b|\d to the power of\b|\b(?:square|cube) root of\b|\b(?:plus|minus|times|divided by) \d",
    re.IGNORECASE,
)
#: One of them stands in whatever `_QUANTITY` finds.
_QUANTITY_WORDS = (
    "how m", "calculate", "compute", "find the", "determine the", "dollars", "cents", "euros", "hours", "minutes",
    "miles", "kilometers", "kilometres", "percent", "root of", *"0123456789",
)  # fmt: skip
_WHAT_QUANTITY = lazy(
    r"\bwhat(?: (?:percent|percentage|fraction|number)\b"
    r"|(?:'s| is| are| was| will be) (?:the )?(?:\w+ ){0,2}"
    r"(?:value|sum|product|total|number|probability|percentage"
    r"|average|price|cost|area|volume|perimeter|distance|difference|ratio|remainder|square root"
    r"|population|boiling point|melting point|length|width|height|speed|age|weight|mass|temperature|slope|angle)\b)",
    re.IGNORECASE,
)
_DATE = lazy(
    r"(?:(?:^|[.?!:;\n]\s{0,4}|\b(?:and|since|until|by|exactly) )when(?: exactly)? "
    r"(?:is|was|are|were|did|does|do|will|would|has|had|have|can|should|must|it|the|they|he|she)\b"
    r"|\b(?:what|which) (?:(?:calendar|exact|release|birth|due|start|end|expiry) )?"
    r"(?:date|year|month|day|weekday|time)\b"
    r"|\bwhat(?:'s| is| was) the (?:\w+ ){0,2}(?:date|deadline|year|birthday)\b|\bdate of (?:birth|death|issue)\b)",
    re.IGNORECASE,
)
_DATE_WORDS = ("when", "date", "year", "month", "day", "time", "deadline")
_DATE_PART = lazy(
    r"\b(?:what|which) (?:calendar )?(?:(year)|(month)|(day of the week|weekday)|(time))\b", re.IGNORECASE
)
_DATE_PARTS = ("year", "month", "weekday", "time")
_DAY_FIRST = lazy(r"\bDD?[/.-]MM?\b|\bday[/-]month\b", re.IGNORECASE)
_MONTH_FIRST = lazy(r"\bMM?[/.-]DD?\b|\bmonth[/-]day\b", re.IGNORECASE)
_COUNT = r"(?:\d{1,3}|two|three|four|five|six|seven|eight|nine|ten|some|several|all|a few)"
_LIST = lazy(
    r"(?:^|[.?!:;\n]\s{0,4}|\b(?:please|and|then|to|you) )(?:list|enumerate|name " + _COUNT + r")\b"
    r"|\b(?:make|give|write|provide|create|return|produce)(?: me| us)? (?:a|the|your)(?: \w+){0,2} list\b"
    r"|\b(?:give|tell|suggest)(?: me| us)? " + _COUNT + r" \w+"
    r"|\bwhat are (?:the |all (?:the )?)?(?:\d{1,2}|two|three|four|five|six|seven|eight|nine|ten)\b"
    r"|\b(?:select|choose|check|mark|pick) all\b|\ball that apply\b",
    re.IGNORECASE,
)
_LIST_WORDS = ("list", "enumerate", "name ", "give", "tell", "suggest", "what are", "all")
_SELECT_ALL = lazy(r"\b(?:select|choose|check|mark|pick) all\b|\ball that apply\b", re.IGNORECASE)
_ORDER = lazy(
    r"\b(?:in (?:\w+ )?(?:order|sequence)|rank(?:ed|ing)?|steps?|chronological(?:ly)?|alphabetical(?:ly)?"
    r"|ascending|descending|sort(?:ed)?|order(?:ed)? (?:by|from)|top \d{1,3}"
    r"|from (?:the )?\w{3,12}est to (?:the )?\w{3,12}est)\b",
    re.IGNORECASE,
)


class Question:
    """A prompt and what it implies about its answers; each reading is made at most once."""

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt

    @lazy_property
    def text(self) -> str:
        """The part that is analysed: a very long prompt (documents first, question last) keeps both ends."""
        half = _MAX_CHARS // 2
        return self.prompt if len(self.prompt) <= _MAX_CHARS else f"{self.prompt[:half]}\n{self.prompt[-half:]}"

    @lazy_property
    def quotable(self) -> str:
        """The question as a reply may quote it; empty if it is so short that its words may be the answer."""
        text = self.prompt.strip()
        return text if _LEAST_QUOTE <= len(text) <= _MOST_QUOTE else ""

    @lazy_property
    def options(self) -> dict[str, str]:
        """The options of a multiple-choice question, label to text."""
        return options(self.text)

    @lazy_property
    def alternatives(self) -> tuple[frozenset[str], ...]:
        """The pairs of stems it offers ("tabs or spaces")."""
        return alternatives(self.text)

    @lazy_property
    def stems(self) -> frozenset[str]:
        """The stems that a reply may repeat without answering; alternatives are answers and stay."""
        return content_stems(self.text) - frozenset[str]().union(*self.alternatives)

    @lazy_property
    def facts(self) -> Facts:
        """What its first sentences state."""
        return profile(self.text).whole

    @lazy_property
    def numbers(self) -> frozenset[str]:
        """The numbers it gives."""
        return numbers_in(self.text)

    @lazy_property
    def asks_quantity(self) -> bool:
        """Whether it asks for a number."""
        text = self.text
        if not lacks(text, _QUANTITY_WORDS) and _QUANTITY().search(text) is not None:
            return True
        return not lacks(text, ("what",)) and _WHAT_QUANTITY().search(text) is not None

    @lazy_property
    def asks_yes_or_no(self) -> bool:
        """Whether yes or no answers it."""
        return asks_yes_or_no(self.text)

    @lazy_property
    def demands_yes_or_no(self) -> bool:
        """Whether it asks for yes or no in so many words."""
        return demands_yes_or_no(self.text)

    @lazy_property
    def asks_for_code(self) -> bool:
        """Whether it asks for a program."""
        return asks_for_code(self.text)

    @lazy_property
    def asks_date(self) -> bool:
        """Whether it asks when something is or was."""
        return not lacks(self.text, _DATE_WORDS) and _DATE().search(self.text) is not None

    @lazy_property
    def date_parts(self) -> frozenset[str]:
        """The one part of a date that it asks for by name ("which year"); empty if it asks for a date."""
        match = _DATE_PART().search(self.text)
        if match is None:
            return frozenset()
        return frozenset({next(name for name, part in zip(_DATE_PARTS, match.groups(), strict=True) if part)})

    @lazy_property
    def dates(self) -> tuple[Moment, ...]:
        """The dates it gives."""
        return moments(self.text, self.date_convention)

    @lazy_property
    def date_convention(self) -> Convention:
        """How it says that numeric dates are written."""
        if _DAY_FIRST().search(self.text):
            return "day first"
        return "month first" if _MONTH_FIRST().search(self.text) else ""

    @lazy_property
    def asks_list(self) -> bool:
        """Whether it asks for several things."""
        found = not lacks(self.text, _LIST_WORDS) and _LIST().search(self.text) is not None
        return found and not self.asks_for_code

    @lazy_property
    def selects_all(self) -> bool:
        """Whether it asks for every option that fits rather than for one."""
        return _SELECT_ALL().search(self.text) is not None

    @lazy_property
    def asks_order(self) -> bool:
        """Whether the places of the things it asks for count."""
        return _ORDER().search(self.text) is not None
