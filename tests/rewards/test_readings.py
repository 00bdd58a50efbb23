"""Readings by kind, each beside its nearest neighbour that must stay apart; constants are tried as a whole kind."""

import re
from fractions import Fraction
from math import isclose, pi, sqrt

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mmzero_rewards.answers import reading
from mmzero_rewards.answers.grading import canonical, grade
from mmzero_rewards.answers.spelling.markup import one_line, without_tags
from mmzero_rewards.answers.values.constants import MAX_RADICAND, read_constant
from mmzero_rewards.answers.values.periods import full_years, read_period
from mmzero_rewards.answers.values.units import is_known, read_unit

READINGS = {
    "constants by value": [
        ("\\sqrt{12}", "2\\sqrt{3}", True),
        ("pi", "\\pi", True),
        ("1 + -\\pi", "1 - \\pi", True),
        ("\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}", True),
        ("\\frac{3\\pi}{4}", "\\frac{3}{4}\\pi", True),
        ("\\frac{3\\pi}{4}", "\\frac{4\\pi}{3}", False),
        ("2+\\sqrt{3}", "\\sqrt{3}+2", True),
        ("2+\\sqrt{3}", "2-\\sqrt{3}", False),
        ("\\frac{1+\\sqrt{5}}{2}", "(1+√5)/2", True),
        ("24\\pi \\text{ cm}^2", "24\\pi", True),
        ("24\\pi \\text{ cm}^2", "24\\pi \\text{ m}^2", False),
        ("\\frac{\\pi}{4} \\text{ rad}", "π/4", True),
        ("2\\sqrt{3} \\approx 3.46", "2\\sqrt{3}", True),
        ("3.46", "2\\sqrt{3}", False),
        ("\\frac{3}{10}\\approx 0.3", "3/10", True),
        ("sqrt(4)", "2", False),  # not worked out
        ("2 4/00 \\pi", "2 \\pi", False),  # a denominator of nothing but zeros is no number
        ("\\sqrt{2} + 1 1/000", "\\sqrt{2} + 1", False),
        ("\\pi M", "\\pi m", False),  # a capital letter after a constant is no metre
        ("2\\sqrt{3} M", "2\\sqrt{3} m", False),
        ("2 pigs", "2pi", False),
        ("2 pigs", "2pi grams", False),
    ],
    "lists that are read in two steps": [
        ("1,2 and. 3", "1; 2; 3", True),
        ("red, blue and. green", "red, blue, green", True),
        ("1,2 and. 3", "1, 2", False),
    ],
    "thousands beside other separators": [
        ("(1,000, 2,000)", "(1000, 2000)", True),
        ("[2, 1,000]", "[2, 1000]", True),
        ("(1,000)", "1000", False),
        ("0,250", "250", False),
        ("5,50 €", "€5.50", True),  # a price tells a decimal comma
        ("5,50", "5.50", False),
    ],
    "parts of a whole": [
        ("7 out of 10 students", "7/10", True),
        ("7 out of 10", "7", False),
        ("one in four", "1/4", True),
        ("3 over 4", "0.75", True),
        ("{3 \\over 4}", "\\frac{3}{4}", True),
        ("2/3rds", "2/3", True),
        ("two point five", "2.5", True),
        ("point five", "0.5", True),
        ("point five", "5", False),
    ],
    "said twice": [
        ("twelve (12)", "12", True),
        ("twelve (13)", "12", False),
        ("1,000 or 2,000", "2000 or 1000", True),
        ("1,000 or 2,000", "0, 1, 2", False),
        ("P(A)", "A", False),
        ("sin(A)", "A", False),
        ("3/4 or 0.75", "0.75", True),
        ("0.5 (50%)", "1/2", True),
        ("0.5 (40%)", "0.5", False),
        ("12 cm (B)", "B", True),
        ("B (12 cm)", "12 cm", True),
        ("B (12 cm)", "C", False),
    ],
    "frames": [
        ("the result is 12", "12", True),
        ("Total: 12", "12", True),
        ("Width: 5 cm", "5 cm", True),
        ("length of AB = 5", "5", True),
        ("length of AB = 5", "length of BC = 5", False),
        ("Width: 5 cm", "height = 5 cm", False),
        ("probably 12", "12", True),
        ("Therefore, the answer is 12", "12", True),
        ("$36 in total", "$36", True),
        ("5 years old", "5 years", True),
        ("12 cm tall", "12 cm", True),
        ("12.3 (rounded to one decimal place)", "12.3", True),
        ("5 + 7 = 12", "12", True),
        ("x = 3 + 4 = 7", "7", True),
        ("a = 1/2, b = 3/4", "a = 3/4", False),
        ("a = 1/2, b = 3/4", "b = 0.75, a = 0.5", True),
        ("answer -5", "5", False),
        ("2x + 3 = 11", "11", False),  # an equation with an unknown is not worked out
        ("≠ 5", "5", False),
        ("≠ blue", "blue", False),
    ],
    "choices": [
        ("(B) and (C)", "B and C", True),
        ("(B) and (C)", "B", False),
        ("Option (B): 12", "B", True),
        ("B - blue", "blue", True),
        ("I choose B", "B", True),
        ("B。", "B", True),
        ("letter B", "B", True),
        ("A only", "A", True),
    ],
    "degrees": [
        ("45^{o}", "45°", True),
        ("45\\textdegree", "45°", True),
        ("a 45° angle", "45", True),
        ("The angle measures 60°", "60°", True),
        ("30°15'", "30 degrees 15 minutes", True),
        ("30°15'", "30°16'", False),
        ("m \\angle ABC = 50^\\circ", "∠ABC = 50°", True),
        ("90° clockwise", "90 degrees clockwise", True),
        ("90° clockwise", "90° counterclockwise", False),
    ],
    "ranges and bounds": [
        ("9 a.m. to 5 p.m.", "9:00-17:00", True),
        ("9 a.m. to 5 p.m.", "9:00-18:00", False),
        ("10 through 20", "10-20", True),
        ("10~20", "10 to 20", True),
        ("10≈20", "10 to 20", False),
        ("1~200", "1200", True),  # LaTeX's blank
        ("ages 18 to 24", "18-24 years old", True),
        ("Jan-Mar", "January to March", True),
        ("2019-20", "2019 to 2020", True),
        ("2010-11", "2010 to 2011", False),  # may be November
        ("(-inf, 3)", "x < 3", True),
        ("75+", "75 and older", True),
        ("75+", "older than 75", False),
        ("younger than 18", "under 18", True),
    ],
    "solutions": [
        ("x = 1 or x = 2", "1, 2", True),
        ("x = \\pm 2", "x = -2 or x = 2", True),
        ("\\pm 2", "2", False),
        ("12 ± 1", "11 or 13", False),  # a tolerance
        ("7 or 8", "8 or 7", True),
        ("7 or 8", "7", False),
        ("\\{x \\mid x > 1\\}", "x > 1", True),
        ("{x : 1 < x < 3}", "(1, 3)", True),
        ("all real numbers", "(-∞, ∞)", True),
        ("x = 4, y = 3", "y = 3, x = 4", True),
        ("x = 4, y = 3", "x = 3, y = 4", False),
    ],
    "dates": [
        ("Q1 2020", "first quarter of 2020", True),
        ("1Q20", "2020 Q1", True),
        ("Q1", "Q2", False),
        ("H1 2020", "first half of 2020", True),
        ("Jan", "January", True),
        ("in October", "Oct.", True),
        ("Jan", "June", False),
        ("Monday, March 1, 2021", "March 1, 2021", True),
        ("'90s", "1990s", True),
        ("March '20", "March 2020", True),
        ("500 BC", "500 BCE", True),
        ("500 BC", "500", False),
    ],
    "times": [
        ("10.30 am", "10:30 AM", True),
        ("10{:}30", "10:30", True),
        ("ten thirty", "10:30", True),
        ("ten to nine", "8:50", True),
        ("five to ten", "9:55", False),  # rises: a range
        ("3:30 in the afternoon", "15:30", True),
        ("3:30 in the afternoon", "3:30 am", False),
        ("0930 hours", "9:30", True),
        ("an hour and a half", "1.5 hours", True),
    ],
    "mark-up": [
        ("&lt; 5", "< 5", True),
        ("5&nbsp;cm", "5 cm", True),
        ("<b>blue</b>", "blue", True),
        ("x<sup>2</sup>", "x^2", True),
        ("- red\n- blue", "red, blue", True),
        ("\\text {blue}", "blue", True),
        ("\\text{The answer is }\\boxed{42}", "42", True),
        ("AB \\parallel CD", "AB ∥ CD", True),
        ("\\triangle{ABC}", "△ABC", True),
        ("AB \\perp CD", "AB ∥ CD", False),
        ("\\triangle ABC \\cong \\triangle DEF", "△ABC ≅ △DEF", True),
        ("\\triangle ABC \\sim \\triangle DEF", "△ABC ≅ △DEF", False),
    ],
    "units": [
        ("3e8 m s^{-1}", "3e8 m/s", True),
        ("5 kg m^{-3}", "5 kg/m³", True),
        ("5 N·m", "5 Nm", True),
        ("5 Nm", "5 nm", False),
        ("5 m2", "5 m²", True),
        ("5 m2", "5 m³", False),
        ("5 m/s/s", "5 m/s²", True),
        ("5 mi/h", "5 mph", True),
        ("5 kilowatt hours", "5 kWh", True),
        ("5 gal", "5 gallons", True),
        ("US $5", "$5", True),
        ("HK$5", "$5", False),
        ("5 times", "5", True),
        ("12 per year", "12/year", True),
        ("12 per year", "12 per month", False),
        ("3/m", "3", False),
        ("12-minute", "12 minutes", True),
        ("12-year-old", "12 years old", True),
        ("3m dollars", "$3 million", True),
        ("3 m", "3 million", False),
        ("5 cm x 3 cm", "5 cm × 3 cm", True),
        ("12 [cm]", "12 cm", True),
    ],
    "words": [
        ("Yes, because the bar is longer", "yes", True),
        ("Yes, no", "yes", False),
        ("No and the bar is shorter", "no", True),
        ("No. 5", "no", False),
        ("No. of cars", "no", False),
        ("São Paulo", "Sao Paulo", True),
        ("COVID-19", "COVID 19", True),
        ("5th place", "fifth", True),
        ("twice", "2 times", True),
        ("It increases.", "increases", True),
        ("one and three-quarters", "1.75", True),
        ("4.5 × 10−2", "0.045", True),
        ("5 times 10 to the power of 3", "5000", True),
    ],
}
CASES = [(kind, *case) for kind, cases in READINGS.items() for case in cases]


