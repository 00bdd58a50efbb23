"""Units after a number: known names and symbols, or one plain counting noun ("5 bars").

`read_unit` says what the text behind a number means: "" for nothing, a canonical unit, or None when the text is not a
unit, so that "5 or 6", "3 more" and "7 x 8" are not read as 5, 3 and 7. No conversion: 1 m and 100 cm differ.
"""

import re

NAMES = {
    "percent": "% percent pct percentage per_cent percentages",
    "degree": "° deg degs degree degrees",
    "celsius": "°c c℃ degree_celsius degrees_celsius celsius degrees_c",
    "fahrenheit": "°f degree_fahrenheit degrees_fahrenheit fahrenheit degrees_f",
    "kelvin": "kelvin kelvins",
    "usd": "$ usd dollar dollars us_dollars",
    "eur": "€ eur euro euros",
    "pound": "£ gbp lb lbs pound pounds",
    "cent": "¢ cent cents",
    "yen": "¥ yen jpy",
    "rupee": "₹ inr rupee rupees",
    "mm": "mm millimeter millimeters millimetre millimetres",
    "cm": "cm cms centimeter centimeters centimetre centimetres",
    "dm": "dm decimeter decimeters",
    "m": "m meter meters metre metres",
    "km": "km kms kilometer kilometers kilometre kilometres",
    "inch": 'in inch inches "',
    "foot": "ft foot feet",
    "yard": "yd yds yard yards",
    "mile": "mi mile miles",
    "mg": "mg milligram milligrams",
    "g": "g gram grams",
    "kg": "kg kgs kilogram kilograms kilo kilos",
    "tonne": "t ton tons tonne tonnes",
    "ounce": "oz ounce ounces",
    "ms": "ms millisecond milliseconds",
    "s": "s sec secs second seconds",
    "min": "min mins minute minutes",
    "h": "h hr hrs hour hours",
    "day": "d day days",
    "week": "wk wks week weeks",
    "month": "mo month months",
    "year": "yr yrs year years",
    "ml": "ml milliliter milliliters millilitre millilitres",
    "l": "l liter liters litre litres",
    "mph": "mph",
    "km/h": "kmh kph",
    "hz": "hz hertz",
    "khz": "khz",
    "mhz": "mhz",
    "ghz": "ghz",
    "w": "w watt watts",
    "kw": "kw kilowatt kilowatts",
    "mw": "mw megawatt megawatts",
    "kwh": "kwh",
    "v": "v volt volts",
    "a": "amp amps ampere amperes",
    "ohm": "ohm ohms ω",
    "n": "newton newtons",
    "j": "j joule joules",
    "pa": "pa pascal pascals",
    "kb": "kb kilobyte kilobytes",
    "mb": "mb megabyte megabytes",
    "gb": "gb gigabyte gigabytes",
    "tb": "tb terabyte terabytes",
    "px": "px pixel pixels",
    "pt": "pt pts point points",
    "unit": "unit units",
}
SYMBOLS = {alias.replace("_", " "): unit for unit, aliases in NAMES.items() for alias in aliases.split()}

CHANGES_MEANING = """
    and or nor to of in at on out by from than then more less fewer plus minus times over under above below per with
    without each between is are was were not no if else but for as the an vs versus equals into off half halves third
    thirds quarter quarters dozen dozens hundreds thousands millions billions am pm ad bc bce ce st nd rd th mod choose
    squared cubed sqrt pi log sin cos tan root january february march april may june july august september october
    november december jan feb mar apr jun jul aug sep sept oct nov dec
"""
NOT_UNITS = frozenset(CHANGES_MEANING.split())
"""Words behind a number that change what it means, so the whole is not "a number with a unit"."""

POWER_WORDS = (("square ", "^2"), ("sq. ", "^2"), ("sq ", "^2"), ("cubic ", "^3"), ("cu ", "^3"))
WORD_AFTER = ((" squared", "^2"), (" cubed", "^3"))
POWER = re.compile(r"(.+?)\s*(?:\^\s*\{?([23])\}?)")
NOUN = re.compile(r"[^\W\d_]{3,20}(?:-[^\W\d_]{2,20})?")


def read_unit(tail: str) -> str | None:
    """Canonical unit of the text behind a number, "" for none, None if the text is something else."""
    if not tail:
        return ""
    attached = not tail[0].isspace()
    unit = " ".join(tail.casefold().split()).removesuffix(".")
    if len(unit) > 1 and unit[0] == "(" and unit[-1] == ")":
        unit, attached = unit[1:-1].strip(), False
    if not unit:
        return ""
    top, slash, bottom = unit.replace(" per ", "/").partition("/")
    if not slash:
        return _single(unit, attached)
    above, below = _single(top.strip(), attached), _single(bottom.strip(), False)
    return f"{above}/{below}" if above and below else None


def _single(unit: str, attached: bool) -> str | None:
    for word, power in POWER_WORDS:
        if unit.startswith(word):
            unit = unit.removeprefix(word) + power
    for word, power in WORD_AFTER:
        unit = unit.removesuffix(word) + power if unit.endswith(word) else unit
    powered = POWER.fullmatch(unit)
    if powered:
        base = _single(powered.group(1), attached)
        return f"{base}^{powered.group(2)}" if base else None
    if unit in SYMBOLS:
        return SYMBOLS[unit]
    if attached or unit in NOT_UNITS or not NOUN.fullmatch(unit):
        return None
    return unit.removesuffix("s") if len(unit) > 3 and not unit.endswith("ss") else unit
