"""Ways to say a value that are written in another way before they are read; linear passes over short text.

1 < x < 3      x = (1, 3)              half past 4      4:30          Figure 3       3
A(2, 3)        A = (2, 3)              15h45            15:45         3 by 4, 3x4    3*4
x = 2 or x = 3 x = 2 or 3              0.333...         0.(3)         40% of them    40%
2 hours and 30 minutes   2 h 30 min    5'10"            5 ft 10 in    both A and B   A and B
7 out of 10    7/10                    ten thirty       10:30         5 + 7 = 12     12
"""

import re

from mmzero_rewards.answers.spelling.brackets import without_the
from mmzero_rewards.answers.values.answer import NAME
from mmzero_rewards.answers.values.bounds import as_intervals
from mmzero_rewards.answers.values.bracketed import opened
from mmzero_rewards.answers.values.measures import measured, measured_in_words
from mmzero_rewards.answers.values.numerals import read_amount, read_number
from mmzero_rewards.answers.values.periods import full_years
from mmzero_rewards.answers.values.units import is_known, read_unit
from mmzero_rewards.answers.values.words import STARTS, WORDS

REPEATING = re.compile(r"(-?\d*\.\d*?)(\d)\2{2,}\s?\.{2,}\Z")
BETWEEN = re.compile(rf"([^<>=]+?)\s*(<=|<|>=|>)\s*({NAME})\s*(<=|<|>=|>)\s*([^<>=]+)")
POINT = re.compile(r"([A-Z]['ʹ]?)\s?(\([^()]*[,;][^()]*\))")
NAMED_TWICE = re.compile(rf"({NAME})\s*=\s*([^=]+?)(\s*,\s*(?:or\s+|and\s+)?|\s+(?:or|and|&)\s+)\1\s*=\s*([^=]+)")
AMOUNTS = "angle length distance height width depth area volume weight mass speed temperature perimeter radius diameter"
AMOUNTS += " population price cost profit value score total average mean sum"
LEADING = re.compile(
    rf"(?:(?:ages?|aged)\s+(?=\d)|both\s+(?=.{{1,60}}\sand\s)|(?:an?\s+)?ratio\s+(?:of\s+)?(?=\d+\s?:)|(?:an?\s+)?(?:estimated|"
    rf"approximate(?:\s+value\s+of)?|(?:{'|'.join(AMOUNTS.split())})\s+of)\s+(?=[\d$€£]))",
    re.IGNORECASE,
)
SAY_WORDS = "a an age ages aged both ratio estimated approximate it it's that this they there"
SAYS = frozenset([*AMOUNTS.split(), *SAY_WORDS.split()])
PLACE_WORDS = """
    figure fig. graph chart diagram plot panel picture image bar line curve category group series region section segment
    slice sector class team company product store shop student city model brand type method step stage phase level page
"""
PLACE = re.compile(
    rf"(?:{'|'.join(map(re.escape, PLACE_WORDS.split()))})\s+(?=[\"'(]?(?:[A-Za-z]|\d{{1,3}})[\"')]?\Z)", re.IGNORECASE
)
PLACES = frozenset(PLACE_WORDS.split())
OF_THEM = re.compile(r"(.{1,30}?)\s+of\s+([^\d]{2,40})\Z", re.IGNORECASE)
OUT_OF = re.compile(r"(\S+)\s+out\s+of\s+(?:every\s+|the\s+)?([^\s,]+)(?:\s+[^\d]{2,40})?", re.IGNORECASE)
ONE_IN = re.compile(r"(1|one)\s+in\s+(\S+)", re.IGNORECASE)
OVER = re.compile(r"(-?\d+)\s+over\s+(\d+)", re.IGNORECASE)
RATIO_OF = re.compile(r"(?:the\s+|an?\s+)?ratio\s+of\s+(\d+(?:\.\d+)?)\s+to\s+(\d+(?:\.\d+)?)", re.IGNORECASE)
RATIO_BEHIND = re.compile(r"(?:an?\s+)?(\d[\d.]*\s?:\s?\d[\d.]*)\s+ratio", re.IGNORECASE)
PLACED = re.compile(
    r"(?:the\s+)?(?:coordinates?|point|vertex|center|centre|origin|intersection)(?:\s+(?:is|are|at|of))?(?:\s*:)?\s*(?=\()",
    re.IGNORECASE,
)
LABELLED = re.compile(r"[A-Za-z]\s*:\s*-?[\d.]+(?:\s*,\s*[A-Za-z]\s*:\s*-?[\d.]+)+")
TEN_TO = re.compile(r"\s+times\s+10\s+to\s+the\s+(?:power\s+of\s+)?(-?\d+)(?:st|nd|rd|th)?(?:\s+power)?", re.IGNORECASE)
LOST_CARET = re.compile(r"(?<=[\d.])(\s*[x*]\s?10)-(?=\d{1,2}(?!\d))", re.IGNORECASE)
ISH = re.compile(r"(?<=\d)[\s-]?ish\Z", re.IGNORECASE)
UNITS_OF_TIME = frozenset(["second", "minute", "hour", "day", "week", "month", "year", "mile", "inch", "foot", "pound"])
MORE = re.compile(r"(?:an?\s+|one\s+)?([a-z]{3,7})\s+and\s+an?\s+(half|quarter)", re.IGNORECASE)
OR_MORE = re.compile(r"(\d[\d.,]*)\+ ([A-Za-z]{2,20})")
HOURS = frozenset(word for word, value in WORDS.items() if 1 <= value <= 12)
WORDED_CLOCK = re.compile(
    rf"(?P<hour>{'|'.join(sorted(HOURS))})\s+(?:(?P<fifteen>fifteen)|(?P<thirty>thirty)|"
    r"(?P<more>forty[\s-]five)|(?:oh|o)[\s-](?P<five>five))(?P<half>\s*[ap]\.?\s?m\.?)?",
    re.IGNORECASE,
)
OPERATION = re.compile(r"[\d)%°]\s*[-+*/]\s*[\d($€£.-]|\d\s+x\s+\d")
SEPARATED = re.compile(r",(?!\d{3})|;|\b(?:and|or)\b", re.IGNORECASE)
VARIABLE = re.compile(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])")
TIMES = re.compile(r"(?<=\d)(?:\s+by\s+|\s*x\s*)(?=\d)|(?<=[a-z])\s+(?:x|by)\s+(?=\d)", re.IGNORECASE)
OF_UNITS = re.compile(r"(\d+)-([A-Za-z]{3,8})(-old)?")
COORDINATES = re.compile(r"\([A-Za-z](?:\s*,\s*[A-Za-z])+\)\s*=\s*(?=\()")
SAID = re.compile(r"(?:it\s+is|it's|that\s+is|this\s+is|they\s+are|there\s+(?:is|are))\s+(?=\S)", re.IGNORECASE)
SET_BUILDER = re.compile(rf"\{{\s*{NAME}(?:\s*=\s*R)?\s*[|:](.+)\}}")
VECTOR = re.compile(r"<([^<>=]*,[^<>=]*)>")
SWAPPED = re.compile(rf"(-?[\d./]+)\s*=\s*({NAME})")
BOLD = re.compile(r"\*\*([^*]+)\*\*")
PAST = re.compile(
    r"(?:a\s+)?(?P<part>quarter|half|(?P<minutes>[a-z\d]+(?:-[a-z]+)?)\s+min(?:ute)?s?|(?P<five>five|ten|twenty|twenty-five))"
    r"\s+(?P<way>past|after|to|till|before)\s+(?P<hour>[a-z]+|\d{1,2})(?:\s+o'clock)?(?P<half>\s*[ap]\.?\s?m\.?)?",
    re.IGNORECASE,
)
LAST_HOUR = 24


