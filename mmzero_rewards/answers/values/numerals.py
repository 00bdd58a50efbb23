"""Numbers in short answers, exactly: integers, decimals, fractions, mixed numbers, powers of ten, ratios, units.

Everything becomes a `fractions.Fraction` of at most MAX_DIGITS digits; longer numerals are left to text comparison.
A unit is read only after a number, so "Monday" keeps its day. "2:1" is a ratio, not a quotient. Thousands may be set
apart by commas (also the Indian way), blanks, apostrophes and, from two groups on, points; "1.234,56" is the European
1234.56, "1.250" is 1.25 and "12,5" is no number but a list of two. Not covered: roots and pi (constants.py), powers
other than 10^n, arithmetic; they are text (or the symbolic step's business).
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

from mmzero_rewards.answers.values.unit_names import PREFIX_CURRENCIES
from mmzero_rewards.answers.values.units import read_unit
from mmzero_rewards.answers.values.words import in_figures

MAX_DIGITS = 60
LIMIT = 10**MAX_DIGITS


@dataclass(frozen=True)
class Numeral:
    """core: the value, or the terms of a ratio, in normal form. unit: canonical unit or currency, "" if none."""

    core: str
    unit: str = ""


GROUPED = re.compile(
    r"""(?<![\d.,])(?:
        (?P<european> \d{1,3}(?:(?:\.\d{3})+|(?:\x20\d{3})+),\d{1,2} (?![\d.,]) )   # 1.250,75
        | (?P<plain> [1-9]\d{0,2}(?:,\d{3})+ (?![\d,])      # 1,250,000
          | \d{1,2}(?:,\d\d)+,\d{3} (?![\d,])             # 12,34,567
          | \d{1,3}(?:\x20\d{3})+ (?!\d|\s*/)             # 1 250 000, but 3 125/200 is a mixed number
          | \d{1,3}(?:'\d{3})+ (?!\d)                     # 1'250'000
          | \d{1,3}(?:\.\d{3}){2,} (?![\d.,]) )           # 1.250.000
    )""",
    re.VERBOSE,
)
CENTS = re.compile(r"(?<![\d.,])(\d+),(\d\d)(?![\d.,])")  # 5,50 €: a decimal comma, where a price tells
PRICED = re.compile(r"[€$£]|\b(?:EUR|euros?)\b", re.IGNORECASE)
GROUP_MARKS = str.maketrans("", "", ",.' ")

CURRENCY = "|".join(sorted(map(re.escape, PREFIX_CURRENCIES), key=len, reverse=True))
DECIMAL = r"(?:\d+(?:\.\d*)?|\.\d+)"
TEN = r"10\s*(?:\^|\*\*)\s*[{(]?\s*"
NUMBER = re.compile(
    rf"""
    (?P<sign>[+-]?)\s*
    (?:(?:usd?\s*(?=\$))?(?P<currency>{CURRENCY})\s*)?
    (?P<inner>[+-]?)\s*
    (?:(?P<whole>\d+)\s+(?P<part>\d+)\s*/\s*(?P<parts>\d+)        # 1 1/2
      |{TEN}(?P<ten>[+-]?\d{{1,3}})(?!\d)\s*[)}}]?                # 10^-3
      |(?P<value>{DECIMAL})(?:\((?P<repeat>\d{{1,12}})\))?        # 0.1(6)
       (?:\s*/\s*(?P<below>[+-]?{DECIMAL})(?:(?:ths?|rds?|nds)(?![a-z]))?)?     # 3/4, 3/4ths
       (?P<exponent>e[+-]?\d{{1,3}}(?![0-9a-z]))?
    )
    (?:\s*[x*]\s*{TEN}(?P<power>[+-]?\d{{1,3}})(?!\d)\s*[)}}]?)?
    (?P<tail>.*)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
SIMPLE = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?")
SIGNS = frozenset("+-.$€£¥₹₩₽")
CODES = PREFIX_CURRENCIES.keys() | {"us ", "usd"}
SCALES = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 10**3,
    "lakh": 10**5,
    "million": 10**6,
    "crore": 10**7,
    "billion": 10**9,
    "trillion": 10**12,
    "mil": 10**6,
    "mn": 10**6,
    "mln": 10**6,
    "bn": 10**9,
}
SCALE_WORD = re.compile(rf"\s*({'|'.join(SCALES)})s?(?![a-z])", re.IGNORECASE)
SCALE_LETTER = re.compile(r"([kKMB]|\x20[kMB]\Z)(?![A-Za-z])")
MONEY_LETTER = re.compile(r"\s?(mm|MM|tn|[cC]r|[kKmMbBtT])(?![A-Za-z])")
MILLIONS_OF = re.compile(r"\s?m(?=\s+(?:us\s+)?(?:dollars|usd|euros?|eur|pounds|gbp|yen)\b)", re.IGNORECASE)
LETTERS = {"k": 10**3, "m": 10**6, "mm": 10**6, "b": 10**9, "t": 10**12, "tn": 10**12, "cr": 10**7}


