"""What a sentence or a reply states: stems, negated stems, numbers, names. The ground of every guard."""

from typing import NamedTuple

from quorate.consensus.figures import plain_figures
from quorate.consensus.patterns import lazy
from quorate.consensus.small_words import FIGURES, OPPOSITES
from quorate.consensus.words import OPPOSED_STOP_WORDS, STOP_WORDS, content_stems, sentences, stem, tokens

_NUMBER = lazy(r"(?:\u00b1[ ]?|\\pm[ ]?)?\d+(?:,\d{3})*(?:\.\d+)?")
#: Dates, times, scores, ratios, ranges: their order says something.
_JOINED_NUMBERS = lazy(r"(?<![\w.-])\d+(?:[-:/\u2013]\d+){1,8}(?![\w-])")
_NEGATION_WORDS = """
    not no never none neither nor cannot without isn't aren't wasn't weren't don't doesn't didn't won't can't
    couldn't shouldn't wouldn't hasn't haven't hadn't nothing nobody false incorrect untrue avoid hardly scarcely
    barely rarely seldom dont doesnt didnt isnt arent wasnt werent cant wont couldnt shouldnt wouldnt
    nicht kein keine keinen keiner keines niemals ne pas jamais aucun aucune nunca jam\u00e1s ning\u00fan ninguna
    non n\u00e3o niet geen nooit inte ikke nie
    \u043d\u0435 \u043d\u0435\u0442 \u043d\u0438\u043a\u043e\u0433\u0434\u0430"""
NEGATIONS = frozenset(_NEGATION_WORDS.split())
_NEGATION_REACH = 4
_DETAILED_SENTENCES = 24
_LABELS = frozenset({"A", "I"})
_ARTICLES = frozenset({"a", "an", "the"})
_JOINERS = frozenset({"and", "or"})
_BE = frozenset({"is", "are", "was", "were", "be", "been", "being", "got"})
_CLAUSE_ENDS = frozenset(",.;:!?")
_SCOPE_BREAKS = frozenset({"but", "because", "since", "although", "however", "instead", "rather"})


class Facts(NamedTuple):
    """The comparable content of a piece of text.

    `negated` holds the stems inside the reach of a negation, `asserted` the others; `stems` is both.
    `names` are capitalised words, in lower case and order of appearance; `numbers` are canonical decimal texts;
    `opposed` are those small words (on, off, up, down, more) that are no content but can contradict each other, `small`
    all words that turn a sentence round when they are exchanged (must, may; all, some). `order` holds the stems as they
    come: agent first where the verb is passive, things joined by commas and "and" in one fixed order.
    """

    asserted: frozenset[str]
    negated: frozenset[str]
    stems: frozenset[str]
    numbers: frozenset[str]
    names: tuple[str, ...]
    opposed: frozenset[str]
    small: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()


def facts(sentence: str) -> Facts:
    """Return what one sentence states, in time linear in its length."""
    asserted: set[str] = set()
    negated: set[str] = set()
    names: list[str] = []
    opposed: set[str] = set()
    small: set[str] = set()
    figures: set[str] = set()
    order = _Order()
    reach = 0
    opening = True
    previous = ""
    words = tokens(sentence)
    for position, token in enumerate(words):
        if token in _CLAUSE_ENDS:
            reach = 0
            previous = ""
            order.pause(token)
            continue
        word = token.casefold().replace("\u2019", "'")
        if word in OPPOSITES:
            small.add(word)
        if word in NEGATIONS:
            reach = _NEGATION_REACH
        elif (word == "only" and previous == "not") or word in _SCOPE_BREAKS:
            reach = 0
        elif word not in STOP_WORDS or (token in _LABELS and not opening and _is_label(words, position)):
            base = FIGURES.get(word) or stem(word)
            if word in FIGURES:
                figures.add(base)
            (negated if reach else asserted).add(base)
            order.content(base)
            reach = max(reach - 1, 0)
            if token[0].isupper() and (not opening or len(token) == 1 or token[1:].isupper()):
                names.append(word)
        else:
            if word in OPPOSED_STOP_WORDS:
                opposed.add(word)
            order.function(word)
        opening = False
        previous = word
    return Facts(
        asserted=frozenset(asserted),
        negated=frozenset(negated),
        stems=frozenset(asserted | negated),
        numbers=numbers_in(sentence) | figures,
        names=tuple(dict.fromkeys(names)),
        opposed=frozenset(opposed),
        small=frozenset(small),
        order=order.stems(),
    )


