"""What stands around a value and does not change it: hedges, "the total is", roundings, the value said twice.

`framed` finds the parts and has them read by the readers that reading.py gives it: `value` reads anything but text and
is None for that, `read` reads anything. Where a part is not what it seems there is no frame.

    probably 12      12        the result is 12    12          twelve (12), 12 (twelve)    12
    Width: 5 cm      width = 5 cm                              3/4 or 0.75                 3/4
    12 cm (B)        B) 12 cm  2 or 3, 3 or 2      {2, 3}      ±2, 1 ± sqrt(2)             both
    2sqrt(3) ~ 3.46  2sqrt(3)  12.3 (1 d.p.)       12.3
"""

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from mmzero_rewards.answers.spelling.brackets import without_the
from mmzero_rewards.answers.spelling.options import is_text_before
from mmzero_rewards.answers.spelling.textform import YES_FORMS, text_core
from mmzero_rewards.answers.values.answer import NAME, Answer, as_set
from mmzero_rewards.answers.values.numerals import Numeral, read_amount, read_number
from mmzero_rewards.answers.values.units import compatible

HEDGE = re.compile(
    r"(?:(?:therefore|thus|hence|so|i\s+(?:think|believe|guess|estimate|would\s+say)(?:\s+that)?|maybe|perhaps|probably|possibly|most\s+likely|"
    r"likely|estimated\s+(?:at|to\s+be)|(?:somewhere\s+)?in\s+(?:the\s+)?(?:region|vicinity|neighbou?rhood)\s+of|"
    r"on\s+average|during(?:\s+the\s+year)?|(?:the\s+)?year\s+of|(?:it|this|that)\s+is|it's)\s*,?\s+)+(?=\S)",
    re.IGNORECASE,
)
FIRST_WORDS = (
    "therefore thus hence so i maybe perhaps probably possibly most likely estimated somewhere in on during year"
)
HEDGES = frozenset(FIRST_WORDS.split())

STATED = re.compile(
    rf"(?:the\s+)?({NAME})(?:\s+(?:is|was|are|were|equals|measures)\s+|\s*:\s+)(?:equal\s+to\s+)?(?=\S)(.+)",
    re.IGNORECASE,
)
SAYS = re.compile(r" (?:are|was|were|equals|measures) ")
VALUES = frozenset(["number", "constant", "clock", "date", "decade", "ratio", "range"])
GENERIC_WORDS = """
    value result answer total sum count number difference solution output amount figure estimate ratio percentage time
    date year final correct exact approximate estimated overall
"""
GENERIC = frozenset(GENERIC_WORDS.split())
"""Names that say nothing: "the result is 12" is 12, while "the width is 12" is not the height."""

NO_LABEL = re.compile(r"\w{1,3} :")  # x : 4 may be a ratio
MEASURE_OF = re.compile(r"\A(?:measure|value|size) of (?:the )?")
ASKED_WORDS = """
    country city state color colour name person animal shape company team brand category month day language capital
    product title sport fruit
"""
ASKED_FOR = frozenset(ASKED_WORDS.split())
NAMED = re.compile(r"[A-Za-z][\w'-]{0,20}(?: [A-Za-z][\w'-]{0,20}){0,2}")
SAID_OF_WORDS = """
    not no never than more less most least very too also a an same different larger smaller bigger higher lower longer
    shorter greater fewer unknown unclear the and or
"""
SAID_OF = frozenset(SAID_OF_WORDS.split())

AFTER_WORDS = """
    only approx approximately estimated est so correct right answer option rounded place places decimal decimals dp d.p
    sf s.f figures number integer tenth tenths hundredth hundredths
"""
AFTERTHOUGHTS = frozenset(AFTER_WORDS.split())
AFTERTHOUGHT = re.compile(
    r"\s*,?\s+(?:\(?(?:approx(?:imately|\.)?|estimated|est\.)\)?|or so|only|"
    r"is (?:the )?(?:correct|right)(?: answer| option)?|"
    r"\(?(?:(?:rounded|correct)\s+)?(?:to\s+)?(?:the\s+)?(?:nearest|\d|one|two|three)\s+"
    r"(?:decimal|d\.?p|s\.?f|significant|sig|whole|integer|tenth|hundredth)[^()]{0,20}\)?|"
    r"\(rounded[^()]{0,40}\)|rounded)\Z",
    re.IGNORECASE,
)

TWICE = re.compile(
    r"((?:[^()]|\([^()]*\))+?)\s*\(\s*(?:or|i\.e\.|=|(~|about|approx(?:imately|\.)?|roughly))?\s*,?\s*([^()]+)\)"
)
EITHER = re.compile(r"\s*,?\s+or\s+|\s*,\s+")
LETTER = re.compile(r"\(?\s*(?:option\s+)?\(?([A-Ha-h])\)?\s*\)?\Z")
JOINS = re.compile(r"(?:and|or|&)\b", re.IGNORECASE)
MOST_ALTERNATIVES = 4
INSIDE = 3
"""`nested` of an element: it is no option and falls into no elements of its own."""

Value = Callable[[str, int], Answer | None]
Read = Callable[[str, int], Answer]


