"""Spellings of one answer are one answer, and never another one: made-up answers of every kind, in every way to write.

A table shows single cases (test_grading.py); here the whole kind is tried: each generator of tests/support/spellings.py
gives the ways in which an answer of its kind is written, all of them must be equal to each other and different from
those of another value.
"""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mmzero_rewards.answers.grading import canonical, grade
from tests.support.spellings import (
    amount,
    bound,
    choice,
    clock,
    composed,
    date,
    fraction,
    indexed,
    interval,
    micro,
    money,
    outside,
    point,
    roots,
    scientific,
    span,
    tolerance,
    whole_number,
)

EXAMPLES = settings(max_examples=40, deadline=None)
SMALL = st.integers(2, 99)
INDEX = st.sampled_from(["n", "1", "12", "n+1", "2y", "ij", "max"])
KINDS = {
    "whole number": st.builds(whole_number, st.integers(1, 9_999_999)),
    "scientific": st.builds(scientific, st.integers(11, 99), st.integers(-9, 12).filter(bool)),
    "fraction": st.builds(fraction, st.integers(1, 99), st.integers(2, 99)),
    "choice": st.builds(choice, st.sampled_from("ABCDEFGH")),
    "point": st.builds(point, st.integers(-9, 99), st.integers(-999, 999)),
    "interval": st.builds(
        interval, st.integers(-99, 0), st.integers(1, 999), st.sampled_from("(["), st.sampled_from(")]")
    ),
    "clock": st.builds(clock, st.integers(0, 23), st.integers(0, 59)),
    "date": st.builds(date, st.integers(1000, 2999), st.integers(1, 12), st.integers(1, 28)),
    "money": st.builds(money, st.integers(1, 99_999), st.integers(1, 99)),
    "metres": st.builds(amount, st.integers(2, 99_999), st.just("km"), st.just("kilometer")),
    "power": st.builds(amount, st.integers(2, 99_999), st.just("GW"), st.just("gigawatt")),
    "bound": st.builds(bound, st.sampled_from("xyn"), st.integers(0, 3), SMALL),
    "range": st.builds(span, st.integers(1, 500), st.integers(501, 2_000)),
    "tolerance": st.builds(tolerance, st.integers(50, 999), SMALL.filter(lambda n: n < 50)),
    "roots": st.builds(roots, st.integers(-99, -1), st.integers(1, 99)),
    "outside": st.builds(outside, st.integers(-99, 0), st.integers(1, 99)),
    "composed": st.builds(
        composed, SMALL, st.sampled_from(["kg", "mol", "J", "W", "km"]), st.sampled_from(["s", "L", "K", "h", "kg"])
    ).filter(lambda spelled: "kg/kg" not in spelled[0]),
    "indexed": st.builds(indexed, st.sampled_from("axKV"), INDEX, st.sampled_from(["2", "n", "2x", "n+1", "-1"])),
    "micro": st.builds(micro, SMALL, st.sampled_from(["m", "s", "A", "F", "V", "C"])),
}
ONE_KEY = set(KINDS) - {"money", "metres", "power", "clock", "bound", "fraction", "interval", "roots", "outside"}
"""Kinds whose spellings leave nothing out (no unit, half of the day or name), so that their keys are one."""


COMPLETE = {
    "clock": lambda text: "m" in text.lower(),
    "roots": lambda text: text[0] == "x",
    "outside": lambda text: text[0] == "x",
    "bound": lambda text: text[0] in "xyn" and text[1] in " <>≥≤＞＜",
}
"""Which spellings leave nothing out, where others do: 12:00 is noon and midnight, "at least 2" may be x and y."""


@pytest.mark.parametrize("kind", KINDS)
def test_spellings_are_one_answer(kind):
    @EXAMPLES
    @given(KINDS[kind], st.data())
    def check(spelled, data):
        one = data.draw(st.sampled_from(spelled))
        unequal = [other for other in spelled if not (grade(one, other) and grade(other, one))]
        assert not unequal, (one, unequal)
        assert kind not in ONE_KEY or len({canonical(text) for text in spelled}) == 1

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_spellings_of_other_values_are_not_equal(kind):
    @EXAMPLES
    @given(KINDS[kind], KINDS[kind])
    def check(spelled, others):
        assume(spelled[0] != others[0] and not grade(spelled[0], others[0]))
        whole = COMPLETE.get(kind, bool)
        equal = [(a, b) for a in filter(whole, spelled) for b in filter(whole, others) if grade(a, b)]
        assert not equal, equal[:3]

    check()


NUMBERS = {"whole number", "scientific", "fraction", "money", "metres", "power", "micro", "composed"}
"""Kinds that may be equal: a unit may be missing on one side."""


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_not_mixed_up(kind):
    """A point is no range, a price no time."""
    others = [name for name in KINDS if name != kind and not {name, kind} <= NUMBERS]

    @settings(max_examples=12, deadline=None)
    @given(KINDS[kind], st.sampled_from(others).flatmap(KINDS.get))
    def check(spelled, others):
        equal = [(a, b) for a in spelled for b in others if grade(a, b)]
        assert not equal, equal[:3]

    check()
