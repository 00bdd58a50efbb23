"""Irrational constants in short answers: "24pi cm^2", "2sqrt(3)", "(1+sqrt(5))/2", exactly and in one normal form.

A constant is a sum of terms q * sqrt(n) * pi^k with a fraction q and a square-free whole number n, so sqrt(12) is
2sqrt(3) and 1/sqrt(2) is sqrt(2)/2. Only what stays irrational is read: sqrt(4), 2^10 and 3*4 were not worked out and
stay text, as does everything with a variable. Not covered: other roots, e, logarithms, nested roots.

>>> read_constant("sqrt(12) cm"), read_constant("3/4pi").core, read_constant("1/(sqrt(3)-1)").core
(Numeral(core='2sqrt(3)', unit='cm'), '3pi/4', '1/2+sqrt(3)/2')
"""

import re
from fractions import Fraction

from mmzero_rewards.answers.values.numerals import LIMIT, Numeral
from mmzero_rewards.answers.values.units import is_known, read_unit

MAX_CHARS = 60
MAX_TERMS = 6
MAX_POWER = 6
MAX_RADICAND = 10**6
MAX_NESTED = 6
CONSTANT = re.compile(r"[-+\d.\s(/*]*(?:pi|sqrt)", re.IGNORECASE)
ROUNDED = re.compile(r"\s\(\d{1,9}\.\d{1,9}\)\Z")  # sqrt(5) (2.236) is no product
TOKEN = re.compile(r"\s*(\d+\s+\d+/\d+|\d+(?:\.\d+)?|\.\d+|pi|sqrt|[-+*/^()])", re.IGNORECASE)
Terms = dict[tuple[int, int], Fraction]
"""(n, k) -> q of the terms q * sqrt(n) * pi^k."""


class _NotRead(Exception):
    pass


def read_constant(text: str) -> Numeral | None:
    """The whole text as an irrational constant with an optional unit, or None."""
    if len(text) > MAX_CHARS or not CONSTANT.match(text) or ROUNDED.search(text):
        return None
    tokens, at = [], 0
    while match := TOKEN.match(text, at):
        tokens.append(match.group(1).lower())
        at = match.end()
    tail = text[at:]
    if tail and not _may_follow(tokens, text[:at], tail):
        return None
    unit = read_unit(tail)
    if unit is None or not is_known(unit):
        return None
    try:
        terms = _Parser(tokens).whole()
    except _NotRead:
        return None
    core = _spelled(terms)
    return Numeral(core, unit) if any(key != (1, 0) for key in terms) and len(core) <= MAX_CHARS else None


def _may_follow(tokens: list[str], before: str, tail: str) -> bool:
    """A unit may touch a pi that touches a number, "24picm": "pig" is no pi grams."""
    return not tail[0].isalpha() or tokens[-1] != "pi" or before[-3:-2].isdigit()


def _spelled(terms: Terms) -> str:
    """Reads as the same terms: the rational one first, then by powers of pi and radicands."""
    out = ""
    for radicand, power in sorted(terms, key=lambda key: (key[1], key[0])):
        value = terms[radicand, power]
        pi = "" if not power else "pi" if abs(power) == 1 else f"pi^{abs(power)}"
        root = f"sqrt({radicand})" if radicand > 1 else ""
        above = (pi if power > 0 else "") + ("*" if pi and power > 0 and root else "") + root
        top = abs(value.numerator)
        above = f"{top}{above}" if top != 1 or not above else above
        below = pi if power < 0 else ""
        if value.denominator > 1:
            below = f"({value.denominator}{below})" if below else str(value.denominator)
        out += ("-" if value < 0 else "+" if out else "") + above + (f"/{below}" if below else "")
    return out