@pytest.mark.parametrize("kind, a, b, expected", CASES)
def test_reading(kind, a, b, expected):
    assert grade(a, b) is expected and grade(b, a) is expected, (canonical(a), canonical(b))


@pytest.mark.parametrize("text", sorted({text for _, a, b, _ in CASES for text in (a, b)}))
def test_keys_read_as_themselves(text):
    key = canonical(text)
    assert canonical(key) == key and grade(key, text)


SMALL = st.integers(1, 60)
TERM = st.tuples(st.integers(-60, 60).filter(bool), st.integers(1, 30), SMALL, st.integers(0, 2))
"""(above, below, radicand, power of pi)."""


def spelled(term) -> tuple[str, float]:
    above, below, radicand, power = term
    text = f"\\frac{{{above}\\sqrt{{{radicand}}}}}{{{below}}}" + ("" if not power else f"\\pi^{{{power}}}")
    return text, above / below * sqrt(radicand) * pi**power


SIGNED_TERM = re.compile(r"([+-]?)((?:\([^()]*\)|[^+\-()])+)")
FACTOR = re.compile(r"(\d+)|sqrt\((\d+)\)|pi(?:\^(\d))?")


def float_of(core: str) -> float:
    """Value of a normal form, by another way than the reader's: its signed terms, factor by factor."""
    total = 0.0
    for sign, term in SIGNED_TERM.findall(core):
        above, _, below = term.partition("/")
        value = 1.0
        for number, radicand, power in FACTOR.findall(above):
            value *= int(number) if number else sqrt(int(radicand)) if radicand else pi ** int(power or 1)
        total += (-1 if sign == "-" else 1) * value / int(below or 1)
    return total