def rewritten(text: str) -> str:
    """`text` in another way, or as it is.

    >>> rewritten("1 <= x < 3"), rewritten("quarter to 5"), rewritten("2 hours and 30 minutes")
    ('x = [1, 3)', '4:45', '2 h 30 min')
    """
    if len(text) > 100 or len(text) < 3:
        return text
    if text[0] == "(":
        text = opened(text)
    if "**" in text:
        text = BOLD.sub(r"\1", text)
    if text[0] == "{" and text[-1] == "}" and (builder := SET_BUILDER.fullmatch(text)):
        text = builder.group(1).strip()
    if "<" in text or ">" in text:
        vector = VECTOR.fullmatch(text)
        return f"({vector.group(1)})" if vector else as_intervals(text) or _between(text)
    if "=" in text:
        return _equation(text)
    if text[-1] == ")" and text[0].isupper() and (point := POINT.fullmatch(text)):
        return f"{point.group(1)} = {point.group(2)}"
    if " times " in text:
        text = TEN_TO.sub(r"*10^\1", text)
    if "10-" in text:
        text = LOST_CARET.sub(r"\1^-", text)
    if " in " in text or " over " in text:
        text = _quotient(text)
    if text[0].isdigit():
        return _figures(text)
    return _words(text) if " " in text else text


def _words(text: str) -> str:
    """What begins with a word."""
    first, _, rest = text.partition(" ")
    first = first.casefold()
    if first in SAYS:
        text = without_the(SAID.sub("", LEADING.sub("", text, count=1), count=1))
    elif first in PLACES and (place := PLACE.match(text)):
        return text[place.end() :].strip("\"'()")
    elif first in HOURS and (clock := WORDED_CLOCK.fullmatch(text)):
        return _worded_clock(clock)
    elif first == "all" and rest.casefold() in ("real numbers", "reals", "real x"):
        return "(-infinity, infinity)"
    if first.partition("-")[0] in STARTS and (" and " in text or "," in text):
        text = measured_in_words(text)
    if text[-1] == ")":
        text = PLACED.sub("", text, count=1)
    if ":" in text and LABELLED.fullmatch(text):
        return text.replace(":", " =")
    if text[-5:].casefold() == "ratio":
        text = RATIO_BEHIND.sub(r"\1", text)
    if " of " in text:
        return _part_of(text)
    if " and a" in text and (more := MORE.fullmatch(text)) and more.group(1).casefold() in UNITS_OF_TIME:
        return f"{'1.5' if more.group(2).casefold() == 'half' else '1.25'} {more.group(1)}s"
    if "past" in text or "after" in text or " to " in text or "till" in text or "before" in text:
        return _past(text)
    if text.endswith("o'clock"):
        hour = read_amount(text.removesuffix("o'clock").rstrip())
        return f"{hour.core}:00" if hour and not hour.unit else text
    return text


