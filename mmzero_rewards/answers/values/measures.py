"""Measures in several units, and clock times with an h: "2h45m" is "2 h 45 min", 5'10" is "5 ft 10 in", 15h45 15:45."""

import re

from mmzero_rewards.answers.values.numerals import Numeral, read_amount, read_number

MINUTES_OF_ARC = re.compile(
    r"""(\d+)\s?(?:°|degrees?)\s?(\d+)\s?(?:'|min(?:utes?)?)(?:\s?(\d+)\s?(?:"|''|sec(?:onds?)?))?"""
)
FRENCH = re.compile(r"([01]?\d|2[0-4])\s?[hH]\s?([0-5]\d)")
FEET = re.compile(r"""(\d{1,2})\s?'\s?(\d{1,2}(?:\.\d+)?)\s?(?:"|'')""")
MEASURE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+\.?)(?:\s*,\s*(?:and\s+)?|\s+(?:and|&)\s+|\s*)(?=\d|\Z)")
COMPOUND = (
    ("week", "day", "h", "min", "s"),
    ("year", "month", "day"),
    ("foot", "inch"),
    ("pound", "ounce"),
    ("lb", "ounce"),
    ("m", "cm"),
    ("degree", "min", "s"),
)
SHORT = {"foot": "ft", "inch": "in", "pound": "lb", "ounce": "oz"}


def measured(text: str) -> str:
    """`text` with its units in one form, or as it is."""
    if ("h" in text or "H" in text) and (french := FRENCH.fullmatch(text)):
        return f"{french.group(1)}:{french.group(2)}"
    if ("°" in text or "deg" in text) and (arc := MINUTES_OF_ARC.fullmatch(text)):
        return f"{arc.group(1)} degree {arc.group(2)} min" + (f" {arc.group(3)} s" if arc.group(3) else "")
    if "'" in text and (feet := FEET.fullmatch(text)):
        return f"{feet.group(1)} ft {feet.group(2)} in"
    parts, place = [], 0
    while match := MEASURE.match(text, place):
        parts.append(read_number(f"{match.group(1)} {match.group(2)}"))
        place = match.end()
    if len(parts) < 2 or place != len(text) or None in parts:
        return text
    units = [part.unit for part in parts]
    if "m" in units and not {"h", "s"}.isdisjoint(units):  # 2h45m
        parts = [Numeral(part.core, "min") if part.unit == "m" else part for part in parts]
        units = [part.unit for part in parts]
    for row in COMPOUND:
        places = [row.index(unit) if unit in row else -1 for unit in units]
        if -1 not in places and places == sorted(set(places)):
            return " ".join(f"{part.core} {SHORT.get(part.unit, part.unit)}" for part in parts)
    return text


APART = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+")


def measured_in_words(text: str) -> str:
    """Two hours and thirty minutes, in figures; `text` where a part is no amount with a unit."""
    amounts = [read_amount(part) for part in APART.split(text, maxsplit=3)]
    if None in amounts or len(amounts) < 2 or not all(amount.unit for amount in amounts):
        return text
    spelled = " ".join(f"{amount.core} {SHORT.get(amount.unit, amount.unit)}" for amount in amounts)
    return spelled if measured(spelled) == spelled and _together(amounts) else text


def _together(amounts: list[Numeral]) -> bool:
    """Do their units measure one thing?"""
    return any({amount.unit for amount in amounts} <= set(row) for row in COMPOUND)
