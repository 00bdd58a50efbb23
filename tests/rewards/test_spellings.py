"""Spellings of one answer are one answer, and never another one: made-up answers of every kind, in every way to write.

A table shows single cases (test_grading.py); here the whole kind is tried: each generator below gives the ways in which
an answer of its kind is written, all of them must be equal to each other and different from those of another value.
"""

from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mmzero_rewards.answers.grading import canonical, grade

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
MONTHS = "January February March April May June July August September October November December"
EXAMPLES = settings(max_examples=40, deadline=None)


def in_words(n: int) -> str:
    ones, tens = ONES.split(), TENS.split()
    if n < 20:
        return ones[n]
    if n < 100:
        return tens[n // 10 - 2] + (f"-{ones[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{ones[n // 100]} hundred" + (f" and {in_words(n % 100)}" if n % 100 else "")
    return f"{in_words(n // 1000)} thousand" + (f" {in_words(n % 1000)}" if n % 1000 else "")


def hedged(text: str) -> list[str]:
    return [f"about {text}", f"≈{text}", f"~ {text}", f"\\approx {text}", f"approximately {text}", f"{text} approx."]


def wrapped(text: str) -> list[str]:
    return [
        f"${text}$",
        f"\\text{{{text}}}",
        f"\\textbf{{\\text{{{text}}}}}",
        f"\\boxed{{{text}}}",
        f"**{text}**",
        f"The answer is {text}.",
        f"\\({text}\\)",
        f'"{text}"',
    ]


def whole_number(n: int) -> list[str]:
    grouped = f"{n:,}"
    spelled = [
        str(n),
        grouped,
        grouped.replace(",", "{,}"),
        grouped.replace(",", "\\,"),
        grouped.replace(",", " "),
        grouped.replace(",", ",\\!"),
        grouped.replace(",", "'"),
        f"{n}.0",
        f"+{n}",
        f"{n}/1",
        f"{n}e0",
        f"{n}\\times10^0",
        f"\\frac{{{2 * n}}}{{2}}",
        f"\\left({n}\\right)",
        *hedged(str(n)),
        *wrapped(grouped),
        f"option {n}",
        f"#{n}",
    ]
    return [*spelled, *([in_words(n), in_words(n).replace("-", " "), in_words(n).title()] if n < 100_000 else [])]


def scientific(mantissa: int, exponent: int) -> list[str]:
    m = f"{mantissa / 10:g}"
    raised = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return [
        f"{m}\\times10^{{{exponent}}}",
        f"{m} \\times 10^{{{exponent}}}",
        f"{m}\\cdot10^{{{exponent}}}",
        f"{m}e{exponent}",
        f"{m}E{exponent}",
        f"{m}×10{raised}",
        f"{m} · 10^{exponent}",
        f"{m} x 10^{exponent}",
        f"${m} \\cdot 10^{{{exponent}}}$",
        f"{m}*10**{exponent}",
        str(Fraction(m) * Fraction(10) ** exponent),
    ]


def fraction(above: int, below: int) -> list[str]:
    value = Fraction(above, below)
    spelled = [
        f"{above}/{below}",
        f"\\frac{{{above}}}{{{below}}}",
        f"\\dfrac{{{above}}}{{{below}}}",
        f"\\tfrac{{{-above}}}{{{-below}}}",
        f"-\\frac{{{-above}}}{{{below}}}",
        f"{above} / {below}",
        f"\\frac{{{above}}}{{{below}}} cm",
        f"${above}⁄{below}$",
        str(value),
    ]
    if 0 < above < 10 and 1 < below < 10:
        spelled += [f"\\frac{above}{below}", f"\\frac{{{above}}}{below}", f"\\frac{above}{{{below}}}"]
    if above > below > 1 and above % below:
        spelled += [
            f"{above // below} {above % below}/{below}",
            f"{above // below}\\frac{{{above % below}}}{{{below}}}",
        ]
    return spelled


def choice(letter: str) -> list[str]:
    return [
        letter,
        f"({letter})",
        f"{letter}.",
        f"{letter})",
        f"[{letter}]",
        letter.lower(),
        f"Answer: {letter}",
        f"Option {letter}",
        f"option ({letter})",
        f"choice {letter}.",
        f"\\text{{({letter})}}",
        f"\\mathrm{{{letter}}}",
        f"The correct answer is ({letter})",
        f"The correct option is {letter}",
        f"\\textbf{{{letter}}}",
    ]


def point(x: int, y: int) -> list[str]:
    return [
        f"({x},{y})",
        f"({x}, {y})",
        f"\\left({x}, {y}\\right)",
        f"$({x},{y})$",
        f"( {x} , {y} )",
        f"({x}.0, {y})",
        f"({x};{y})",
    ]


def interval(low: int, high: int, opening: str, closing: str) -> list[str]:
    return [
        f"{opening}{low}, {high}{closing}",
        f"{opening}{low},{high}{closing}",
        f"\\left{opening}{low}, {high}\\right{closing}",
        f"x \\in {opening}{low}, {high}{closing}",
    ]


def clock(hour: int, minute: int) -> list[str]:
    half, twelve = ("PM" if hour >= 12 else "AM"), hour % 12 or 12
    spelled = [
        f"{twelve}:{minute:02} {half}",
        f"{twelve}:{minute:02}{half.lower()}",
        f"{hour}:{minute:02}",
        f"{hour:02}:{minute:02}",
        f"at {twelve}:{minute:02} {half[0].lower()}.m.",
        f"\\text{{{twelve}:{minute:02} {half}}}",
    ]
    return spelled + ([f"{twelve} {half}", f"{twelve}{half}"] if not minute else [])


def date(year: int, month: int, day: int) -> list[str]:
    name = MONTHS.split()[month - 1]
    return [
        f"{name} {day}, {year}",
        f"{day} {name} {year}",
        f"{name[:3]} {day}, {year}",
        f"{name[:3]}. {day} {year}",
        f"{year}-{month:02}-{day:02}",
        f"the {day}th of {name} {year}",
        f"on {name} {day}th, {year}",
        f"{name.upper()} {day}, {year}",
    ]


def money(units: int, cents: int) -> list[str]:
    amount = f"{units:,}.{cents:02}"
    return [
        f"${amount}",
        f"\\${amount}",
        f"{amount} dollars",
        f"USD {amount}",
        f"{amount} USD",
        f"US${amount}",
        amount,
        f"$\\${amount.replace(',', '{,}')}$",
        f"$ {amount}",
    ]


def amount(n: int, unit: str, name: str) -> list[str]:
    return [
        f"{n} {unit}",
        f"{n}\\,\\text{{{unit}}}",
        f"{n}~\\mathrm{{{unit}}}",
        f"{n}\\text{{ {unit}}}",
        f"{n} {name}",
        f"{n} {name}s",
        f"{n}\\ \\mathrm{{{unit}}}",
        f"{n:,} {unit}",
        f"{n}",
    ]


def bound(name: str, sign: int, n: int) -> list[str]:
    plain, latex, raised, words = (
        (">=", "\\geq", "≥", "at least"),
        ("<=", "\\le", "≤", "at most"),
        (">", "\\gt", "＞", "more than"),
        ("<", "\\lt", "＜", "less than"),
    )[sign]
    return [f"{name} {plain} {n}", f"{name}{plain}{n}", f"{name} {latex} {n}", f"{name} {raised} {n}", f"{words} {n}"]


def span(low: int, high: int) -> list[str]:
    return [
        f"{low}-{high}",
        f"{low}–{high}",
        f"{low} to {high}",
        f"from {low} to {high}",
        f"between {low} and {high}",
        f"{low} - {high}",
        f"\\text{{{low}–{high}}}",
    ]


SMALL = st.integers(2, 99)
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
}
ONE_KEY = set(KINDS) - {"money", "metres", "power", "clock", "bound", "fraction", "interval"}
"""Kinds whose spellings leave nothing out (no unit, half of the day or name), so that their keys are one."""


COMPLETE = {
    "clock": lambda text: "m" in text.lower(),
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


NUMBERS = {"whole number", "scientific", "fraction", "money", "metres", "power"}
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
