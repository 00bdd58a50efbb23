"""Grading: a table of stated rules, hostile input, and the relaxed comparison that only evaluation uses."""

import pytest

from mmzero_rewards.answers.grading import canonical, grade, relaxed_equal
from tests.support.hostile_answers import hostile_pairs

EQUAL = [
    ("5", "5.0"),
    ("1/2", "0.5"),
    ("2/4", "1/2"),
    ("\\frac{1}{2}", "1/2"),
    ("\\frac12", "0.5"),
    ("1 1/2", "1.5"),
    ("½", "0.5"),
    ("1½", "3/2"),
    ("1,000", "1000"),
    ("1 000 000", "1000000"),
    ("1,234,567.50", "1234567.5"),
    ("１２", "12"),  # full-width digits
    ("٣", "3"),  # Arabic-Indic digit
    ("−5", "-5"),  # Unicode minus
    ("+5", "5"),
    ("-0", "0"),
    ("1e3", "1000"),
    ("10^3", "1000"),
    ("1.5\\times 10^{3}", "1500"),
    ("5k", "5000"),
    ("5 M", "5 million"),
    ("$5 million", "5,000,000"),
    ("$1,000", "1000"),
    ("three", "3"),
    ("x=3", "3"),
    ("$x = 3$", "3"),
    ("50%", "50"),  # a unit may be missing
    ("50 %", "50 percent"),
    ("50\\%", "50 pct"),
    ("12 cm", "12"),
    ("12 cm", "12 centimetres"),
    ("24 degrees", "24°"),
    ("90^\\circ", "90"),
    ("12.0 km/h", "12 km per hour"),
    ("100 m²", "100 m^2"),
    ("5 bars", "5"),
    ("4:2", "2:1"),
    ("10:20", "1:2"),  # 1:2 cannot be a clock time
    ("(A)", "A"),
    ("a)", "A."),
    ("A. blue", "A"),
    ("A. blue", "blue"),
    ("option B", "b"),
    ("Paris", "paris"),
    ("blue", "Blue."),
    ("the red triangle", "red triangle"),
    ("the color blue", "blue"),
    ("grey", "gray"),
    ("light-blue", "light blue"),
    ("North East", "northeast"),
    ("Q 1", "Q1"),
    ("U.S.", "US"),
    ("'blue'", "blue"),
    ("\\text{blue}", "blue"),
    ("yes", "Yes, it is."),
    ("No, it isn't", "no"),
    ("A and B", "A, B"),
    ("1.0, 2", "1,2"),
    ("(1, 2)", "1, 2"),
    ("{1,2}", "{2,1}"),
    ("\\{2, 1\\}", "{1,2}"),
    ("The answer is 5.", "5"),
    ("12:30", "12:30 pm"),  # half of the day may be missing
    ("9:05 a.m.", "09:05 AM"),
    ("¥100", "100 yen"),
    ("20 km/h", "20 kph"),
    ("St. Louis", "st louis"),
    ("**blue**", "blue"),
    ("3\\sqrt{2}", "3√2"),
    ("the", "the"),
    (".", "."),
]
DIFFERENT = [
    ("1/3", "0.333"),  # no tolerance
    ("12.04", "12"),
    ("2010", "2100"),
    ("5", "-5"),
    ("50%", "0.5"),  # percent is a unit, not a factor
    ("12 cm", "12 m"),
    ("€5", "$5"),
    ("5 apples", "5 pears"),
    ("x=3", "y=3"),
    ("2:1", "2/1"),
    ("2:1", "2"),
    ("3:45", "1:15"),  # two times of day
    ("12:30", "12.5"),
    ("9:05 am", "9:05 pm"),
    ("2:10 pm", "13:65"),
    ("5 or 6", "5"),
    ("5 million", "5"),
    ("5 M", "5 m"),
    ("5!", "5"),  # a factorial
    ("5 May", "5"),
    ("300 K", "300k"),
    (">5", "5"),
    ("5+", "5"),
    ("40-50", "40"),
    ("2 to 1", "2"),
    ("3 more", "3"),
    ("5²", "52"),
    ("1½", "11/2"),
    ("1 2", "12"),
    ("12,34", "1234"),
    ("2,1", "1,2"),
    ("A. blue", "B. blue"),
    ("A. Smith", "A. Jones"),
    ("light blue", "blue"),
    ("A and B", "B"),
    ("yes", "no"),
    ("no entry", "no"),
    ("no", "not"),
    ("2^10", "1024"),  # powers other than of ten are text
    ("", ""),
    (" ", " "),
    (None, "5"),
    ("5", None),
    (None, None),
]


@pytest.mark.parametrize("a, b", EQUAL)
def test_equal(a, b):
    assert grade(a, b) and grade(b, a), (canonical(a), canonical(b))


@pytest.mark.parametrize("a, b", DIFFERENT)
def test_different(a, b):
    assert not grade(a, b) and not grade(b, a)


@pytest.mark.parametrize(
    "raw, key",
    [
        ("A.", "a"),  # option letter with a stop
        ("the red triangle", "red triangle"),
        ("50%", "50 percent"),  # percent is a unit, not a factor of 100
        ("12.50", "25/2"),  # exact value
        ("The Answer: 12.", "12"),
        ("b) blue", "b) blue"),
    ],
)
def test_canonical(raw, key):
    assert canonical(raw) == key


def test_hostile_pairs_are_symmetric_and_reflexive():
    pairs = hostile_pairs()
    assert len(pairs) >= 200
    for a, b in pairs:
        equal = grade(a, b)
        assert equal == grade(b, a), (a[:60], b[:60])
        assert equal or a != b or not a.strip(), a[:60]


def test_hostile_texts_do_not_equal_plain_answers():
    wrong = [(a[:40], b) for a, b in hostile_pairs() if b in ("2.5", "blue", "1/2") and grade(a, b)]
    assert wrong == []


def test_model_text_is_never_evaluated(tmp_path):
    planted = tmp_path / "planted"
    for text in (f"open('{planted}','w')", f"__import__('pathlib').Path('{planted}').touch()"):
        assert not grade(text, "5") and not grade("5", text)
    assert not planted.exists()


def test_unknown_grader():
    with pytest.raises(ValueError, match="choose builtin or mathruler"):
        grade("1", "1", grader="sympy")


@pytest.mark.parametrize(
    "a, b, expected",
    [
        ("2010", "2100", True),  # why it never decides a reward
        ("20", "21", True),
        ("21", "20", True),
        ("22", "20", False),
        ("0.01", "0", False),  # a reference of 0 must be met exactly
        ("0.0", "0", True),
        ("blue", "Blue", True),
        ("blue", "red", False),
        (None, "5", False),
    ],
)
def test_relaxed_is_for_evaluation(a, b, expected):
    assert relaxed_equal(a, b) is expected
