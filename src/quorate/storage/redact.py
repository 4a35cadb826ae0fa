"""Takes what is private out of texts that are kept: addresses, numbers of phones, cards and accounts, keys."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from string import ascii_letters
from typing import Final

from quorate.core import secret
from quorate.core.secret import Secret

# Every pattern takes time in proportion to the text: each repetition is bounded or possessive, and what stands before a
# match keeps the search from starting again inside a run it has already looked at.
_WORD = r"A-Za-z0-9_-"
_KEY: Final = re.compile(
    rf"""(?<![{_WORD}]) (?:
        (?: sk|rk|pk|qk|gsk|hf|gh[oprsu]|github_pat|glpat|xox[abeprs]|xai|pplx|tgp|r8 ) [-_] [{_WORD}]{{16,}}+
        | AIza [{_WORD}]{{30,}}+
        | AKIA [A-Z0-9]{{16}} (?![A-Z0-9])
        | eyJ [{_WORD}]{{8,}}+ \. [{_WORD}]{{8,}}+ \. [{_WORD}]*+
    )
    | -----BEGIN\ [A-Z ]{{0,30}}PRIVATE\ KEY----- [A-Za-z0-9+/=\s]*+ (?: -----END\ [A-Z ]{{0,40}}----- )?
    """,
    re.VERBOSE,
)
_BEARER: Final = re.compile(r"\b(bearer|basic)([ \t]{1,4})[A-Za-z0-9._~+/=-]{16,}+", re.IGNORECASE)
_EMAIL: Final = re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,8}+")
#: What stands between groups of digits: spaces, also those that keep a line together, and hyphens.
_SPACE = " \\u00a0\\u2009\\u202f"
_HYPHEN = "\\u2010\\u2011-"
_GAP = f"[{_SPACE}{_HYPHEN}]"
_GAPS: Final = re.compile(_GAP)
_IBAN: Final = re.compile(
    rf"(?<![A-Z0-9])[A-Z]{{2}}\d{{2}}(?:{_GAP}?[A-Z0-9]{{4}}){{2,7}}(?:{_GAP}?[A-Z0-9]{{1,4}})?(?![A-Z0-9])",
    re.ASCII | re.IGNORECASE,
)
_CARD: Final = re.compile(
    rf"(?<!\d)\d{{4}}(?:\d{{9,15}}|{_GAP}\d{{4}}{_GAP}\d{{4}}{_GAP}\d{{1,7}}|{_GAP}\d{{6}}{_GAP}\d{{4,5}})(?!\d)",
)
# National numbers begin with 0, and are told from other numbers by their groups: a day (01.02.2026, 01-02-2026), the
# number of a document and its year (051/2026) or two times of day (0900-1700) have too few digits. What follows a word
# and a hyphen is a part of an id.
_YEARS = rf"(?! (?:19|20)\d\d (?: [01]\d[0-3]\d | {_GAP} (?:19|20)\d\d ) (?!\d) )"
_PHONE: Final = re.compile(
    rf"""(?<![\w+]) (?<!\d\.) (?:
        (?:
            (?: \+ | 00 [{_SPACE}]? ) [1-9] (?: [{_SPACE}()./{_HYPHEN}]{{0,3}} \d ){{6,14}}  # +49 (0)30 901820
            | \( \d{{3}} \) [{_SPACE}]? \d{{3}} [{_SPACE}.{_HYPHEN}] \d{{4}}               # (212) 555-0100
            | \d{{3}} [{_SPACE}.{_HYPHEN}] \d{{3}} [{_SPACE}.{_HYPHEN}] \d{{4}}            # 212-555-0100
        ) (?!\d)
        | (?<!\w-) (?<!\d/) (?:
            0 [1-9] (?P<gap>[{_SPACE}.{_HYPHEN}]) \d\d (?: (?P=gap) \d\d ){{3}}            # 01 23 45 67 89
            | 0 [1-9] {_GAP} {_YEARS} \d{{4}} {_GAP}? \d{{4}}                              # 02 9374 4000, 06-12345678
            | (?: 0 [1-9] \d{{1,3}} [{_SPACE}]? [{_SPACE}/{_HYPHEN}] [{_SPACE}]?           # 030/901820
                | \( 0 [1-9] \d{{0,3}} \) [{_SPACE}]? [/{_HYPHEN}]? [{_SPACE}]? )          # (030) 901820
              {_YEARS} (?:
                \d{{2,3}} (?: {_GAP} \d{{2,3}} ){{2,3}}                                    # 668 18 00
                | \d{{2,4}} {_GAP} \d{{3,5}}                                               # 123 4567, 7946 0958
                | \d{{5,8}} (?: - \d{{1,3}} )?                                             # 901820-0
              )
            | (?<!ISBN[ :]) (?<!ISBN:[ ]) (?<!ISBN-10[ :]) (?<!ISBN-10:[ ]) 0 [1-9] \d{{8,10}}  # 01711234567
        ) (?!\w)
    )
    """,
    re.VERBOSE,
)
_IBAN_CHARACTERS = range(15, 35)
#: What letters count in an account number's check: A is 10, Z is 35.
_LETTERS: Final = str.maketrans({letter: str(int(letter, 36)) for letter in ascii_letters})
#: Every country's account numbers have as many, with the two that check them; words behind a code have none.
_LEAST_IBAN_DIGITS = 10
#: A string of JSON; one that never ends is taken to the end, so that each character is looked at once.
_STRING: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)


class Redactor:
    """Replaces what is private in a text by what it was: `[email]`, `[phone]`, `[card]`, `[iban]`, `[key]`.

    Called with a text, returns the text; time grows with its length alone. Cards and accounts are told from other
    numbers by their check digits. It finds forms, not meaning: names and street addresses stay.
    """

    def __init__(self, known: Iterable[Secret] = ()) -> None:
        """`known` are secrets of this gateway; they are taken out wherever they stand."""
        self._known = tuple(known)

    def __call__(self, text: str) -> str:
        """Return the text without what is private.

        Strings of JSON in it are read as what they mean: an escaped line break before a key must not hide it.
        """
        if "\\" in text:
            text = _STRING.sub(self._string, text)
        text = secret.redact(text, self._known)
        text = _KEY.sub("[key]", text)
        text = _BEARER.sub(r"\1\2[key]", text)
        if "@" in text:
            text = _EMAIL.sub("[email]", text)
        text = "".join(_checked(_IBAN, _iban, "[iban]", text))
        text = "".join(_checked(_CARD, _card, "[card]", text))
        return _PHONE.sub("[phone]", text)

    def _string(self, match: re.Match[str]) -> str:
        if "\\" not in match[0]:
            return match[0]
        try:
            meant: str = json.loads(match[0], strict=False)
        except ValueError:
            return match[0]  # prose between quotation marks
        kept = self(meant)
        return match[0] if kept == meant else json.dumps(kept)


def _checked(pattern: re.Pattern[str], length: Callable[[str], int], label: str, text: str) -> Iterator[str]:
    """Give the pieces of the text with matches replaced, as far as `length` says that they are what they look like."""
    copied = at = 0
    while (match := pattern.search(text, at)) is not None:
        if found := length(match[0]):
            yield text[copied : match.start()]
            yield label
            copied = at = match.start() + found
        else:
            at = match.start() + 1  # the true one may begin inside
    yield text[copied:]


def _card(candidate: str) -> int:
    """Return the length of the candidate if it is the number of a card (Luhn, ISO/IEC 7812-1), else 0."""
    digits = [int(character) for character in candidate if character.isdigit()]
    if len(set(digits)) == 1:
        return 0
    odd, even = digits[-1::-2], digits[-2::-2]
    total = sum(odd) + sum(sum(divmod(2 * digit, 10)) for digit in even)
    return 0 if total % 10 else len(candidate)


def _iban(candidate: str) -> int:
    """Return the length of the account number (ISO 13616, mod 97) that the candidate begins with, else 0.

    The pattern may have taken a word behind it for a part of it.
    """
    if sum(map(str.isdigit, candidate)) < _LEAST_IBAN_DIGITS:
        return 0
    words = _GAPS.split(candidate)
    while words:
        compact = "".join(words)
        if len(compact) in _IBAN_CHARACTERS:
            turned = compact[4:] + compact[:4]
            if int(turned.translate(_LETTERS)) % 97 == 1:
                return len(compact) + len(words) - 1
        words.pop()
    return 0
