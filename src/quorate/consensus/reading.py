"""One reply under one question, read on demand and at most once in each way."""

from collections.abc import Sequence

from quorate.consensus.boolean import extract_boolean, opens_with_boolean, restated_boolean
from quorate.consensus.choice import extract_choice
from quorate.consensus.clean import Abstention, Cleaned, clean
from quorate.consensus.code import Code, code_dominates, extract_code
from quorate.consensus.date import Asked, Moment, extract_date
from quorate.consensus.facts import Profile, profile
from quorate.consensus.final import Final, Marker, finals
from quorate.consensus.json_value import JsonValue, extract_json, is_envelope
from quorate.consensus.kind import Kind
from quorate.consensus.listing import Listing, extract_list
from quorate.consensus.literal import Literal, literal
from quorate.consensus.number import Quantity, explicit_number, extract_number
from quorate.consensus.prose import LONG_WORDS
from quorate.consensus.question import Question
from quorate.consensus.tool_call import Calls, ToolCallText, read_calls
from quorate.consensus.vectors import Vector, vector
from quorate.core.lazy import lazy_property

_SHORT_STEMS = 6
_SHORT_WORDS = 40
_MARKED_WORDS = 12


def _without_quote(text: str, quotable: str) -> str:
    """Return a reply without the question it repeats word for word: what stands in the question answers nothing."""
    if not quotable or quotable not in text:
        return text
    rest = text.replace(quotable, " ")
    return rest if any(character.isalnum() for character in rest) else text


class Reading:
    """A reply in every form that some kind compares; nothing is computed before it is asked for."""

    def __init__(
        self, question: Question, text: str, *, complete: bool = True, tool_calls: Sequence[ToolCallText] = ()
    ) -> None:
        self.question = question
        self.calls: Calls | None = read_calls(tool_calls) if tool_calls else None
        if tool_calls and complete:
            # The calls are the reply, a text beside them only announces them; calls that nothing can run are none.
            abstention = None if self.calls is not None else Abstention.NO_ANSWER
            self.cleaned: Cleaned = Cleaned(text="", abstention=abstention)
        else:
            self.cleaned = clean(_without_quote(text, question.quotable), complete=complete)

    @property
    def text(self) -> str:
        """The cleaned reply; empty if the reply calls functions."""
        return self.cleaned.text

    @property
    def said(self) -> str:
        """What the reply says: its calls, or its text. Replies that say the same to the letter are the same."""
        return self.calls.text if self.calls is not None else self.text

    @lazy_property
    def marks(self) -> tuple[Final, ...]:
        """The answers it marks as final, most deliberate first."""
        return tuple(finals(self.text))

    @lazy_property
    def choice(self) -> str | None:
        """The label it picks."""
        return extract_choice(self.question.options, self.text, self.marks)

    @lazy_property
    def number(self) -> Quantity | None:
        """The quantity it arrives at, marked or last."""
        return extract_number(self.text, self.marks, self.question.numbers)

    @lazy_property
    def marked_number(self) -> Quantity | None:
        """The quantity it marks as its answer or consists of."""
        return explicit_number(self.text, self.marks)

    @lazy_property
    def boolean(self) -> str | None:
        """Yes or no, said or by repeating the question as a statement."""
        return extract_boolean(self.text, self.marks) or self.restated

    @lazy_property
    def restated(self) -> str | None:
        """Yes or no by repeating the question as a statement, in a short reply."""
        question = self.question
        if not question.asks_yes_or_no or len(self.text.split(None, _SHORT_WORDS)) > _SHORT_WORDS:
            return None
        return restated_boolean(question.facts, question.stems, self.profile.whole)

    @lazy_property
    def opens_with_boolean(self) -> bool:
        """Whether its first word is a plain yes or no."""
        return opens_with_boolean(self.text)

    @lazy_property
    def date(self) -> Moment | None:
        """The one date or time it gives."""
        question = self.question
        asked = Asked(stems=question.stems, dates=question.dates)
        return extract_date(self.text, self.marks, question.date_convention, asked)

    @lazy_property
    def listing(self) -> Listing | None:
        """The items it lists."""
        return extract_list(self.text, self.marks, self.json, self.question.options)

    @lazy_property
    def json(self) -> JsonValue | None:
        """The JSON value it is."""
        return extract_json(self.text)

    @lazy_property
    def is_json_answer(self) -> bool:
        """Whether it is JSON that is itself the answer, not an envelope around one."""
        return self.json is not None and not is_envelope(self.json)

    @lazy_property
    def code(self) -> Code | None:
        """The program it holds."""
        return extract_code(self.text)

    @lazy_property
    def is_code_answer(self) -> bool:
        """Whether the program is the answer: asked for, or most of the reply, and not data around a marked answer."""
        if self.code is None or (self.mark is not None and self.mark.marker is Marker.FIELD):
            return False
        return self.question.asks_for_code or code_dominates(self.text) or "```" not in self.text

    @lazy_property
    def mark(self) -> Final | None:
        """Its most deliberate mark of a short final answer, bold type not counted."""
        first = self.marks[0] if self.marks else None
        if first is None or first.marker is Marker.BOLD:
            return None
        return first if first.binding or len(first.span.split()) <= _MARKED_WORDS else None

    @lazy_property
    def short_text(self) -> str:
        """What a short comparison looks at: the marked answer, else everything."""
        return self.mark.span if self.mark is not None else self.text

    @lazy_property
    def literal(self) -> Literal:
        """The short answer in canonical form."""
        return literal(self.short_text)

    @lazy_property
    def is_short(self) -> bool:
        """Whether it has a marked short answer, or says at most six things that the question did not."""
        if self.mark is not None:
            return True
        if len(self.text.split(None, _SHORT_WORDS)) > _SHORT_WORDS:
            return False
        return len(self.short_profile.whole.stems - self.question.stems) <= _SHORT_STEMS

    @lazy_property
    def is_long(self) -> bool:
        """Whether it is an essay rather than a reply."""
        return len(self.text.split(None, LONG_WORDS)) > LONG_WORDS

    @lazy_property
    def short_profile(self) -> Profile:
        """The facts of the short answer."""
        return self.profile if self.mark is None else profile(self.short_text)

    @lazy_property
    def profile(self) -> Profile:
        """The facts of the whole reply."""
        return profile(self.text)

    @lazy_property
    def vector(self) -> Vector:
        """Its n-gram vector."""
        return vector(self.text)

    def answer(self, kind: Kind) -> str | None:  # one line per kind, closed by the type checker
        """Return the normalised answer of this kind, or None; prose has none."""
        match kind:
            case Kind.CHOICE:
                return self.choice
            case Kind.NUMBER:
                return self.number.text if self.number else None
            case Kind.BOOLEAN:
                return self.boolean
            case Kind.DATE:
                return self.date.text if self.date else None
            case Kind.LIST:
                return self.listing.text if self.listing else None
            case Kind.TOOL_CALL:
                return self.calls.text if self.calls else None
            case Kind.JSON:
                return self.json.text if self.json else None
            case Kind.CODE:
                return self.code.text if self.code else None
            case Kind.SHORT:
                return self.literal.text or None
            case Kind.PROSE:
                return None
