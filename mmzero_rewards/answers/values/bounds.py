"""Several bounds of one variable as the intervals they are: "x < 1 or x > 2", "x >= -3 and x < 4".

>>> as_intervals("x < 1 or x > 2"), as_intervals("x >= -3 and x < 4"), as_intervals("x < 1 or y > 2")
('x = (-infinity, 1) ∪ (2, infinity)', 'x = [-3, 4)', '')
"""

import re
from fractions import Fraction

from mmzero_rewards.answers.values.answer import Answer
from mmzero_rewards.answers.values.ranges import read_bound

EITHER = re.compile(r"\s*,?\s+or\s+|\s*∪\s*", re.IGNORECASE)
BOTH = re.compile(r"\s*,?\s+and\s+|\s+&\s+", re.IGNORECASE)
MOST_BOUNDS = 4
LOWER, UPPER = (">", ">="), ("<", "<=")


def as_intervals(text: str) -> str:
    """One interval or a union of them, given to their variable; "" for anything else."""
    for separator, written in ((EITHER, _union), (BOTH, _interval)):
        parts = separator.split(text)
        if not 1 < len(parts) <= MOST_BOUNDS:
            continue
        bounds = [read_bound(part.strip()) for part in parts]
        if None in bounds or len({(bound.name, bound.unit) for bound in bounds}) > 1 or bounds[0].unit:
            return ""
        intervals = written([_ends(bound) for bound in bounds])
        name = bounds[0].name
        return f"{name} = {intervals}" if intervals and name else intervals
    return ""


def _ends(bound: Answer) -> tuple[str, str]:
    """(sign, number)"""
    sign, _, number = bound.core.partition(" ")
    return sign, number


def _union(bounds: list[tuple[str, str]]) -> str:
    intervals = []
    for sign, number in bounds:
        if sign in LOWER:
            intervals.append(f"{'[' if sign == '>=' else '('}{number}, infinity)")
        elif sign in UPPER:
            intervals.append(f"(-infinity, {number}{']' if sign == '<=' else ')'}")
        else:
            return ""
    return " ∪ ".join(intervals)


def _interval(bounds: list[tuple[str, str]]) -> str:
    """Of one bound from below and one from above, which leave something between them."""
    low = [bound for bound in bounds if bound[0] in LOWER]
    high = [bound for bound in bounds if bound[0] in UPPER]
    if len(low) != 1 or len(high) != 1 or Fraction(low[0][1]) >= Fraction(high[0][1]):
        return ""
    opening, closing = "[" if low[0][0] == ">=" else "(", "]" if high[0][0] == "<=" else ")"
    return f"{opening}{low[0][1]}, {high[0][1]}{closing}"