def read_number(text: str) -> Numeral | None:
    """The whole text as one number with an optional unit, or None."""
    if SIMPLE.fullmatch(text):
        return Numeral(str(_decimal(text) if "." in text else int(text)))
    first = text[:1]
    if not (first.isdigit() or first in SIGNS or text[:3].casefold() in CODES or text[1:2] in "$s"):
        return None
    if "," in text or " " in text or "'" in text or text.count(".") > 1:
        text = GROUPED.sub(_ungrouped, text)
        if "," in text and PRICED.search(text):
            text = CENTS.sub(r"\1.\2", text, count=1)
    match = NUMBER.fullmatch(text)
    value = _value(match) if match else None
    if value is None:
        return None
    currency = PREFIX_CURRENCIES.get((match.group("currency") or "").casefold(), "")
    scale, tail = _scale(match.group("tail"), bool(currency))
    unit = read_unit(tail)
    if currency and unit != currency:
        unit = currency if unit == "" else read_unit(f" {currency}{tail}")  # $5, $5 per kg
    return None if unit is None else Numeral(str(value if scale == 1 else value * scale), unit)


def read_amount(text: str) -> Numeral | None:
    """`read_number`, also of number words: "five apples", "two thirds"."""
    number = read_number(text)
    spelled = None if number else in_figures(text)
    return read_number(spelled) if spelled else number


def _ungrouped(match: re.Match) -> str:
    if match.group("plain"):
        return match.group("plain").translate(GROUP_MARKS)
    whole, _, part = match.group("european").partition(",")
    return f"{whole.translate(GROUP_MARKS)}.{part}"


def _value(match: re.Match) -> Fraction | None:
    """Signed value of the digits, fraction and exponents; None when out of bounds or divided by zero."""
    if len(match.string) > MAX_DIGITS and sum(map(str.isdigit, match.string)) > MAX_DIGITS:
        return None
    if match.group("whole"):
        below = int(match.group("parts"))
        value = int(match.group("whole")) + Fraction(int(match.group("part")), below) if below else None
    elif match.group("ten"):
        value = _power_of_ten(match.group("ten"))
    else:
        value = _decimal(match.group("value"))
        if match.group("repeat"):
            value = _repeating(match.group("value"), match.group("repeat"))
        if match.group("below") and value is not None:
            below = _decimal(match.group("below"))
            value = value / below if below else None
    for exponent in filter(None, ((match.group("exponent") or "")[1:], match.group("power"))):
        factor = _power_of_ten(exponent)
        value = None if value is None or factor is None else value * factor
    if value is None or max(abs(value.numerator), value.denominator) >= LIMIT:
        return None
    negative = (match.group("sign") == "-") != (match.group("inner") == "-")
    return -value if negative else value


def _decimal(digits: str) -> Fraction:
    whole, _, part = digits.partition(".")
    return Fraction(int(whole + part), 10 ** len(part)) if part else Fraction(int(whole))


def _repeating(digits: str, period: str) -> Fraction | None:
    """0.1(6) is 1/6; None without a decimal point."""
    _, point, part = digits.partition(".")
    return _decimal(digits) + Fraction(int(period), 10 ** len(part) * (10 ** len(period) - 1)) if point else None


def _power_of_ten(exponent: str) -> Fraction | None:
    return Fraction(10) ** int(exponent) if abs(int(exponent)) <= MAX_DIGITS else None


def _scale(tail: str, money: bool) -> tuple[int, str]:
    """(factor, rest) of "k", "M", " million", ...; m is a metre but in "$5m", and K after a blank is a kelvin."""
    if not tail:
        return 1, tail
    word = SCALE_WORD.match(tail)
    if word and (money or word.group(1).lower() != "mn" or word.group(1) == "mn"):  # 5 mN and 5 MN are newtons
        factor, rest = _scale(tail[word.end() :], money) if tail[word.end() : word.end() + 1] == " " else (1, "")
        rest = rest if factor > 1 else tail[word.end() :]
        return SCALES[word.group(1).lower()] * factor, rest  # 5 hundred thousand
    if tail[0] in "mM" and (millions := MILLIONS_OF.match(tail)):  # 3m dollars
        return 10**6, tail[millions.end() :]
    letter = (MONEY_LETTER if money else SCALE_LETTER).match(tail)
    if letter:
        return LETTERS[letter.group(1).strip().lower()], tail[letter.end() :]
    return 1, tail


BARE_END = re.compile(r"[$€£¥₹]?\s?\d[\d.,]*")
SCALED_END = re.compile(r"[$€£¥₹]?\s?[\d.,]*\d(?=\s?[A-Za-z])")


def with_scale_of(first: str, second: str) -> str:
    """`first` with the scale of `second`, where it has none itself: 1 of "1-2 million" is "1 million"."""
    number = SCALED_END.match(second)
    if not number or not BARE_END.fullmatch(first):
        return first
    tail = second[number.end() :]
    scale, rest = _scale(tail, second[0] in SIGNS or first[0] in SIGNS)
    return first + tail[: len(tail) - len(rest)] if scale > 1 else first


RATIO = re.compile(r"\d+(?:\.\d+)?(?:\s*:\s*\d+(?:\.\d+)?){1,5}")


def read_ratio(text: str) -> Numeral | None:
    """ "4:2" as the ratio 2:1, also "ratio 2:1"; None for anything else."""
    text = text.removeprefix("ratio ")
    if len(text) > MAX_DIGITS or not RATIO.fullmatch(text):
        return None
    terms = [Fraction(term.strip()) for term in text.split(":")]
    common = lcm(*(term.denominator for term in terms))
    whole = [int(term * common) for term in terms]
    divisor = gcd(*whole) or 1
    return Numeral(":".join(str(term // divisor) for term in whole))
