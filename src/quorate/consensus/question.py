"""The prompt, read once: its options, alternatives and what kind of answer it asks for."""

import re

from quorate.consensus.boolean import asks_yes_or_no, demands_yes_or_no
from quorate.consensus.choice import options
from quorate.consensus.code import asks_for_code
from quorate.consensus.facts import numbers_in
from quorate.consensus.guards import alternatives
from quorate.consensus.patterns import lazy
from quorate.consensus.words import content_stems
from quorate.core.lazy import lazy_property

_MAX_CHARS = 32_000
_LEAST_QUOTE = 12
_MOST_QUOTE = 4_000
_QUANTITY = lazy(
    r"\bhow (?:many|much)\b|\bcalculate\b|\bcompute\b|\bwhat (?:percent|percentage|fraction|number)\b"
    r"|\bwhat(?:'s| is| are| was| will be) (?:the )?(?:\w+ ){0,2}"
    r"(?:value|sum|product|total|number|probability|percentage"
    r"|average|price|cost|area|volume|perimeter|distance|difference|ratio|remainder|square root"
    r"|population|boiling point|melting point|length|width|height|speed|age|weight|mass|temperature|slope|angle)\b"
    r"|\b(?:find|determine) the (?:\w+ ){0,2}(?:value|sum|product|number|probability|area|volume|length|distance)\b"
    r"|\bin (?:dollars|cents|euros|hours|minutes|miles|kilometers|kilometres|percent)\b"
    r"|\d\s?[-+*/x\u00d7\u00f7^]\s?\d[^?\n]{0,40}(?:=|\?)"
    r"|\d\s?(?:%|percent) of\b|\d to the power of\b|\b(?:square|cube) root of\b|\b(?:plus|minus|times|divided by) \d",
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
    def numbers(self) -> frozenset[str]:
        """The numbers it gives."""
        return numbers_in(self.text)

    @lazy_property
    def asks_quantity(self) -> bool:
        """Whether it asks for a number."""
        return _QUANTITY().search(self.text) is not None

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