def _figures(text: str) -> str:
    """What begins with a digit."""
    if "-" in text or "/" in text:
        sized = OF_UNITS.fullmatch(text)
        if sized and is_known(read_unit(f" {sized.group(2)}") or "?"):
            return f"{sized.group(1)} {sized.group(2)}"  # 12-minute, 12-year-old
        text = full_years(text) or text.replace("-to-", " to ")
    if text[-1] in "hoHO":
        text = RATIO_BEHIND.sub(r"\1", ISH.sub("", text))
    if "+ " in text and (more := OR_MORE.fullmatch(text)) and read_unit(f" {more.group(2)}"):
        return f"{more.group(1)} {more.group(2)} or more"  # 65+ years
    if " of " in text:
        return _part_of(text)
    if " past " in text or " after " in text or " to " in text or " till " in text or " before " in text:
        return _past(text)
    if text[:2] in ("0x", "0X"):
        return text
    if "x" in text or "X" in text or "by" in text:
        text = TIMES.sub("*", text)
    return measured(text)


def repeating(text: str) -> str:
    """With the period of a decimal in brackets.

    >>> repeating("0.1666..."), repeating("0.33"), repeating("wait...")
    ('0.1(6)', '0.33', 'wait...')
    """
    return REPEATING.sub(r"\1(\2)", text) if text[-2:] == ".." else text


def _worded_clock(match: re.Match) -> str:
    """Ten thirty, four forty-five."""
    minute = "15" if match["fifteen"] else "30" if match["thirty"] else "45" if match["more"] else "05"
    return f"{read_amount(match['hour']).core}:{minute}{match['half'] or ''}"


def _quotient(text: str) -> str:
    """One in four, 3 over 4."""
    match = ONE_IN.fullmatch(text) or OVER.fullmatch(text)
    return _of_two(match) or text if match else text


def _of_two(match: re.Match) -> str:
    """Two whole numbers, the first not above the second but in "over", as a quotient; "" if they are not."""
    above, below = read_amount(match.group(1)), read_amount(match.group(2))
    if not above or not below or above.unit or below.unit or "/" in above.core + below.core:
        return ""
    if match.re is not OVER and not 0 <= int(above.core) <= int(below.core):
        return ""
    return f"{above.core}/{below.core}"


def _worked_out(text: str) -> str:
    """What comes out: 12 of "5 + 7 = 12", "x = 7" of "x = 3 + 4 = 7"; `text` where an equation has an unknown."""
    *before, last = text.split("=")
    if not last.strip() or not all(map(str.strip, before)) or SEPARATED.search(text):
        return text
    first = before[0].strip()
    if len(before) > 1 and re.fullmatch(NAME, first) and any(OPERATION.search(part) or "^" in part for part in before):
        return f"{first} = {last.strip()}"
    known = all(not VARIABLE.search(part.replace(" x ", " * ")) for part in before)
    return last.strip() if known and OPERATION.search(before[0]) and read_number(last.strip()) else text


def _equation(text: str) -> str:
    if not text.startswith("="):
        text = _worked_out(text)
    text = COORDINATES.sub("", text.removeprefix("=").lstrip(), count=1)
    swapped = SWAPPED.fullmatch(text)
    if swapped:
        return f"{swapped.group(2)} = {swapped.group(1)}"
    named = NAMED_TWICE.fullmatch(text)
    return f"{named.group(1)} = {named.group(2)} or {named.group(4)}" if named else text


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
    """40% of the students, three quarters of it, 5 g of salt: the amount; not 5 of hearts."""
    ratio = RATIO_OF.fullmatch(text)
    if ratio:
        return f"{ratio.group(1)}:{ratio.group(2)}"
    match = OUT_OF.fullmatch(text)
    if match:
        return _of_two(match) or text
    match = OF_THEM.fullmatch(text)
    amount = read_amount(match.group(1)) if match else None
    if not amount or amount.unit == "degree":  # degrees of freedom are no angle
        return text
    part = amount.unit == "percent" or (not amount.unit and "/" in amount.core)
    measured_out = amount.unit and (is_known(amount.unit) or "/" not in amount.core)  # 5 g of salt, 5 cups of flour
    return match.group(1) if part or measured_out else text


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
    if not (0 <= at <= LAST_HOUR and 0 < past < 60) or (part == "30" and way not in ("past", "after")):
        return text
    if match["five"] and (way in ("after", "till", "before") or (way == "to" and past <= at)):
        return text  # "five to ten" is a range, "ten to five" is none
    if way not in ("past", "after"):
        at, past = (at - 1 if at > 1 else 12), 60 - past
    return f"{at}:{past:02d}{match['half'] or ''}"
