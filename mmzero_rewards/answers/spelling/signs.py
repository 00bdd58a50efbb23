"""Small signs on letters and figures that tell answers apart: A' and A, a mean and its variable, 1011_2 and 10112.

>>> with_primes("A'B") == f"A{PRIME}B", with_primes("don't"), with_primes("'A', 'B'")
(True, "don't", "'A', 'B'")
>>> with_bases("101\\u2082"), with_bars("x\\u0304")
('101_₂', 'bar(x)')
"""

import re
import unicodedata

PRIME = "ʹ"  # a letter of its own, so that no quote is taken for it, nor it for a quote
PRIMED = re.compile(r"(?<![^\W\d_])((?:[A-Za-z]|[A-Z]{2,4}))('{1,3})(?![A-Za-z]?[a-z]{2}|[A-Z][a-z]|[smtd]\b|[A-Z]{4})")
OPENING = re.compile(r"(?<![\w')\]])'(?=\S)")
LOWERED = "₀₁₂₃₄₅₆₇₈₉"
BASE = re.compile(rf"(?<=\d)(?=[{LOWERED}])(?<![{LOWERED}])")
BEHIND_INDEX = re.compile(rf"(?<=[^\W\d])([{LOWERED}]+)(?=\d)(?![{LOWERED}])")
MARKED = re.compile(r"(?<![^\W\d_])([A-Za-z])([\u0302\u0304\u0305])(?![^\W_]{2})")
MARKS = {"\u0302": "hat", "\u0304": "bar", "\u0305": "bar"}


def with_primes(text: str) -> str:
    """Apostrophes behind single letters and short runs of capitals as primes, unless one may be a quote's end."""
    return text if OPENING.search(text) else PRIMED.sub(lambda match: match[1] + PRIME * len(match[2]), text)


RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
FRACTION = re.compile(rf"([{RAISED}]+)[⁄/∕]([{LOWERED}]+)")
ON_LINE = str.maketrans(RAISED + LOWERED, "0123456789" * 2)


def with_fractions(text: str) -> str:
    """A raised figure over a lowered one is a fraction, behind a whole number too."""
    return FRACTION.sub(lambda match: " " + match.group().translate(ON_LINE).replace("⁄", "/").replace("∕", "/"), text)


def with_bases(text: str) -> str:
    """A lowered figure behind a figure is the base of a number, and one behind a letter ends before a figure."""
    return BASE.sub("_", BEHIND_INDEX.sub(r"\1 ", text))


def with_bars(text: str) -> str:
    """A bar or a hat over a single letter in words; accents of other words stay."""
    apart = unicodedata.normalize("NFD", text)
    marked = MARKED.sub(lambda match: f"{MARKS[match[2]]}({match[1]})", apart)
    return text if marked == apart else unicodedata.normalize("NFC", marked)


ION = re.compile(r"((?:[A-Z][a-z]?\d{0,2}){0,4}[A-Z][a-z]?|(?:[A-Z][a-z]?\d{0,2}){1,4}[A-Z][a-z]?\d)([+-])")


def with_charge(text: str) -> str:
    """The charge behind a formula raised: Na+ is Na^+, NO3- is NO3^-; Fe2+ may be either and stays."""
    return ION.sub(r"\1^\2", text) if ION.fullmatch(text) else text