@settings(max_examples=300, deadline=None)
@given(st.lists(TERM, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_a_constant_keeps_its_value_in_any_order(terms, shuffler):
    texts = [spelled(term) for term in terms]
    total = " + ".join(text for text, _ in texts)
    read = canonical(total)
    shuffler.shuffle(texts)
    again = canonical(" + ".join(text for text, _ in texts))
    if constant := read_constant(read):  # not where the roots and pi went away
        assert read == constant.core == again
        value = float_of(constant.core)
        assert isclose(value, sum(value for _, value in texts), rel_tol=1e-6, abs_tol=1e-6)


@settings(max_examples=200, deadline=None)
@given(TERM, TERM)
def test_constants_of_different_value_differ(one, other):
    (a, x), (b, y) = spelled(one), spelled(other)
    assume(not isclose(x, y, rel_tol=1e-9))
    assert not grade(a, b)


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 40), st.integers(1, 40), st.integers(1, 40))
def test_factors_move_in_and_out_of_roots(outside, above, below):
    value = Fraction(above, below)
    assume(read_constant(f"sqrt({value.numerator * value.denominator})"))
    assume(outside**2 * value.numerator * value.denominator <= MAX_RADICAND)
    assert grade(f"{outside}\\sqrt{{\\frac{{{above}}}{{{below}}}}}", f"\\sqrt{{{outside**2 * value}}}")


