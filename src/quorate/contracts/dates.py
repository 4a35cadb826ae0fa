"""Dates and times in what a model wrote, as ISO 8601."""

import re
from datetime import date, datetime

from quorate.consensus.patterns import lazy

_MONTH_WORDS = "january february march april may june july august september october november december"
_MONTHS = _MONTH_WORDS.split()
_ISO_DATE = lazy(r"(?<![\d-])(\d{4})-(\d{2})-(\d{2})(?!\d)")
_ISO_TIME = lazy(
    r"(?<![\d-])\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?"
    r"(?:[ ]?(?:[Zz]|UTC|[+-]\d{2}:?\d{2}))?(?![\d:])"
)
_MONTH_NAME = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS).replace("sep(?:tember)?", "sept?(?:ember)?")
_DAY_FIRST = lazy(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\.?[ ](?:of[ ])?({_MONTH_NAME})\.?,?[ ](\d{{4}})\b", re.IGNORECASE)
_MONTH_FIRST = lazy(rf"\b({_MONTH_NAME})\.?[ ](\d{{1,2}})(?:st|nd|rd|th)?,?[ ](\d{{4}})\b", re.IGNORECASE)
_FIGURES = lazy(r"(?<![\d./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\d/-])")
_MOST_MONTH = 12


def find_date(text: str) -> tuple[date | None, str]:
    """Return the one date that a text names, or `None` and why there is none.

    `14.07.1789` is day first; `07/14/1789` is read where only one order makes a date. A text that names several
    different dates names none.
    """
    found = {day for day in _dates(text) if day is not None}
    if len(found) == 1:
        return found.pop(), ""
    if found:
        return None, f"it names {len(found)} different dates"
    if _FIGURES().search(text):
        return None, "its date may be day first or month first"
    return None, "it names no date"


def find_datetime(text: str) -> tuple[datetime | None, str]:
    """Return the one date and time that a text names in ISO 8601, or `None` and why there is none."""
    found: set[datetime] = set()
    for match in _ISO_TIME().finditer(text):
        written = match.group().upper().replace("UTC", "Z").replace(" Z", "Z")
        try:
            found.add(datetime.fromisoformat(re.sub(r" (?=[+-]\d{2}:?\d{2}$)", "", written)))
        except ValueError:
            continue
    if len(found) == 1:
        return found.pop(), ""
    return None, f"it names {len(found)} different times" if found else "it names no date and time as YYYY-MM-DDTHH:MM"


def _dates(text: str) -> list[date | None]:
    days = [_day(match[1], match[2], match[3]) for match in _ISO_DATE().finditer(text)]
    days += [_day(match[3], _month(match[2]), match[1]) for match in _DAY_FIRST().finditer(text)]
    days += [_day(match[3], _month(match[1]), match[2]) for match in _MONTH_FIRST().finditer(text)]
    days += [_in_figures(match) for match in _FIGURES().finditer(text)]
    return days


def _in_figures(match: re.Match[str]) -> date | None:
    first, dot, second, year = match.groups()
    if dot == "." or first == second or int(first) > _MOST_MONTH:
        return _day(year, second, first)
    return _day(year, first, second) if int(second) > _MOST_MONTH else None


def _month(name: str) -> str:
    return str(next(i for i, month in enumerate(_MONTHS, 1) if month[:3] == name[:3].lower()))


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
