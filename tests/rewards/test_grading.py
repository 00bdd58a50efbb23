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
    ("the blue one", "blue"),
    ("It is the dark blue one.", "dark blue"),
    ("the red ones", "red"),
    ("The first one", "1st"),
    ("the only one", "1"),
    ("the hundred and one", "101"),
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
    ("1{,}250", "1250"),
    ("11,\\!111,\\!111", "11111111"),
    ("1.5\\times10^3", "1500"),
    ("2\\cdot10^5", "200000"),
    ("10⁻³", "0.001"),
    ("Option 2", "2"),
    ("(5,120)", "(5, 120)"),
    ("\\frac{1}2", "0.5"),
    ("\\frac{1}{-2}", "-0.5"),
    ("x ≥ 5", "x \\geq 5"),
    ("x ≥ 5", "x >= 5"),
    ("≈12", "12"),
    ("about 12", "12"),
    ("the 1990s", "1990s"),
    ("5 PM", "5:00 PM"),
    ("12~\\mathrm{cm}", "12 cm"),
    ("\\textbf{\\text{Blue}}", "blue"),
    ("120 GW", "120"),
    ("x-y", "x - y"),
    ("thirty", "30"),
    ("\\alpha", "α"),
    ("\\text{CO}_2", "CO2"),
    ("five apples", "5"),
    ("5 M", "5000000"),
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
    ("(5,120)", "5120"),
    ("1990s", "1990"),
    ("2 fifths", "2"),
    ("5G", "5"),
    ("x-y", "xy"),
    ("", ""),
    (" ", " "),
    (None, "5"),
    ("5", None),
    (None, None),
]


CHOSEN = [  # where two readings are fair, docs/answers.md states ours
    ("12,5", "12, 5", True),  # a list of two
    ("12,5", "12.5", False),  # no decimal comma where no thousands are set apart
    ("1.234,5", "1234.5", True),
    ("1.250", "1.25", True),  # a decimal point
    ("1.250", "1250", False),
    ("1.250.000", "1250000", True),
    ("0.5", "50%", False),  # percent is a unit
    ("50", "50%", True),
    ("100 cm", "1 m", False),  # no conversion
    ("50 cents", "$0.50", False),
    ("(5,120)", "5,120", False),  # brackets make a point
    ("5,120", "5120", True),
    ("(1, 3)", "[1, 3]", False),  # a point or an open interval is no closed one
    ("1, 3", "(1, 3)", True),  # brackets may be missing
    ("1, 3", "[1, 3]", True),
    ("1, 3", "[1, 3)", False),
    ("{1, 3}", "3, 1", True),  # braces may be missing too
    ("{1, 3}", "(1, 3)", False),
    ("{1, 1, 3}", "{1, 3}", True),
    ("red and blue", "blue and red", False),  # a list is in order
    ("3:45", "3:45 pm", True),  # the half of the day may be missing
    ("3:45", "15:45", False),  # both of the 24-hour clock
    ("05/06/2024", "5 June 2024", False),  # day or month: text
    ("25/06/2024", "25 June 2024", True),
    ("05-1999", "May 1999", True),
    ("10-1999", "10 to 1999", True),  # October or a range: a range, as with every other number before the dash
    ("10-1999", "October 1999", False),
    ("10-20", "10 to 20", True),  # rising: a range
    ("20-10", "10", False),
    ("20-10", "20 to 10", False),  # falling: no range
    ("5G", "5g", False),  # a name is no 5 grams, also without case
    ("10-20", "[10, 20]", False),
    ("at least 5", "x >= 5", True),  # the variable may be missing
    ("x >= 5", "y >= 5", False),
    ("30°", "30 °C", True),  # a degree may be of temperature
    ("30 °C", "30 °F", False),
    ("half", "0.5", True),
    ("a third", "1/3", True),
    ("third", "3rd", True),
    ("IV", "4", False),  # Roman numerals are text
    ("5 k", "5000", True),
    ("5 K", "5000", False),  # kelvin
    ("3 B", "3 billion", True),
    ("$5m", "$5 million", True),
    ("5 m", "5 million", False),
    ("5 red bars", "5", True),  # a counting noun
    ("5 more bars", "5", False),
    ("dogs", "dog", True),
    ("glass", "glas", False),
    ("Room 5", "5", False),  # only labels of choices are dropped
    ("option 5", "5", True),
    ("x^2+1", "1+x^2", False),  # no algebra
    ("sqrt(4)", "2", False),
    ("Monday", "Mon", False),
]


@pytest.mark.parametrize("a, b, expected", CHOSEN)
def test_where_two_readings_are_fair(a, b, expected):
    assert grade(a, b) is expected and grade(b, a) is expected, (canonical(a), canonical(b))


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
        ("$5 per hour", "5 usd/h"),
        ("x = 3 cm", "x = 3 cm"),
        ("5 PM", "5:00 pm"),
        ("5th of May 2024", "5 may 2024"),
        ("10–20 cm", "10 to 20 cm"),
        ("5 ≤ x", "x >= 5"),
        ("4:2", "ratio 2:1"),
        ("[1, 3)", "[1, 3)"),
        ("{2, 1, 2}", "{1, 2}"),
        ("x - y", "x-y"),
        ("5 G", "5 G"),  # in lower case it would be the key of 5 grams
    ],
)
def test_canonical(raw, key):
    assert canonical(raw) == key
    assert canonical(key) == key  # a key reads as itself


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


@pytest.mark.parametrize("letter", "ABCDE")
def test_an_options_letter_is_no_hedge(letter):
    assert grade(f"{letter}. 60", letter) and grade(f"{letter}. 60", "60")
    assert grade("c. 1850", "1850") and not grade("c. 1850", "C")


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
        ("-95", "-100", True),
        ("95", "-100", False),
        ("1,040", "1000", True),
        ("50%", "52", True),  # a unit may be missing
        ("12 cm", "12 m", False),  # and not differ
        ("blue", "Blue", True),
        ("blue", "red", False),
        (None, "5", False),
    ],
)
def test_relaxed_is_for_evaluation(a, b, expected):
    assert relaxed_equal(a, b) is expected
