"""Ranges and bounds in short answers: "10-20", "from 10 to 20"; "x >= 5", "5 <= x", "at least 5", "5 or more".

A range rises, so 20-10 and 2024-05-05 are none. A bound keeps its sign and its variable, which may be missing on the
other side. Not covered: a number between two bounds ("1 < x < 3" is text).
"""

import re
from fractions import Fraction

from mmzero_rewards.answers.answer import NAME, Answer
from mmzero_rewards.answers.numerals import read_amount, read_number
from mmzero_rewards.answers.units import compatible

RANGE = re.compile(r"(-?[^-]*\d[^-]*)-([^-]*\d[^-]*)")
BETWEEN = re.compile(r"between\s+(.+?)\s+and\s+(.+)", re.IGNORECASE)
FROM_TO = re.compile(r"(?:from\s+)?(\S.*?)\s+to\s+(\S.*)", re.IGNORECASE)


def read_range(text: str) -> Answer | None:
    """10-20 in rising order: 20-10 and 2024-05-05 are none."""
    match = BETWEEN.fullmatch(text) or FROM_TO.fullmatch(text) or RANGE.fullmatch(text)
    if not match:
        return None
    low, high = read_number(match.group(1).strip()), read_number(match.group(2).strip())
    if not low or not high or not compatible(low.unit, high.unit) or Fraction(low.core) >= Fraction(high.core):
        return None
    return Answer("range", f"{low.core} to {high.core}", high.unit or low.unit)


BOUND = re.compile(rf"(?:({NAME})\s*)?(<=|>=|!=|=<|=>|<|>)\s*([^<>=!]+)")
FLIPPED = re.compile(rf"([^<>=!]+?)\s*(<=|>=|=<|=>|<|>)\s*({NAME})")
FLIP = str.maketrans("<>", "><")
IN_WORDS = re.compile(
    r"(?:is\s+)?(?:(?P<ge>at least|(?:no|not) (?:less|fewer) than|minimum(?: of)?|(?:greater|more) than or equal to)|"
    r"(?P<le>at most|up to|(?:no|not) (?:more|greater) than|maximum(?: of)?|(?:less|fewer) than or equal to)|"
    r"(?P<gt>(?:more|greater|larger|higher) than|over|above)|(?P<lt>(?:less|fewer|lower|smaller) than|under|below))\s+",
    re.IGNORECASE,
)
AFTER = re.compile(
    r"(?:(?P<ge>\+|\s(?:or|and) (?:more|above|greater|higher|over|up))|"
    r"(?P<le>\s(?:or|and) (?:less|fewer|below|lower)))\Z",
    re.IGNORECASE,
)
FIRST_WORDS = """
    is at no not minimum maximum greater more less fewer up larger higher lower smaller over above under below
"""
BOUND_LEADS = frozenset(FIRST_WORDS.split())
FINAL_WORDS = "more above greater higher over up less fewer below lower"
BOUND_ENDS = frozenset(FINAL_WORDS.split())
SIGNS = {"ge": ">=", "le": "<=", "gt": ">", "lt": "<", "=<": "<=", "=>": ">="}


def read_bound(text: str) -> Answer | None:
    """x >= 5 and 5 <= x, in signs."""
    match = BOUND.fullmatch(text)
    if match:
        return _bounded(match.group(2), match.group(3), match.group(1) or "")
    match = FLIPPED.fullmatch(text)
    return _bounded(match.group(2).translate(FLIP), match.group(1), match.group(3)) if match else None


def read_bound_in_words(text: str) -> Answer | None:
    """At least 5, 5 or more, 5+."""
    match = IN_WORDS.match(text)
    if match:
        return _bounded(match.lastgroup, text[match.end() :])
    match = AFTER.search(text, max(0, len(text) - 16))
    return _bounded(match.lastgroup, text[: match.start()]) if match else None


def _bounded(sign: str, number: str, name: str = "") -> Answer | None:
    value = read_amount(number.strip())
    return Answer("bound", f"{SIGNS.get(sign, sign)} {value.core}", value.unit, name.casefold()) if value else None
