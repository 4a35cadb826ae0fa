"""Units of measure and currencies, enough to tell "5 km" from "5 miles" and to equate it with "5000 m"."""

from typing import NamedTuple


class Unit(NamedTuple):
    """`factor` converts to the base unit of the dimension (m, kg, s, l, byte, m2, m/s, J); currencies never convert."""

    name: str
    dimension: str
    factor: float


_TABLE = """
length: m metre meter=1 | km kilometre kilometer=1000 | cm centimetre centimeter=.01 | mm millimetre millimeter=.001
    | mi mile=1609.344 | yd yard=.9144 | ft foot feet=.3048 | inch inches=.0254 | nm nanometre nanometer=1e-9
mass: kg kilogram=1 | g gram=.001 | mg milligram=1e-6 | lb lbs pound=.45359237 | oz ounce=.028349523125 | tonne=1000
time: s sec second=1 | ms millisecond=.001 | min minute=60 | h hr hour=3600 | day=86400 | week=604800 | month=2629746
    | year yr=31556952 | decade=315569520 | century centuries=3155695200
volume: l litre liter=1 | ml millilitre milliliter=.001 | gal gallon=3.785411784
data: byte=1 | kb kilobyte=1e3 | mb megabyte=1e6 | gb gigabyte=1e9 | tb terabyte=1e12 | bit=.125
celsius: degc celsius=1
fahrenheit: degf fahrenheit=1
kelvin: degk kelvin=1
speed: mph=.44704 | kph kmh=.277777777777778
energy: j joule=1 | kj kilojoule=1000 | cal=4.184 | kcal=4184 | kwh=3600000
"""
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
    return table


def _currencies() -> dict[str, str]:
    pairs = (entry.partition(":") for entry in _MONEY.split("|"))
    table = {spelling: code.strip() for code, _, spellings in pairs for spelling in spellings.split()}
    return table | {spelling.upper(): code for spelling, code in table.items()}


UNITS = _units()
CURRENCIES = _currencies()
