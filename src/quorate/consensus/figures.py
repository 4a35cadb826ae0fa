"""Figures written in one way inside a text: "$1,200.00" as "1200 dollar", "5 km" as "5 kilometre", dates as in ISO."""

import re

from quorate.consensus.date import iso_dates
from quorate.consensus.patterns import lazy

_DIGIT = lazy(r"\d")
_THOUSANDS = lazy(r"(?<=\d),(?=\d{3}(?!\d))")
_NOUGHTS = lazy(r"(?<=\d)\.0+(?![\d.])")
_MONEY = lazy(r"(?P<sign>US\$|[$\u20ac\u00a3\u00a5\u20b9])\s?(?P<digits>\d+(?:\.\d+)?)")
_UNIT = lazy(
    r"(?<=\d)\s?(?P<unit>%|\u00b0\s?C\b|\u00b0\s?F\b|\u00b5m\b|km/h\b|mph\b|km\b|cm\b|mm\b|kg\b|mg\b|Mg\b|GB\b|MB\b|KB\b"
    r"|kB\b|TB\b|kWh\b|kW\b|mW\b|MW\b|ms\b|ml\b|mL\b|lbs?\b|oz\b|hrs?\b|mins?\b|secs?\b|m\b|g\b|h\b|s\b|l\b|L\b)"
)
_SIGNS = {"$": "dollar", "US$": "dollar", "\u20ac": "euro", "\u00a3": "pound", "\u00a5": "yen", "\u20b9": "rupee"}
_UNITS = {
    "%": "percent", "\u00b0C": "degrees Celsius", "\u00b0F": "degrees Fahrenheit", "\u00b5m": "micrometre",
    "km/h": "kilometres per hour", "mph": "miles per hour", "km": "kilometre", "cm": "centimetre", "mm": "millimetre",
    "kg": "kilogram", "mg": "milligram", "Mg": "megagram", "GB": "gigabyte", "MB": "megabyte", "KB": "kilobyte",
    "kB": "kilobyte", "TB": "terabyte", "kWh": "kilowatthour", "kW": "kilowatt", "mW": "milliwatt", "MW": "megawatt",
    "ms": "millisecond", "ml": "millilitre", "mL": "millilitre", "lb": "pound", "lbs": "pound", "oz": "ounce",
    "hr": "hour", "hrs": "hour", "min": "minute", "mins": "minute", "sec": "second", "secs": "second", "m": "metre",
    "g": "gram", "h": "hour", "s": "second", "l": "litre", "L": "litre",
}  # fmt: skip


def plain_figures(text: str) -> str:
    """Return a text in which ways of writing a number, its unit, a sum of money or a date make no difference."""
    if _DIGIT().search(text) is None:
        return text
    text = _NOUGHTS().sub("", _THOUSANDS().sub("", iso_dates(text)))
    return _UNIT().sub(_unit, _MONEY().sub(_money, text))


def _money(match: re.Match[str]) -> str:
    return f"{match.group('digits')} {_SIGNS[match.group('sign')]}"


def _unit(match: re.Match[str]) -> str:
    return " " + _UNITS[match.group("unit").replace(" ", "")]
