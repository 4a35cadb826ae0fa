"""Units of measure and currencies, enough to tell "5 km" from "5 miles" and to equate it with "5000 m"."""

from typing import NamedTuple


class Unit(NamedTuple):
    """`factor` and `offset` convert to the base unit of the dimension (m, kg, s, l, byte, K, m/s, J, W).

    Base value = factor x value + offset; currencies never convert.
    """

    name: str
    dimension: str
    factor: float
    offset: float = 0.0


_TABLE = """
length: m metre meter=1 | km kilometre kilometer=1000 | cm centimetre centimeter=.01 | mm millimetre millimeter=.001
    | mi mile=1609.344 | yd yard=.9144 | ft foot feet=.3048 | inch inches=.0254 | nm nanometre nanometer=1e-9
mass: kg kilogram=1 | g gram=.001 | mg milligram=1e-6 | lb lbs pound=.45359237 | oz ounce=.028349523125 | tonne=1000
time: s sec second=1 | ms millisecond=.001 | min minute=60 | h hr hour=3600 | day=86400 | week=604800 | month=2629746
    | year yr=31556952 | decade=315569520 | century centuries=3155695200
volume: l litre liter=1 | ml millilitre milliliter=.001 | gal gallon=3.785411784
data: byte=1 | kb kilobyte=1e3 | mb megabyte=1e6 | gb gigabyte=1e9 | tb terabyte=1e12 | bit=.125
power: w watt=1 | kw kilowatt=1e3 | hp horsepower=745.69987158227
speed: mph=.44704 | kph kmh=.277777777777778
energy: j joule=1 | kj kilojoule=1000 | cal=4.184 | kcal=4184 | kwh=3600000
"""
#: Symbols that mean something else in other case; looked up before the table, which knows no case.
_CASED = """
Mg=mass 1000 | mg=mass 1e-6 | MW=power 1e6 | mW=power 1e-3 | GW=power 1e9 | Mb=data 125000 | Mbit=data 125000
    | Gb=data 125000000 | kb=data 125 | MJ=energy 1e6 | mJ=energy 1e-3 | Mm=length 1e6 | nm=length 1e-9 | NM=length 1852
"""
_ZERO_CELSIUS, _ZERO_FAHRENHEIT = 273.15, 459.67 * 5 / 9
_MONEY = """
usd: $ us$ usd dollar dollars | eur: \u20ac eur euro euros | gbp: \u00a3 gbp | jpy: \u00a5 jpy yen | inr: \u20b9 inr
rupee rupees
    | cad: ca$ cad | aud: au$ aud | cent: cent cents
"""


def _units() -> dict[str, Unit]:
    table: dict[str, Unit] = {}
    dimension = ""
    for line in _TABLE.strip().splitlines():
        head, found, tail = line.partition(":")
        dimension = head.strip() if found else dimension
        for entry in (tail if found else line).split("|"):
            names, given, factor = entry.strip().partition("=")
            spellings = names.split()
            for spelling in spellings if given else ():
                table[spelling] = Unit(name=spellings[0], dimension=dimension, factor=float(factor))
    for entry in _MONEY.split("|"):
        code = entry.partition(":")[0].strip()
        table[code] = Unit(name=code, dimension=code, factor=1.0)
    for spelling, name, factor, offset in (
        ("celsius", "degc", 1.0, _ZERO_CELSIUS),
        ("fahrenheit", "degf", 5 / 9, _ZERO_FAHRENHEIT),
        ("kelvin", "degk", 1.0, 0.0),
    ):
        table[spelling] = table[name] = Unit(name=name, dimension="temperature", factor=factor, offset=offset)
    return table


def _cased() -> dict[str, Unit]:
    table: dict[str, Unit] = {}
    for entry in _CASED.split("|"):
        symbol, _, meaning = entry.strip().partition("=")
        dimension, _, factor = meaning.partition(" ")
        table[symbol] = Unit(name=symbol, dimension=dimension, factor=float(factor))
    return table


def unit_named(written: str) -> str:
    """Return the key under which `UNITS` has a unit as it is written ("Mg" is not "mg", "Miles" is), or ''."""
    if written in _CASED_UNITS:
        return written
    lowered = written.lower()
    for name in (lowered, lowered.removesuffix("s")):
        if name in UNITS:
            return UNITS[name].name
    return ""


def _currencies() -> dict[str, str]:
    pairs = (entry.partition(":") for entry in _MONEY.split("|"))
    table = {spelling: code.strip() for code, _, spellings in pairs for spelling in spellings.split()}
    return table | {spelling.upper(): code for spelling, code in table.items()}


_CASED_UNITS = _cased()
#: By canonical name and by every spelling in lower case; what its case decides stands as it is written.
UNITS = _units() | _CASED_UNITS
CURRENCIES = _currencies()
