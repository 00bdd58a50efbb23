"""Are two short answers equal? `grade` for one pair, `canonical` as a key for votes.

The builtin grader is text and bounded arithmetic: read both by a small grammar (reading.py), compare (answer.py). It
never evaluates model text, is symmetric, and reflexive on non-blank answers. All rules: docs/answers.md; the first:

* numbers are equal only exactly ("1/3" != "0.333"); "2:1" is a ratio, "12:30" a time, neither is a quotient;
* a unit may be missing but not differ: "12 cm" = "12" != "12 m" ... percent is a unit ("25%" = "25" != "0.25");
* "A. blue" = "A" and = "blue"; lists compare in order, sets in braces without.

Relaxed 5 % accuracy is an evaluation convention (`relaxed_equal`) and never decides a reward or a vote. mathruler and
math-verify run only in a child process that can be killed (children.py). Source: docs/method.md §2.0, §8.
"""

import re
from fractions import Fraction
from functools import lru_cache

from mmzero_rewards.answers import children
from mmzero_rewards.answers.children import GraderUnavailable
from mmzero_rewards.answers.reading import read_answer
from mmzero_rewards.answers.values.answer import Answer, equal
from mmzero_rewards.answers.values.units import compatible

__all__ = ["GraderUnavailable", "canonical", "check_grader", "grade", "grade_answer", "relaxed_equal"]

CACHED_CHARS = 200
"""Answers up to this length are read through a cache; longer ones are rare and would hold memory."""


def canonical(answer: str) -> str:
    """Normal form of an answer: equal keys mean equal answers; hashable and sortable.

    >>> canonical("The red triangle."), canonical("50%"), canonical("A."), canonical("1,000.0")
    ('red triangle', '50 percent', 'a', '1000')
    """
    return read(answer).key


def grade(answer: str | None, reference: str | None, grader: str = "builtin", symbolic: bool = False) -> bool:
    """True if the two answers are equal; None and blank answers equal nothing.

    Args:
        grader: `builtin`, or `mathruler` (true in either direction; in a killable child, a time-out is "not equal").
        symbolic: where the builtin grader says no, ask math-verify in a killable child.
    Raises:
        GraderUnavailable: the grader's package is not installed.

    >>> grade("0.5", "1/2"), grade("Blue.", "blue"), grade("12 cm", "12"), grade("25%", "0.25"), grade(None, "5")
    (True, True, True, False, False)
    """
    return grade_answer(answer, reference, grader, symbolic) or (
        grader == "mathruler" and grade_answer(reference, answer, grader)
    )


def grade_answer(answer: str | None, reference: str | None, grader: str = "builtin", symbolic: bool = False) -> bool:
    """`grade` in one direction only: differs where mathruler is not symmetric (method.md §2.0, Solver accuracy)."""
    if answer is None or reference is None or not answer.strip() or not reference.strip():
        return False
    if grader == "builtin":
        return equal(read(answer), read(reference)) or (symbolic and _symbolic(answer, reference))
    if grader == "mathruler":
        return children.equal("mathruler", answer.strip(), reference.strip())
    raise ValueError(f"grading.grader is {grader!r}; choose builtin or mathruler")


def _symbolic(a: str, b: str) -> bool:
    """math-verify on the ordered pair, so that the outcome does not depend on the order of the arguments.

    Only for expressions: two plain numbers were compared exactly before, and math-verify has other rules for them
    (25% would equal 0.25); words are not mathematics.
    """
    kinds = {read(a).kind, read(b).kind}
    if (
        kinds <= {"number", "ratio", "clock", "date", "decade", "range", "tolerance"}
        or "long" in kinds
        or not (MATHEMATICS.search(a) and MATHEMATICS.search(b))
    ):
        return False
    return children.equal("math_verify", *sorted((a.strip(), b.strip())))


MATHEMATICS = re.compile(r"[\d\\^√π∞=+*{}]")


def check_grader(grader: str = "builtin", symbolic: bool = False) -> None:
    """Start what the configuration needs, so that a missing package is an error before the first reward.

    Raises:
        GraderUnavailable: names the setting and the remedy.
    """
    if grader == "mathruler" and not children.child("mathruler").equal("1", "1"):
        raise GraderUnavailable("grading.grader=mathruler: the child process does not answer; see the log")
    if symbolic and not children.child("math_verify").equal("1", "1"):
        raise GraderUnavailable("grading.symbolic=true: the child process does not answer; see the log")


def relaxed_equal(answer: str | None, reference: str | None, tolerance: float = 0.05) -> bool:
    """Evaluation only: numbers within `tolerance` of the reference (a share of it), else `grade`.

    Not an equality: 2010 "equals" 2100 and it is not transitive. A reference of 0 must be met exactly.
    """
    if answer is None or reference is None:
        return False
    a, b = read(answer), read(reference)
    if a.kind == b.kind == "number" and compatible(a.unit, b.unit):
        return abs(Fraction(a.core) - Fraction(b.core)) <= Fraction(str(tolerance)) * abs(Fraction(b.core))
    return grade(answer, reference)


@lru_cache(maxsize=1 << 15)
def _read_cached(answer: str) -> Answer:
    return read_answer(answer)


def read(answer: str) -> Answer:
    return _read_cached(answer) if len(answer) <= CACHED_CHARS else read_answer(answer)
