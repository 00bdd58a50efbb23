"""Ways to say a value that are written in another way before they are read; linear passes over short text.

1 < x < 3      x = (1, 3)              half past 4      4:30          Figure 3       3
A(2, 3)        A = (2, 3)              15h45            15:45         3 by 4, 3x4    3*4
x = 2 or x = 3 x = 2 or 3              0.333...         0.(3)         40% of them    40%
2 hours and 30 minutes   2 h 30 min    5'10"            5 ft 10 in    both A and B   A and B
"""

import re

from mmzero_rewards.answers.answer import NAME
from mmzero_rewards.answers.numerals import read_amount, read_number

REPEATING = re.compile(r"(-?\d*\.\d*?)(\d)\2{2,}\s?\.{2,}\Z")
BETWEEN = re.compile(rf"([^<>=]+?)\s*(<=|<|>=|>)\s*({NAME})\s*(<=|<|>=|>)\s*([^<>=]+)")
POINT = re.compile(r"([A-Z]'?)\s?(\([^()]*[,;][^()]*\))")
NAMED_TWICE = re.compile(rf"({NAME})\s*=\s*([^=]+?)(\s*,\s*(?:or\s+|and\s+)?|\s+(?:or|and)\s+)\1\s*=\s*([^=]+)")
LEADING = re.compile(
    r"(?:both\s+(?=.{1,60}\sand\s)|(?:an?\s+)?(?:estimated|approximate(?:\s+value\s+of)?|(?:total|average|mean|sum)\s+of)\s+"
    r"(?=[\d$€£]))",
    re.IGNORECASE,
)
PLACE_WORDS = """
    figure fig. graph chart diagram plot panel picture image bar line curve category group series region section segment
    slice sector class team
"""
PLACE = re.compile(
    rf"(?:{'|'.join(map(re.escape, PLACE_WORDS.split()))})\s+(?=(?:[A-Za-z]|\d{{1,3}})\Z)", re.IGNORECASE
)
OF_THEM = re.compile(r"(.{1,30}?)\s+of\s+([^\d]{2,40})\Z", re.IGNORECASE)
TIMES = re.compile(r"(?<=\d)(?:\s+by\s+|\s*x\s*)(?=\d)", re.IGNORECASE)
COORDINATES = re.compile(r"\([A-Za-z](?:\s*,\s*[A-Za-z])+\)\s*=\s*(?=\()")
SAID = re.compile(r"(?:it\s+is|it's|that\s+is|this\s+is|they\s+are|there\s+(?:is|are))\s+(?=\S)", re.IGNORECASE)
SWAPPED = re.compile(rf"(-?[\d./]+)\s*=\s*({NAME})")
BOLD = re.compile(r"\*\*([^*]+)\*\*")
PAST = re.compile(
    r"(?:a\s+)?(?P<part>quarter|half|(?P<minutes>[a-z\d]+(?:-[a-z]+)?)\s+min(?:ute)?s?|(?P<five>five|ten|twenty|twenty-five))"
    r"\s+(?P<way>past|after|to|till|before)\s+(?P<hour>[a-z]+|\d{1,2})(?:\s+o'clock)?(?P<half>\s*[ap]\.?\s?m\.?)?",
    re.IGNORECASE,
)
FRENCH = re.compile(r"([01]?\d|2[0-4])\s?h\s?([0-5]\d)")
FEET = re.compile(r"""(\d{1,2})\s?'\s?(\d{1,2}(?:\.\d+)?)\s?(?:"|'')""")
MEASURE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+\.?)(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*)(?=\d|\Z)")
COMPOUND = (
    ("week", "day", "h", "min", "s"),
    ("year", "month", "day"),
    ("foot", "inch"),
    ("pound", "ounce"),
    ("m", "cm"),
)
SHORT = {"foot": "ft", "inch": "in", "pound": "lb", "ounce": "oz"}
HOURS = 24


