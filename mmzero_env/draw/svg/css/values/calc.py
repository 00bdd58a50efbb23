"""The mathematical functions of CSS Values 4 (https://www.w3.org/TR/css-values-4/#math), section 10."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import tinycss2

LARGEST = 3.4e38  # of single precision, in which browsers keep numbers: what is larger is no number
MAX_NESTING = 20
ANGLES = {"": 1.0, "deg": 1.0, "grad": 0.9, "rad": 180 / math.pi, "turn": 360.0}
CONSTANTS = {"pi": math.pi, "e": math.e}
SUMS = ("calc", "-webkit-calc")
# Of an angle (or a number, in radians), and those that give one, in degrees.
TURNS: dict[str, Callable[[float], float]] = {"sin": math.sin, "cos": math.cos, "tan": math.tan}
ARCS: dict[str, Callable[..., float]] = {
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "atan2": math.atan2,
}
# Of numbers only.
OF_NUMBERS: dict[str, Callable[..., float]] = {"sqrt": math.sqrt, "pow": math.pow, "exp": math.exp, "log": math.log}
# What they give is of the kind of what they get.
SAME_KIND: dict[str, Callable[..., float]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "hypot": math.hypot,
    "clamp": lambda low, wanted, high: max(low, min(wanted, high)),
    "mod": lambda a, b: a % b,
    "rem": math.fmod,
}
SUFFIXES = frozenset((*SUMS, *TURNS, *ARCS, *OF_NUMBERS, *SAME_KIND, "round", "sign"))
ROUNDED: dict[str, Callable[[float], float]] = {
    "nearest": lambda ratio: math.floor(ratio + 0.5),
    "up": math.ceil,
    "down": math.floor,
    "to-zero": math.trunc,
}


class Measures(Protocol):
    """What knows the sizes of units."""

    def px(self, number: float, unit: str, base: float | None) -> float | None: ...


class Degrees:
    """The units of angles."""

    def px(self, number: float, unit: str, base: float | None) -> float | None:
        return number * ANGLES[unit.lower()] if unit.lower() in ANGLES else None


@dataclass(frozen=True)
class _Result:
    """A number and its kind: "" for a plain number, "length" or "angle"."""

    value: float
    kind: str = ""


class _NotMaths(Exception):
    """This is no expression that can be evaluated."""


def is_number(value: float) -> bool:
    """Is it one for a browser? Infinity, NaN and what single precision does not hold are none."""
    return abs(value) <= LARGEST


def evaluate(text: str, units: Measures, base: float | None) -> float | None:
    """The value of `calc()` and its like in px (of angles in degrees), None if it has none.

    >>> round(evaluate("calc(10 + 2 * cos(60deg))", Degrees(), None), 6), evaluate("round(33, 10)", Degrees(), None)
    (11.0, 30.0)
    """
    token = tinycss2.parse_one_component_value(text)
    if token.type != "function" or token.lower_name not in SUFFIXES:
        return None
    try:
        value = _value(token, units, base, 0).value
    except (_NotMaths, ZeroDivisionError, OverflowError, ValueError, TypeError):
        return None
    return value if is_number(value) else None


def _value(token, units: Measures, base: float | None, depth: int) -> _Result:
    if depth > MAX_NESTING:
        raise _NotMaths
    if token.type == "number":
        return _Result(token.value)
    if token.type == "ident" and token.lower_value in CONSTANTS:
        return _Result(CONSTANTS[token.lower_value])
    if token.type in ("dimension", "percentage"):
        unit = token.unit if token.type == "dimension" else "%"
        if unit.lower() in ANGLES:
            return _Result(token.value * ANGLES[unit.lower()], "angle")
        value = units.px(token.value, unit, base)
        if value is None:
            raise _NotMaths
        return _Result(value, "length")
    if token.type == "() block":
        return _sum(token.content, units, base, depth + 1)
    if token.type == "function":
        return _call(token.lower_name, split(token.arguments, ","), units, base, depth + 1)
    raise _NotMaths


def _call(name: str, arguments: list[list], units: Measures, base: float | None, depth: int) -> _Result:
    way = "nearest"
    if name == "round" and tinycss2.serialize(arguments[0]).strip().lower() in ROUNDED:
        way = tinycss2.serialize(arguments.pop(0)).strip().lower()
    parts = [_sum(argument, units, base, depth) for argument in arguments]
    values, kinds = [part.value for part in parts], {part.kind for part in parts}
    if name in SUMS and len(parts) == 1:
        return parts[0]
    if name in TURNS and len(parts) == 1 and kinds <= {"", "angle"}:
        return _Result(TURNS[name](math.radians(values[0]) if kinds == {"angle"} else values[0]))
    if name in ARCS and len(kinds) == 1:
        return _Result(math.degrees(ARCS[name](*values)), "angle")
    if name in OF_NUMBERS and kinds == {""}:
        return _Result(OF_NUMBERS[name](*values))
    if name in SAME_KIND and len(kinds) == 1:
        return _Result(SAME_KIND[name](*values), kinds.pop())
    if name == "sign" and len(parts) == 1:
        return _Result(math.copysign(1.0, values[0]) if values[0] else 0.0)
    if name == "round" and len(kinds) == 1 and len(values) in (1, 2):
        step = values[1] if len(values) == 2 else 1.0
        return _Result(ROUNDED[way](values[0] / step) * step, kinds.pop())
    raise _NotMaths


def _sum(tokens, units: Measures, base: float | None, depth: int) -> _Result:
    total, kinds, sign, product = 0.0, set(), 1, []
    for token in [*(token for token in tokens if token.type not in ("whitespace", "comment")), None]:
        if product and (token is None or token in ("+", "-")) and product[-1] not in ("*", "/"):
            part = _product(product, units, base, depth)
            total, product = total + sign * part.value, []
            kinds.add(part.kind)
            sign = -1 if token == "-" else 1
        elif token is None:
            raise _NotMaths
        else:
            product.append(token)
    # Taken more kindly than CSS does: a plain number beside a length is in px, beside an angle in degrees.
    kinds.discard("")
    if len(kinds) > 1:
        raise _NotMaths
    return _Result(total, kinds.pop() if kinds else "")


def _product(tokens: list, units: Measures, base: float | None, depth: int) -> _Result:
    total = _value(tokens[0], units, base, depth)
    if len(tokens) % 2 == 0:
        raise _NotMaths
    for operator, token in zip(tokens[1::2], tokens[2::2], strict=True):
        factor = _value(token, units, base, depth)
        if operator == "*" and not (total.kind and factor.kind):
            total = _Result(total.value * factor.value, total.kind or factor.kind)
        elif operator == "/" and not factor.kind:
            total = _Result(total.value / factor.value, total.kind)
        else:
            raise _NotMaths
    return total


def is_word(token) -> bool:
    """Neither blank nor comma."""
    return token.type not in ("whitespace", "comment") and token != ","


def split(tokens, separator: str) -> list[list]:
    """Tokens between separators.

    >>> [len(part) for part in split(tinycss2.parse_component_value_list("a,b c"), ",")]
    [1, 3]
    """
    parts: list[list] = [[]]
    for token in tokens:
        if token == separator:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts
