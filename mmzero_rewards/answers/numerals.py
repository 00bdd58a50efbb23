"""Numbers in short answers, exactly: integers, decimals, fractions, mixed numbers, powers of ten, ratios, units.

Everything becomes a `fractions.Fraction` of at most MAX_DIGITS digits; longer numerals are left to text comparison.
A unit is read only after a number, so "Monday" keeps its day. "2:1" is a ratio and "12:30" a clock time, neither is a
quotient. Not covered: roots, powers other than 10^n, arithmetic; they are text (or the symbolic step's business).
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

from mmzero_rewards.answers.units import read_unit

MAX_DIGITS = 60


@dataclass(frozen=True)
class Numeral:
    """kind: number | ratio | clock. core: normal form. qualifier: unit, currency or variable name, "" if none."""

    kind: str
    core: str
    qualifier: str = ""


DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?:\x20\d{3})+(?!\d)|\d+)(?:\.\d*)?|\.\d+"
NUMBER = re.compile(
    rf"""
    (?:(?P<name>[A-Za-z][A-Za-z_]{{0,11}})?\s*=\s*)?             # x = 3
    (?P<sign>[+-]?)\s*
    (?P<currency>(?:us)?\$|usd|eur|gbp|[€£¥₹])?\s*
    (?P<inner>[+-]?)
    (?:(?P<whole>\d+)\x20+(?P<part>\d+)\s*/\s*(?P<parts>\d+)      # 1 1/2
      |(?P<value>{DIGITS})
       (?:\s*/\s*(?P<below>{DIGITS}))?                            # 3/4
       (?P<exponent>e[+-]?\d{{1,3}}(?![0-9a-z]))?
    )
    (?P<power>\s*[x×*·]\s*10\s*\^\s*[{{(]?\s*(?P<ten>[+-]?\d{{1,3}})\s*[}})]?)?
    (?P<tail>.*)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
DIGIT = re.compile(r"\d")
SIMPLE = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?")
TEN = re.compile(r"([+-]?)10\s*\^\s*[{(]?\s*([+-]?\d{1,3})\s*[})]?")
CURRENCIES = {
    "$": "usd",
    "us$": "usd",
    "usd": "usd",
    "€": "eur",
    "eur": "eur",
    "£": "pound",
    "gbp": "pound",
    "¥": "yen",
    "₹": "rupee",
}
SCALES = {
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "mn": 10**6,
    "bn": 10**9,
}
SCALE_WORD = re.compile(r"\s*(hundred|thousand|million|billion|trillion|mn|bn)(?![a-z])", re.IGNORECASE)
SCALE_LETTER = re.compile(r"([kKMB]|\x20M\Z)(?![A-Za-z])")
LETTERS = {"k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9}
NUMBER_WORDS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty
"""
WORDS = {word: value for value, word in enumerate(NUMBER_WORDS.split())}


def read_number(text: str) -> Numeral | None:
    """The whole text as one number with an optional unit, or None."""
    if not DIGIT.search(text):
        word = WORDS.get(text.casefold())
        return None if word is None else Numeral("number", str(word))
    if SIMPLE.fullmatch(text):
        return Numeral("number", str(_decimal(text) if "." in text else int(text)))
    ten = TEN.fullmatch(text)
    if ten:
        value = _power_of_ten(int(ten.group(2)))
        return None if value is None else Numeral("number", str(-value if ten.group(1) == "-" else value))
    match = NUMBER.fullmatch(text)
    if not match:
        return None
    value = _value(match)
    if value is None:
        return None
    scale, tail = _scale(match.group("tail"))
    unit = read_unit(tail)
    if unit is None:
        return None
    currency = match.group("currency")
    if currency:
        if unit and unit != CURRENCIES.get(currency.lower(), currency):
            return None
        unit = CURRENCIES.get(currency.lower(), currency)
    if not unit and match.group("name"):
        unit = match.group("name").casefold() + "="
    return Numeral("number", str(value * scale if scale > 1 else value), unit)


def _value(match: re.Match) -> Fraction | None:
    """Signed value of the digits, fraction and exponent; None when out of bounds or divided by zero."""
    if len(match.string) > MAX_DIGITS and sum(map(str.isdigit, match.string)) > MAX_DIGITS:
        return None
    if match.group("whole"):
        below = int(match.group("parts"))
        value = int(match.group("whole")) + Fraction(int(match.group("part")), below) if below else None
    else:
        value = _decimal(match.group("value"))
        if match.group("below"):
            below = _decimal(match.group("below"))
            value = value / below if below else None
    if value is None:
        return None
    for exponent in filter(None, ((match.group("exponent") or "")[1:], match.group("ten"))):
        power = _power_of_ten(int(exponent))
        if power is None:
            return None
        value *= power
    negative = (match.group("sign") == "-") != (match.group("inner") == "-")
    return -value if negative else value


def _decimal(digits: str) -> Fraction:
    whole, _, part = digits.replace(",", "").replace(" ", "").partition(".")
    return Fraction(int(whole + part), 10 ** len(part)) if part else Fraction(int(whole))


def _power_of_ten(exponent: int) -> Fraction | None:
    return Fraction(10) ** exponent if abs(exponent) <= MAX_DIGITS else None


def _scale(tail: str) -> tuple[int, str]:
    """(factor, rest) of "k", "M", " million", ...; m is a metre, and K after a blank is a kelvin."""
    word = SCALE_WORD.match(tail)
    if word:
        return SCALES[word.group(1).lower()], tail[word.end() :]
    letter = SCALE_LETTER.match(tail)
    if letter:
        return LETTERS[letter.group(1).strip()], tail[letter.end() :]
    return 1, tail


RATIO = re.compile(r"\d+(?:\.\d+)?(?:\s*:\s*\d+(?:\.\d+)?){1,5}")
CLOCK = re.compile(r"(\d{1,2})(:[0-5]\d(?::[0-5]\d)?)(?:\s*([ap])\.?m\.?)?", re.IGNORECASE)


def read_ratio(text: str, clock: bool = True) -> Numeral | None:
    """ "4:2" as the ratio 2:1; "12:30" as a clock time unless `clock` is false, "9:05 pm" always."""
    time = CLOCK.fullmatch(text)
    if time and (clock or time.group(3)):
        return Numeral(
            "clock", str(int(time.group(1))) + time.group(2), f"{time.group(3).lower()}m" if time.group(3) else ""
        )
    if not RATIO.fullmatch(text) or len(text) > MAX_DIGITS:
        return None
    terms = [Fraction(term.strip()) for term in text.split(":")]
    common = lcm(*(term.denominator for term in terms))
    whole = [int(term * common) for term in terms]
    divisor = gcd(*whole) or 1
    return Numeral("ratio", ":".join(str(term // divisor) for term in whole))