def rewritten(text: str) -> str:
    """`text` in another way, or as it is.

    >>> rewritten("1 <= x < 3"), rewritten("quarter to 5"), rewritten("2 hours and 30 minutes")
    ('x = [1, 3)', '4:45', '2 h 30 min')
    """
    if len(text) > 100 or len(text) < 3:
        return text
    if "**" in text:
        text = BOLD.sub(r"\1", text)
    if "<" in text or ">" in text:
        return _between(text)
    if "=" in text:
        return _equation(text)
    if text[-1] == ")" and text[0].isupper():
        point = POINT.fullmatch(text)
        return f"{point.group(1)} = {point.group(2)}" if point else text
    if text[0] in "aAbBeEiImMsStT":
        text = SAID.sub("", LEADING.sub("", text, count=1), count=1)
    if " " in text and text[0].isalpha():
        place = PLACE.match(text)
        if place:
            return text[place.end() :]
    if " of " in text:
        return _part_of(text)
    if "past" in text or "after" in text or " to " in text or "till" in text or "before" in text:
        return _past(text)
    if text[0].isdigit():
        text = text if text[:2] in ("0x", "0X") else _measures(TIMES.sub("*", text))
    elif text.endswith("o'clock"):
        hour = read_amount(text.removesuffix("o'clock").rstrip())
        return f"{hour.core}:00" if hour and not hour.unit else text
    return text


def repeating(text: str) -> str:
    """With the period of a decimal in brackets.

    >>> repeating("0.1666..."), repeating("0.33"), repeating("wait...")
    ('0.1(6)', '0.33', 'wait...')
    """
    return REPEATING.sub(r"\1(\2)", text) if text[-2:] == ".." else text


def _equation(text: str) -> str:
    text = COORDINATES.sub("", text.removeprefix("=").lstrip(), count=1)
    swapped = SWAPPED.fullmatch(text)
    if swapped:
        return f"{swapped.group(2)} = {swapped.group(1)}"
    named = NAMED_TWICE.fullmatch(text)
    return f"{named.group(1)} = {named.group(2)}{named.group(3)}{named.group(4)}" if named else text


def _between(text: str) -> str:
    match = BETWEEN.fullmatch(text)
    if not match:
        return text
    low, first, name, second, high = match.groups()
    if first[0] != second[0] or not read_number(low) or not read_number(high):
        return text
    if first[0] == ">":
        low, first, second, high = high, second, first, low
    return f"{name} = {'[' if '=' in first else '('}{low}, {high}{']' if '=' in second else ')'}"


def _part_of(text: str) -> str:
    """40% of the students, three quarters of it: the amount; not 5 of hearts."""
    match = OF_THEM.fullmatch(text)
    amount = read_amount(match.group(1)) if match else None
    if amount and (amount.unit == "percent" or (not amount.unit and "/" in amount.core)):
        return match.group(1)
    return text


def _past(text: str) -> str:
    match = PAST.fullmatch(text)
    if not match:
        return text
    hour = read_amount(match["hour"])
    part = {"quarter": "15", "half": "30"}.get(match["part"].casefold()) or (match["minutes"] or match["five"])
    minutes = read_amount(part)
    way = match["way"].casefold()
    if not hour or not minutes or hour.unit or minutes.unit or "/" in hour.core + minutes.core:
        return text
    at, past = int(hour.core), int(minutes.core)
    if not (0 <= at <= HOURS and 0 < past < 60) or (part == "30" and way not in ("past", "after")):
        return text
    if match["five"] and way != "past":
        return text  # "five to ten" is a range
    if way not in ("past", "after"):
        at, past = (at - 1 if at > 1 else 12), 60 - past
    return f"{at}:{past:02d}{match['half'] or ''}"


def _measures(text: str) -> str:
    french = FRENCH.fullmatch(text)
    if french:
        return f"{french.group(1)}:{french.group(2)}"
    feet = FEET.fullmatch(text)
    if feet:
        return f"{feet.group(1)} ft {feet.group(2)} in"
    parts, place = [], 0
    while match := MEASURE.match(text, place):
        parts.append(read_number(f"{match.group(1)} {match.group(2)}"))
        place = match.end()
    if len(parts) < 2 or place != len(text) or None in parts:
        return text
    units = [part.unit for part in parts]
    for row in COMPOUND:
        places = [row.index(unit) if unit in row else -1 for unit in units]
        if -1 not in places and places == sorted(set(places)):
            return " ".join(f"{part.core} {SHORT.get(part.unit, part.unit)}" for part in parts)
    return text
