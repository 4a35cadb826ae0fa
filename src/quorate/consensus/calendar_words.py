"""How dates and times are written: the names of months, days and zones, and the patterns of `date`."""

import re

from quorate.consensus.patterns import lazy

_MONTH_NAMES = """january february march april may june july august september october november december"""
MONTHS = {name[:3]: number for number, name in enumerate(_MONTH_NAMES.split(), start=1)}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Minutes east of Greenwich. Names that several countries use for different hours (IST, BST, CST in China) are absent,
#: apart from those of North America.
ZONES = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "CET": 60, "CEST": 120, "EET": 120, "EEST": 180, "MSK": 180, "JST": 540,
    "AEST": 600, "AEDT": 660, "EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480,
    "PDT": -420,
}  # fmt: skip
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"[12]\d{3}"
_ORDINAL = r"(?:st|nd|rd|th)?"
_ORDINALS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
    fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third
    twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"""
ORDINALS = {word: str(day) for day, word in enumerate(_ORDINALS.split(), start=1)}
_ORDINAL_WORD = "|".join(sorted(ORDINALS, key=len, reverse=True))
#: A day of the month in words, before or after its month.
ORDINAL_DAY = lazy(
    rf"\b(?P<before>{_ORDINAL_WORD})(?= (?:day )?of {_MONTH}\b)"
    rf"|(?P<month>\b{_MONTH} (?:the )?)(?P<after>{_ORDINAL_WORD})\b",
    re.IGNORECASE,
)
_ERA = r"(?:\s?(?P<era>B\.?C\.?E?|A\.?D\.?|C\.?E\.?)(?![A-Za-z]))?"
_ISO = lazy(
    r"(?<![\d/.-])(?P<year>\d{4})[-/.](?P<month>0[1-9]|1[0-2]|[1-9])[-/.](?P<day>" + _DAY + r")(?![\d/-])(?!\.\d)"
)
NUMERIC = lazy(
    r"(?<![\d/.$-])(?P<first>\d{1,2})(?P<mark>[/.-])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})(?![\d/-])(?!\.\d)"
)
_MONTH_DAY = lazy(
    rf"\b(?P<month>{_MONTH})\b\.?\s+(?:the\s+)?(?P<day>{_DAY}){_ORDINAL}(?![\d:])(?:,?\s+(?:of\s+|in\s+)?"
    rf"(?P<year>{_YEAR})(?!\d))?",
    re.IGNORECASE,
)
_DAY_MONTH = lazy(
    rf"(?<![\d:.,/])\b(?P<day>{_DAY}){_ORDINAL}\s+(?:day\s+)?(?:of\s+)?(?P<month>{_MONTH})\b\.?(?:,?\s+(?:of\s+|in\s+)?"
    rf"(?P<year>{_YEAR})(?!\d))?",
    re.IGNORECASE,
)
_YEAR_MONTH_DAY = lazy(rf"\b(?P<year>{_YEAR}),?\s+(?P<month>{_MONTH})\s+(?P<day>{_DAY}){_ORDINAL}\b", re.IGNORECASE)
_MONTH_YEAR = lazy(rf"\b(?P<month>{_MONTH})\b\.?,?\s+(?:of\s+)?(?P<year>{_YEAR})(?!\d)", re.IGNORECASE)
_ISO_MONTH = lazy(r"(?<![\d/.-])(?P<year>[12]\d{3})-(?P<month>0[1-9]|1[0-2])(?![\d-])")
_ERA_YEAR = lazy(
    r"\b(?P<year>\d{1,4})\s?(?P<era>B\.?C\.?E?|A\.?D\.?|C\.?E\.)(?![A-Za-z])|\b(?P<before>AD)\s(?P<later>\d{1,4})\b"
)
_BARE_YEAR = lazy(rf"(?<![\d.,$\u20ac\u00a3#/:-])(?P<year>{_YEAR})(?![\d%:/]|s\b|'s\b|[.,]\d|-\d)")
#: Only as a proper name: "may" and "march" are words.
_BARE_MONTH = lazy(
    r"\b(?P<month>January|February|April|June|July|August|September|October|November|December"
    r"|(?:(?<=in )|(?<=of )|^)(?:May|March)(?=[.,;!]?\s*$))"
)
PATTERNS = (
    _ISO,
    NUMERIC,
    _YEAR_MONTH_DAY,
    _MONTH_DAY,
    _DAY_MONTH,
    _MONTH_YEAR,
    _ISO_MONTH,
    _ERA_YEAR,
    _BARE_YEAR,
    _BARE_MONTH,
)
#: Written dates with day, month and year, in either order.
FULL_DATE = lazy(
    rf"\b(?P<month1>{_MONTH})\b\.?\s+(?:the\s+)?(?P<day1>{_DAY}){_ORDINAL},?\s+(?:of\s+)?(?P<year1>{_YEAR})(?!\d)"
    rf"|\b(?P<day2>{_DAY}){_ORDINAL}\s+(?:day\s+)?(?:of\s+)?(?P<month2>{_MONTH})\b\.?,?\s+(?:of\s+)?"
    rf"(?P<year2>{_YEAR})(?!\d)",
    re.IGNORECASE,
)
WEEKDAY = lazy(
    r"\b(?P<weekday>mon|tue|wednes|thurs|fri|satur|sun|wed|thu)(?:(?<!tue)day|(?<=tue)sday)s?\b"
    r"|\b(?P<short>Mon|Tue|Wed|Thu|Fri)\b(?=,)",
    re.IGNORECASE,
)
TIME = lazy(
    r"(?<![\d:.,/-])(?:(?P<hours>\d{1,2})(?::(?P<minutes>\d{2})(?::\d{2}(?:\.\d{1,6})?)?\s?(?P<half>[ap]\.?m\b\.?)?"
    r"|\s?(?P<bare_half>[ap]\.?m\b\.?)|\so['\u2019]clock)"
    r"(?:\s?(?P<zone>Z\b|(?:UTC|GMT)?[+\u2212-]\d{2}:?\d{2}\b|UTC|GMT|WET|CES?T|EES?T|MSK|JST|AE[SD]T|[ECMP][SD]T)"
    r"(?![A-Za-z]))?|\b(?P<word>noon|midnight)\b)",
    re.IGNORECASE,
)