class _Parser:
    """sum := product (+ product)*; product := power (* power | / power | power)*; power := -power | atom (^ n)?"""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = self.nested = 0

    def whole(self) -> Terms:
        terms = self.sum()
        if self.at < len(self.tokens):
            raise _NotRead
        return terms

    def _next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _taken(self, wanted: str) -> str:
        token = self._next()
        if not token or token not in wanted:
            return ""
        self.at += 1
        return token

    def sum(self) -> Terms:
        sign = self._taken("+-")
        total = _scaled(self.product(), -1 if sign == "-" else 1)
        while sign := self._taken("+-"):
            for key, value in self.product().items():
                total[key] = total.get(key, Fraction(0)) + (value if sign == "+" else -value)
        return _checked(total)

    def product(self) -> Terms:
        value = self.power()
        while token := self._next():
            if token in "+-)^":
                break
            operator = self._taken("*/")
            if not operator and token[0].isdigit():
                raise _NotRead  # "sqrt(2) 3" is no product
            factor = self.power()
            value = _times(value, _inverse(factor) if operator == "/" else factor)
        return value

    def power(self) -> Terms:
        if self._taken("-"):  # "1 + -pi"
            return _scaled(self.power(), -1)
        base = self.atom()
        if not self._taken("^"):
            return base
        exponent = self._next()
        if not exponent.isdigit() or int(exponent) > MAX_POWER:
            raise _NotRead
        self.at += 1
        value = {(1, 0): Fraction(1)}
        for _ in range(int(exponent)):
            value = _times(value, base)
        return value

    def atom(self) -> Terms:
        token = self._next()
        self.at += 1
        if token == "pi":
            return {(1, 1): Fraction(1)}
        if token == "sqrt" and self._next() == "(":
            return _root(self.atom())
        if token == "(":
            self.nested += 1
            if self.nested > MAX_NESTED:
                raise _NotRead
            inside = self.sum()
            if not self._taken(")"):
                raise _NotRead
            self.nested -= 1
            return inside
        if not token or not (token[0].isdigit() or token[0] == "."):
            raise _NotRead
        whole, _, part = token.rpartition(" ")
        _, slash, below = part.partition("/")
        if slash and not int(below):  # also "4/00"
            raise _NotRead
        return _checked({(1, 0): Fraction(part) + Fraction(whole.strip() or 0)})


def _checked(terms: Terms) -> Terms:
    """Without the terms that vanish."""
    terms = {key: value for key, value in terms.items() if value}
    if (
        len(terms) > MAX_TERMS
        or any(abs(k) > MAX_POWER for _, k in terms)
        or any(max(abs(q.numerator), q.denominator) >= LIMIT for q in terms.values())
    ):
        raise _NotRead
    return terms


def _scaled(terms: Terms, factor: Fraction | int) -> Terms:
    return {key: value * factor for key, value in terms.items()}


def _times(a: Terms, b: Terms) -> Terms:
    product: Terms = {}
    for (n, k), q in a.items():
        for (m, j), r in b.items():
            outside, inside = _square_free(n * m)
            key = (inside, k + j)
            product[key] = product.get(key, Fraction(0)) + q * r * outside
    return _checked(product)


def _inverse(terms: Terms) -> Terms:
    """1 over one term, or over a sum of two without pi, by its conjugate."""
    if len(terms) == 1:
        ((n, k), q) = next(iter(terms.items()))
        return {(n, -k): 1 / (q * n)}
    if len(terms) != 2 or any(k for _, k in terms):
        raise _NotRead
    first, second = terms
    conjugate = {first: terms[first], second: -terms[second]}
    return _times(conjugate, _inverse(_times(terms, conjugate)))


def _root(terms: Terms) -> Terms:
    value = terms.get((1, 0), Fraction(0))
    if value <= 0 or len(terms) > 1:
        raise _NotRead
    outside, inside = _square_free(value.numerator * value.denominator)
    return {(inside, 0): Fraction(outside, value.denominator)}


def _square_free(number: int) -> tuple[int, int]:
    """(a, n) with number = a^2 * n and n square-free."""
    if number > MAX_RADICAND:
        raise _NotRead
    outside, factor = 1, 2
    while factor * factor <= number:
        while number % (factor * factor) == 0:
            number //= factor * factor
            outside *= factor
        factor += 1
    return outside, number
