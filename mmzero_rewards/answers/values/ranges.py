"""Ranges and bounds in short answers: "10-20", "from 10 to 20"; "x >= 5", "5 <= x", "at least 5", "5 or more".

A range rises, so 20-10 and 2024-05-05 are none. A bound keeps its sign and its variable, which may be missing on the
other side. Not covered: a number between two bounds ("1 < x < 3" is text).
"""

import re
from fractions import Fraction

from mmzero_rewards.answers.values.answer import NAME, Answer
from mmzero_rewards.answers.values.moments import read_moment
from mmzero_rewards.answers.values.numerals import Numeral, read_amount, read_number, with_scale_of
from mmzero_rewards.answers.values.units import compatible

RANGE = re.compile(r"(-?[^-]*\d[^-]*)-([^-]*\d[^-]*)")
BETWEEN = re.compile(r"between\s+(.+?)\s+and\s+(.+)", re.IGNORECASE)
FROM_TO = re.compile(r"(?:from\s+)?(\S.*?)\s+(?:to|through|thru|until|till)\s+(\S.*)", re.IGNORECASE)


def read_range(text: str) -> Answer | None:
    """10-20 in rising order: 20-10 and 2024-05-05 are none."""
    match = BETWEEN.fullmatch(text) or FROM_TO.fullmatch(text) or RANGE.fullmatch(text)
    if not match:
        return None
    first, second = match.group(1).strip(), match.group(2).strip()
    low, high = read_amount(first), read_amount(second)
    if not high:
        return _span(first, second) or _span(_with_half_of(first, second), second)
    return _rising(read_number(with_scale_of(first, second)), high) or _rising(low, high)


HALF = re.compile(r"(\d{1,2})(?::\d\d)?\s*([ap]\.?\s?m)\.?", re.IGNORECASE)
HOUR = re.compile(r"(\d{1,2})(?::\d\d)?")


def _with_half_of(first: str, second: str) -> str:
    """5 of "5-6 PM" as 5 pm, where it is the earlier hour."""
    early, late = HOUR.fullmatch(first), HALF.fullmatch(second)
    if not early or not late or not int(early.group(1)) < int(late.group(1)) < 12:
        return first
    return f"{first} {late.group(2)}"


def _rising(low: Numeral | None, high: Numeral | None) -> Answer | None:
    if not low or not high or not compatible(low.unit, high.unit) or Fraction(low.core) >= Fraction(high.core):
        return None
    return Answer("range", f"{low.core} to {high.core}", high.unit or low.unit)


def _span(first: str, second: str) -> Answer | None:
    """From one time or date to another."""
    ends = read_moment(first), read_moment(second)
    if None in ends or ends[0].kind != ends[1].kind:
        return None
    items = tuple(Answer(end.kind, end.core, end.half) for end in ends)
    return Answer("range", " to ".join(item.key for item in items), items=items)


BOUND = re.compile(rf"(?:({NAME})\s*)?(<=|>=|!=|=<|=>|<|>)\s*([^<>=!]+)")
FLIPPED = re.compile(rf"([^<>=!]+?)\s*(<=|>=|=<|=>|<|>)\s*({NAME})")
FLIP = str.maketrans("<>", "><")
IN_WORDS = re.compile(
    rf"(?:(?:(?P<name>{NAME})\s+)?is\s+)?"
    r"(?:(?P<ge>at least|(?:no|not) (?:less|fewer) than|minimum(?: of)?|(?:greater|more) than or equal to)|"
    r"(?P<le>at most|up to|(?:no|not) (?:more|greater) than|maximum(?: of)?|(?:less|fewer) than or equal to)|"
    r"(?P<gt>(?:more|greater|larger|higher|older|taller|longer|heavier) than|over|above|exceed(?:s|ing))|"
    r"(?P<lt>(?:less|fewer|lower|smaller|younger|shorter|lighter) than|under|below))\s+",
    re.IGNORECASE,
)
AFTER = re.compile(
    r"(?:(?P<ge>\+|\s(?:or|and) (?:more|above|greater|higher|over|up|older|longer|larger|taller))|"
    r"(?P<le>\s(?:or|and) (?:less|fewer|below|lower|under|younger|shorter|smaller)))\Z",
    re.IGNORECASE,
)
FIRST_WORDS = """
    is at no not minimum maximum greater more less fewer up larger higher lower smaller over above under below
    older taller longer heavier younger shorter lighter exceeds exceeding
"""
BOUND_LEADS = frozenset(FIRST_WORDS.split())
FINAL_WORDS = """
    more above greater higher over up less fewer below lower older longer larger taller under younger shorter smaller
"""
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
        return _bounded(match.lastgroup, text[match.end() :], match.group("name") or "")
    match = AFTER.search(text, max(0, len(text) - 16))
    return _bounded(match.lastgroup, text[: match.start()]) if match else None


def _bounded(sign: str, number: str, name: str = "") -> Answer | None:
    value = read_amount(number.strip())
    return Answer("bound", f"{SIGNS.get(sign, sign)} {value.core}", value.unit, name.casefold()) if value else None