class _Order:
    """A live object: the content of a sentence in the order of who does what."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []
        self._joiner = ""
        self._be: int | None = None
        self._by: tuple[int, int] | None = None
        self._agent_end: int | None = None

    def content(self, base: str) -> None:
        self._found.append((base, self._joiner))
        self._joiner = ""

    def pause(self, mark: str) -> None:
        self._joiner = "," if mark == "," else ""
        self._end_agent()

    def function(self, word: str) -> None:
        if word in _ARTICLES:
            return
        self._joiner = word if word in _JOINERS else ""
        if word in _BE and self._by is None:
            self._be = len(self._found)
        elif word == "by" and self._be is not None and len(self._found) > self._be and self._by is None:
            self._by = (self._be, len(self._found))
        elif word not in _JOINERS:
            self._end_agent()

    def _end_agent(self) -> None:
        if self._by is not None and self._agent_end is None and len(self._found) > self._by[1]:
            self._agent_end = len(self._found)

    def stems(self) -> tuple[str, ...]:
        found = self._found
        if self._by is not None and self._by[0] and len(found) > self._by[1]:
            be, by = self._by
            end = self._agent_end or len(found)
            found = [*found[by:end], *found[be:by], *found[:be], *found[end:]]
        ordered: list[str] = []
        group: list[str] = []
        listed = False
        for base, joiner in (*found, ("", "")):
            if not joiner:
                ordered.extend(sorted(group) if listed else group)
                group, listed = [], False
            group.append(base)
            listed = listed or joiner in _JOINERS
        return tuple(ordered)


def _is_label(words: list[str], position: int) -> bool:
    """Whether a capital A or I stands for something (vitamin A, World War I) instead of being article or pronoun."""
    before = words[position - 1]
    if words[position] == "A":
        return before not in _CLAUSE_ENDS
    return before[0].isupper() and before.casefold() not in STOP_WORDS


def numbers_in(text: str) -> frozenset[str]:
    """Return the numbers written in digits, without thousands separators or trailing zeros."""
    joined = _JOINED_NUMBERS().findall(text)
    rest = _JOINED_NUMBERS().sub(" ", text) if joined else text
    return frozenset((*joined, *(_canonical(match) for match in _NUMBER().findall(rest))))


def _canonical(digits: str) -> str:
    plain = digits.replace(",", "")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return plain.lstrip("0") or "0"


class Profile(NamedTuple):
    """One reply, analysed once: the facts of its first 24 sentences, of the whole, and its length in words.

    Of the sentences after those only the stems enter the whole, all as asserted: texts of that length are compared by
    their stems and by their first sentences, and guarded sentence by sentence.
    """

    text: str
    whole: Facts
    parts: tuple[Facts, ...]
    words: int


def profile(text: str) -> Profile:
    """Analyse a cleaned reply."""
    every = sentences(plain_figures(text))
    parts = tuple(facts(sentence) for sentence in every[:_DETAILED_SENTENCES])
    rest = (
        content_stems("\n".join(every[_DETAILED_SENTENCES:])) if len(every) > _DETAILED_SENTENCES else frozenset[str]()
    )
    return Profile(text=text, whole=_union(parts, rest), parts=parts, words=len(text.split()))


def _union(parts: tuple[Facts, ...], rest: frozenset[str]) -> Facts:
    if len(parts) == 1 and not rest:
        return parts[0]
    return Facts(
        asserted=rest.union(*(part.asserted for part in parts)),
        negated=frozenset[str]().union(*(part.negated for part in parts)),
        stems=rest.union(*(part.stems for part in parts)),
        numbers=frozenset[str]().union(*(part.numbers for part in parts)),
        names=tuple(dict.fromkeys(name for part in parts for name in part.names)),
        opposed=frozenset[str]().union(*(part.opposed for part in parts)),
        small=frozenset[str]().union(*(part.small for part in parts)),
    )