def framed(text: str, lower: str, first: str, nested: int, value: Value, read: Read, led: bool) -> Answer | None:
    """The value inside; `lower` is the text without case, `first` its first word.

    `led`: what follows that word was read in vain. It is not read again (nor behind a hedge), else the time would
    double with each word.
    """
    found = None
    if first.rstrip(",") in HEDGES and (hedge := HEDGE.match(text)):
        return value(without_the(text[hedge.end() :]), nested)  # so the answer is B
    if not led and (": " in text or " is " in lower or SAYS.search(lower)):
        found = _stated(text, nested, value)
    if not found and text[-1] == ")" and "(" in text:
        found = _said_twice(text, nested, value, read)
    if not found and " or " in lower:
        found = _either(text, value)
    if not found and "±" in text:
        found = _plus_minus(text, value)
    if not found and "~" in text[1:]:
        exact, _, rough = text.rpartition("~")
        inside = value(exact.strip(), nested) if exact.strip() and read_number(rough.strip()) else None
        found = inside if inside and inside.kind in ("number", "constant") else None
    return found


def _stated(text: str, nested: int, value: Value) -> Answer | None:
    """The result is 12, Width: 5 cm; with its name, where the name tells quantities apart."""
    match = STATED.fullmatch(text)
    if match and (match.group(1).casefold() in YES_FORMS or NO_LABEL.match(text)):
        return None
    inside = value(match.group(2), nested) if match else None
    if match and not inside:
        return _said_of_kind(match.group(1), match.group(2), nested)
    if not inside or inside.name or not (inside.kind in VALUES or inside.brackets):
        return None
    name = MEASURE_OF.sub("", match.group(1).casefold())
    return inside if GENERIC.issuperset(name.split()) else replace(inside, name=name)


def _said_of_kind(name: str, text: str, nested: int) -> Answer | None:
    """The country is Germany: what a question asks for, not what is said of it."""
    if (
        nested
        or name.casefold() not in ASKED_FOR
        or not NAMED.fullmatch(text)
        or not SAID_OF.isdisjoint(text.casefold().split())
    ):
        return None
    return Answer("text", text_core(text))


def _said_twice(text: str, nested: int, value: Value, read: Read) -> Answer | None:
    """Twelve (12), 0.5 (50%), 2sqrt(3) (3.46), 12 cm (B), B (12 cm)."""
    match = TWICE.fullmatch(text)
    if not match:
        return None
    said, rough, again = match.groups()
    apart = match.end(1) < match.start(3) - 1 and text[match.end(1)].isspace()  # P(A) and sin(A) are no options
    letter = LETTER.fullmatch(again) if apart and not JOINS.match(said) else None
    if letter and not is_text_before(said):
        return None
    if not nested and (letter or (len(said) == 1 and said in "ABCDEFGH")):
        option, body = (letter.group(1), said) if letter else (said, again)
        inside = read(body, 1)
        return (
            replace(inside, option=option.casefold())
            if inside.core and (len(body) > 1 or body.isdigit()) and not inside.option
            else None
        )
    one, other = read_amount(said), read_amount(again)
    if other and not one and (constant := value(said, INSIDE)) and constant.kind == "constant":
        return constant
    if rough and one and other and not other.unit and _is_near(one, other):
        return Answer("number", one.core, one.unit)
    return _same_twice(one, other)


def _is_near(one: Numeral, other: Numeral) -> bool:
    """Is the second the first, rounded?"""
    return abs(Fraction(one.core) - Fraction(other.core)) * 50 <= abs(Fraction(one.core))


def _same_twice(one: Numeral | None, other: Numeral | None) -> Answer | None:
    """The first of two spellings of one number, with the unit of either."""
    if not one or not other:
        return None
    if one.core == other.core and compatible(one.unit, other.unit):
        return Answer("number", one.core, one.unit or other.unit)
    if {one.unit, other.unit} != {"", "percent"}:
        return None
    share, percent = (one, other) if other.unit else (other, one)
    same = Fraction(share.core) * 100 == Fraction(percent.core)
    return Answer("number", one.core, one.unit) if same else None


def _either(text: str, value: Value) -> Answer | None:
    """2 or 3 as a set, 3/4 or 0.75 as one number; only of numbers."""
    parts = [part for part in EITHER.split(text) if part]
    if not 1 < len(parts) <= MOST_ALTERNATIVES:
        return None
    if len(parts) == 2 and (same := _same_twice(*map(read_amount, parts))):
        return same
    items = [value(part, INSIDE) for part in parts]
    return as_set(items) if all(item and item.kind in ("number", "constant") for item in items) else None


def _tolerance(middle: str, margin: str) -> Answer | None:
    """12.0 ± 0.5 cm, the unit behind both or behind the margin."""
    one, other = read_number(middle.strip()), read_number(margin.strip())
    if not one or not other or not compatible(one.unit, other.unit) or other.unit == "percent":
        return None  # 12 ± 5% is a share of 12
    return Answer("tolerance", f"{one.core} ± {other.core}", other.unit or one.unit)


def _plus_minus(text: str, value: Value) -> Answer | None:
    """±2, 1 ± sqrt(2): both; 12 ± 1 is a tolerance."""
    if text.count("±") > 1:
        return None
    if text[0] != "±" and (tolerance := _tolerance(*text.split("±"))):
        return tolerance
    both = [value(text.replace("±", sign).lstrip("+ "), INSIDE) for sign in "+-"]
    kinds = {inside.kind if inside else "" for inside in both}
    return as_set(both) if kinds == {"constant"} or (text[0] == "±" and kinds == {"number"}) else None