@pytest.mark.parametrize(
    "text", ["sqrt(" * 50, "pi" * 30, "((((((((pi))))))))", "9" * 70 + "pi", "1/0pi", "pi^99", "3(pi"]
)
def test_what_is_no_constant(text):
    assert read_constant(text) is None


@pytest.mark.parametrize(
    "text, period",
    [
        ("q1", "q1"),
        ("2020 q1", "q1 2020"),
        ("q1'20", "q1 2020"),
        ("quarter 3", "q3"),
        ("q5", ""),
        ("h2", ""),
        ("q12", ""),
    ],
)
def test_periods(text, period):
    assert read_period(text) == period


def test_years_rise():
    assert full_years("2019-20") == "2019 to 2020"
    assert [full_years(text) for text in ("2019-18", "2010-11", "1200-30", "2019-2020")] == [""] * 4


def test_units_are_known_or_nouns():
    assert is_known(read_unit(" kg m^-3")) and is_known("") and not is_known(read_unit(" red bars"))


def test_only_lists_of_bullets_become_one_line():
    assert one_line("1. red\n2) blue") == "red, blue"
    assert one_line("- red\nblue") == "- red\nblue" and one_line("- red") == "- red"
    assert without_tags("a < b > c & d") == "a < b > c & d"


@pytest.mark.parametrize(
    "piece",
    [
        "so a: ",
        "on x: ",
        "item x: ",
        "maybe x is ",
        "x or ",
        "a (b) ",
        "1 ~ ",
        "the x is ",
        "± ",
        "i think ",
        "x = ",
        "5-",
        "no, ",
    ],
)
def test_repeated_frames_take_no_more_than_linear_work(piece):
    calls = 0

    def counted(text, nested):
        nonlocal calls
        calls += 1
        return value(text, nested)

    value, reading._value = reading._value, counted
    try:
        canonical(piece * (98 // len(piece)) + "z")
    finally:
        reading._value = value
    assert calls < 400
