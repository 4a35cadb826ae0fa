"""Dates and times: the one day, month, year or time of day that a reply gives, and whether two of them are the same.

Understands ISO ("2024-03-05"), written ("March 5, 2024", "the 5th of March"), numeric ("05/03/2024"), months, years,
weekdays and times of day with or without a time zone.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import Literal, NamedTuple, TypeAlias

from quorate.consensus.calendar_words import (
    FULL_DATE,
    MONTHS,
    NUMERIC,
    ORDINAL_DAY,
    ORDINALS,
    PATTERNS,
    TIME,
    WEEKDAY,
    WEEKDAYS,
    ZONES,
)
from quorate.consensus.final import Final
from quorate.consensus.patterns import lazy
from quorate.consensus.words import content_stems, sentences

PARTIAL = 0.6  # one date says less than the other: below the usual stop line, a judge may lift it
_MAX_CHARS = 1_200
_NEAR_CHARS = 24
_SHORT_YEAR, _CENTURY = 69, 100
_MONTHS_OF_YEAR = 12
_HOURS, _DAY_MINUTES, _MINUTES = 24, 1440, 60
_BEFORE = lazy(r"\b(?:before|by|prior to|no later than|up to|earlier than)\s(?:the |about )?$", re.IGNORECASE)
_AFTER = lazy(r"\b(?:after|no earlier than|later than|past)\s(?:the |about )?$", re.IGNORECASE)
_DENIED = lazy(
    r"(?:\b(?:not|never)|n['\u2019]t|\brather than|\binstead of)(?: (?!until|before)[a-z]{1,12}){0,2} $", re.IGNORECASE
)

Convention: TypeAlias = Literal["day first", "month first", ""]


class Asked(NamedTuple):
    """What the question gives: its stems, and its dates, which are no answers."""

    stems: frozenset[str] = frozenset()
    dates: tuple["Moment", ...] = ()


class Moment(NamedTuple):
    """A date or time as far as it was given; months from 1, weekdays from 0 = Monday, times in minutes.

    `ambiguous`: day and month could be exchanged ("3/4/2024"). `bound`: "before" or "after" that moment. Years before
    Christ are negative.
    """

    year: int | None = None
    month: int | None = None
    day: int | None = None
    weekday: int | None = None
    minutes: int | None = None
    offset: int | None = None
    ambiguous: bool = False
    bound: str = ""

    @property
    def text(self) -> str:
        """The canonical text: ISO 8601 as far as it goes, then the weekday; "d/m?" marks an ambiguous one."""
        year = "" if self.year is None else f"{self.year:04d}"
        fields = [year or "-", *(f"{part:02d}" for part in (self.month, self.day) if part is not None)]
        day = "-".join(fields) if year or len(fields) > 1 else ""
        time = "" if self.minutes is None else f"T{self.minutes // _MINUTES:02d}:{self.minutes % _MINUTES:02d}"
        zone = "" if self.offset is None or not time else _zone_text(self.offset)
        mark = " d/m?" if self.ambiguous else ""
        week = WEEKDAYS[self.weekday] if self.weekday is not None and not day else ""
        return " ".join(part for part in (self.bound, week, day + time + zone + mark) if part)

    @property
    def fields(self) -> frozenset[str]:
        """The names of the parts it gives: year, month, day, weekday, time."""
        parts = {
            "year": self.year,
            "month": self.month,
            "day": self.day,
            "weekday": self.weekday,
            "time": self.minutes,
        }
        return frozenset(name for name, part in parts.items() if part is not None)

    @property
    def precision(self) -> frozenset[str]:
        """The same without a weekday that only repeats what the date says."""
        return self.fields - {"weekday"} if self.fields - {"weekday", "time"} else self.fields


def extract_date(text: str, marks: Sequence[Final], convention: Convention, asked: Asked) -> Moment | None:
    """Return the one date or time that a cleaned reply gives, or None if it gives none or several.

    A marked answer wins; else the whole reply has to hold one date, or else the sentence with one that repeats most of
    the question. `convention` tells how numeric dates are read.
    """
    for final in marks:
        found = _only(final.span, convention, ())
        if found is not None:
            return found
        if final.binding:
            return None
    text = text[:_MAX_CHARS]
    found = _only(text, convention, asked.dates)
    if found is not None:
        return found
    every = sorted(sentences(text), key=lambda sentence: -len(content_stems(sentence) & asked.stems))
    dated = (_only(sentence, convention, asked.dates) for sentence in every)
    return next((moment for moment in dated if moment is not None), None)


def date_score(one: Moment, other: Moment, asked: frozenset[str]) -> tuple[float, tuple[str, ...]]:
    """Return how much two dates agree, and the guards that fired.

    1 if they are equal at the same precision, or in every part that the question asks for by name (`asked`); .6 if one
    gives fewer parts and contradicts nothing; 0 if they differ. A weekday or a zone on one side only is no difference.
    An ambiguous date equals another ambiguous one written in the same order, and never one that is not ambiguous:
    that would be luck.
    """
    if one.bound != other.bound:
        return 0.0, ("bound",)
    first, second = _same_zone(one, other)
    if asked and asked <= first.fields & second.fields:
        first, second = _reduced(first, asked), _reduced(second, asked)
    if _differ(first, second):
        swapped = first.ambiguous != second.ambiguous and not (
            _differ(_exchanged(first), second) and _differ(first, _exchanged(second))
        )
        return (PARTIAL, ("ambiguous",)) if swapped else (0.0, ("date",))
    if first.ambiguous != second.ambiguous and "day" in first.fields & second.fields:
        return PARTIAL, ("ambiguous",)
    if first.precision != second.precision:
        return PARTIAL, ("precision",)
    return 1.0, ()


def iso_dates(text: str) -> str:
    """Return a text with its full written dates in ISO form, so that the way of writing makes no difference."""
    return FULL_DATE().sub(lambda match: _iso(match) or match.group(), text)


def moments(text: str, convention: Convention = "") -> tuple[Moment, ...]:
    """Return the distinct dates of a text in order; one that only repeats part of a fuller one is left out."""
    found: list[Moment] = []
    text = taken = ORDINAL_DAY().sub(_in_figures, text)
    for pattern in PATTERNS:
        for match in pattern().finditer(taken):
            moment = _moment(match, convention)
            if moment is not None and not _DENIED().search(text, max(match.start() - _NEAR_CHARS, 0), match.start()):
                found.append(moment._replace(bound=_bound(text, match.start())))
        taken = pattern().sub(lambda match: " " * len(match.group()), taken)
    distinct = list(dict.fromkeys(found))
    return tuple(each for each in distinct if not any(_within(each, fuller) for fuller in distinct))


def _in_figures(match: re.Match[str]) -> str:
    word = match.group("before") or match.group("after")
    return (match.group("month") or "") + ORDINALS[word.lower()]


def _only(text: str, convention: Convention, given: Sequence[Moment]) -> Moment | None:
    found = moments(text, convention)
    dates = [each for each in found if not any(_within(each, known, same=True) for known in given)]
    times = list(dict.fromkeys(at for match in TIME().finditer(text) if (at := _time(match)) is not None))
    days = {WEEKDAYS.index(match.group()[:3].lower()) for match in WEEKDAY().finditer(text)}
    if max(len(dates), len(times), len(days)) > 1 or not (dates or times or days):
        return None
    moment = dates[0] if dates else Moment()
    if times:
        moment = moment._replace(minutes=times[0][0], offset=times[0][1])
        at = next(TIME().finditer(text)).start()
        moment = moment if dates else moment._replace(bound=_bound(text, at))
    if days:
        moment = moment._replace(weekday=days.pop())
    years = {known.year for known in given if known.year is not None}
    if len(years) == 1 and moment.year is None and moment.month is not None:
        moment = moment._replace(year=years.pop())
    return moment


def _moment(match: re.Match[str], convention: Convention) -> Moment | None:
    groups = match.groupdict()
    if match.re is NUMERIC():
        return _numeric(match, convention)
    year = _year(groups.get("year") or groups.get("later"), groups.get("era") or groups.get("before"))
    name = groups.get("month")
    month = (MONTHS[name.lower()[:3]] if name[0].isalpha() else int(name)) if name else None
    written = groups.get("day")
    day = int(written) if written else None
    return _checked(Moment(year=year, month=month, day=day))


def _numeric(match: re.Match[str], convention: Convention) -> Moment | None:
    first, second = int(match.group("first")), int(match.group("second"))
    year = _year(match.group("year"), None)
    if match.group("mark") == "." or convention == "day first" or first > _MONTHS_OF_YEAR:
        return _checked(Moment(year=year, month=second, day=first))
    clear = convention == "month first" or second > _MONTHS_OF_YEAR or first == second
    return _checked(Moment(year=year, month=first, day=second, ambiguous=not clear))


def _checked(moment: Moment) -> Moment | None:
    """Return the moment if the calendar has it."""
    if moment.month is not None and not 1 <= moment.month <= _MONTHS_OF_YEAR:
        return None
    if moment.day is None or moment.month is None:
        return moment
    try:
        date(moment.year if moment.year is not None and moment.year > 0 else 2000, moment.month, moment.day)
    except ValueError:
        return None
    return moment


def _year(written: str | None, era: str | None) -> int | None:
    if not written:
        return None
    year = int(written)
    if era and era.lower().startswith("b"):
        return -year
    if len(written) == len("99") and not era:  # as POSIX reads them: 69 to 99 are of the last century
        year += 1900 if year >= _SHORT_YEAR else 2000
    return year


def _time(match: re.Match[str]) -> tuple[int, int | None] | None:
    word = match.group("word")
    if word:
        return (720 if word.lower() == "noon" else 0), None
    hours, minutes = int(match.group("hours")), int(match.group("minutes") or 0)
    half = (match.group("half") or match.group("bare_half") or "").lower()[:1]
    if half:
        if not 1 <= hours <= _MONTHS_OF_YEAR:
            return None
        hours = hours % 12 + (12 if half == "p" else 0)
    if hours >= _HOURS or minutes >= _MINUTES:
        return None
    return hours * _MINUTES + minutes, _offset(match.group("zone"))


def _offset(zone: str | None) -> int | None:
    if not zone:
        return None
    if zone.upper() in ZONES:
        return ZONES[zone.upper()]
    digits = zone.lstrip("UTCGMutcgm ")[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    return (-1 if "-" in zone or "\u2212" in zone else 1) * (hours * _MINUTES + minutes)


def _zone_text(offset: int) -> str:
    sign = "-" if offset < 0 else "+"
    return "Z" if not offset else f"{sign}{abs(offset) // _MINUTES:02d}:{abs(offset) % _MINUTES:02d}"


def _bound(text: str, start: int) -> str:
    near = max(start - _NEAR_CHARS, 0)
    if _BEFORE().search(text, near, start):
        return "before"
    return "after" if _AFTER().search(text, near, start) else ""


def _iso(match: re.Match[str]) -> str | None:
    groups = match.groupdict()
    written = {name: groups[f"{name}1"] or groups[f"{name}2"] for name in ("year", "month", "day")}
    found = _checked(
        Moment(year=int(written["year"]), month=MONTHS[written["month"].lower()[:3]], day=int(written["day"]))
    )
    return None if found is None else found.text


def _same_zone(one: Moment, other: Moment) -> tuple[Moment, Moment]:
    """Bring two times with different zones into the zone UTC; the day moves with them where it is known."""
    if one.offset is None or other.offset is None or one.offset == other.offset:
        return one, other
    return _in_utc(one), _in_utc(other)


def _in_utc(moment: Moment) -> Moment:
    if moment.minutes is None or moment.offset is None:
        return moment
    days, minutes = divmod(moment.minutes - moment.offset, _DAY_MINUTES)
    moment = moment._replace(minutes=minutes, offset=0)
    if moment.year is None or moment.month is None or moment.day is None or not days or moment.year < 1:
        return moment
    moved = date.fromordinal(max(date(moment.year, moment.month, moment.day).toordinal() + days, 1))
    return moment._replace(year=moved.year, month=moved.month, day=moved.day, weekday=None)


def _reduced(moment: Moment, asked: frozenset[str]) -> Moment:
    return moment._replace(
        year=moment.year if "year" in asked else None,
        month=moment.month if "month" in asked else None,
        day=moment.day if "day" in asked else None,
        minutes=moment.minutes if "time" in asked else None,
        weekday=moment.weekday if "weekday" in asked else None,
        ambiguous=moment.ambiguous and bool(asked & {"month", "day"}),
    )


def _exchanged(moment: Moment) -> Moment:
    return moment._replace(month=moment.day, day=moment.month) if moment.ambiguous else moment


def _weekday(moment: Moment) -> int | None:
    if moment.weekday is not None:
        return moment.weekday
    if moment.year is None or moment.month is None or moment.day is None or moment.year < 1 or moment.ambiguous:
        return None
    return date(moment.year, moment.month, moment.day).weekday()


def _differ(one: Moment, other: Moment) -> bool:
    """Whether some part that both give is not the same."""
    pairs = (
        (one.year, other.year),
        (one.month, other.month),
        (one.day, other.day),
        (one.minutes, other.minutes),
        (_weekday(one), _weekday(other)),
    )
    return any(mine is not None and its is not None and mine != its for mine, its in pairs)


def _within(part: Moment, fuller: Moment, *, same: bool = False) -> bool:
    """Whether a date says nothing that the fuller one does not say."""
    mine, its = (part.year, part.month, part.day), (fuller.year, fuller.month, fuller.day)
    if part.bound and part.bound != fuller.bound:
        return False
    contained = all(one is None or one == other for one, other in zip(mine, its, strict=True))
    return contained and (same or mine != its)
