"""CSS numbers, lengths, angles and `calc()`.

Units and their sizes: CSS Values 4 (https://www.w3.org/TR/css-values-4/), sections 6 and 10. An SVG user unit is a px.
"""

import math
import re
from dataclasses import dataclass

import tinycss2

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
# "12 px" is no CSS, but what is meant is clear.
LENGTH = re.compile(rf"\s*({NUMBER})\s*([a-zA-Z]+|%)?\s*\Z")
LENGTHS = re.compile(rf"[\s,]*({NUMBER}(?:\s*(?:[a-zA-Z]+|%))?)")
ABSOLUTE = {"": 1.0, "px": 1.0, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54, "q": 2.4 / 2.54, "pt": 4 / 3, "pc": 16.0}
# The renderer knows these itself, and knows better what a percentage is of.
KEPT = frozenset(("", "px", "in", "cm", "mm", "pt", "pc", "em", "ex", "ch", "%"))
FONT = {"em": 1.0, "ex": 0.5, "ch": 0.5, "cap": 0.7, "ic": 1.0}
ANGLES = {"": 1.0, "deg": 1.0, "grad": 0.9, "rad": 180 / math.pi, "turn": 360.0}
MATHS = ("calc", "-webkit-calc", "min", "max", "clamp")
MAX_NESTING = 20


@dataclass(frozen=True)
class Units:
    """What relative lengths of an element refer to, in px: `font`, its font size; `root_font`, that of the root;
    `view`, the nearest viewport in user units (what percentages are of); `window`, the whole picture (vw, vh)."""

    font: float = 16.0
    root_font: float = 16.0
    view: tuple[float, float] = (0.0, 0.0)
    window: tuple[float, float] | None = None

    def base(self, axis: str) -> float:
        """What 100% is along "x", "y", or else neither (SVG 2, section 8.9)."""
        if axis == "x":
            return self.view[0]
        return self.view[1] if axis == "y" else math.hypot(*self.view) / math.sqrt(2)

    def px(self, number: float, unit: str, base: float | None) -> float | None:
        """A length in px, None if the unit is not known here. `base`: what 100% is."""
        unit = unit.lower()
        if unit in ABSOLUTE:
            return number * ABSOLUTE[unit]
        if unit in FONT:
            return number * FONT[unit] * self.font
        if unit == "rem":
            return number * self.root_font
        if unit == "%":
            return None if base is None else number * base / 100
        if self.window is not None and unit.lstrip("sld") in VIEWPORT:
            return number * VIEWPORT[unit.lstrip("sld")](*self.window) / 100
        return None


VIEWPORT = {
    "vw": lambda width, height: width,
    "vi": lambda width, height: width,
    "vh": lambda width, height: height,
    "vb": lambda width, height: height,
    "vmin": min,
    "vmax": max,
}


def shown(number: float) -> str:
    return format(number, ".10g")


def length(text: str, units: Units, base: float | None = None) -> str | None:
    """A length that CairoSVG understands, None if this is none.

    >>> length("1.5rem", Units()), length("12 px", Units()), length("50%", Units()), length("wide", Units())
    ('24', '12px', '50%', None)
    >>> length("calc(50% - 2 * 5px)", Units(), 200.0)
    '90'
    """
    match = LENGTH.match(text)
    if match is None:
        value = evaluate(text, units, base) if "(" in text else None
        return None if value is None else shown(value)
    number, unit = match[1], (match[2] or "").lower()
    if unit in KEPT:
        return number + unit
    value = units.px(float(number), unit, base)
    return None if value is None or not math.isfinite(value) else shown(value)


def length_px(text: str, units: Units, base: float | None = None) -> float | None:
    """A length in px, None if this is none."""
    match = LENGTH.match(text)
    if match is None:
        return evaluate(text, units, base) if "(" in text else None
    value = units.px(float(match[1]), match[2] or "", base)
    return value if value is not None and math.isfinite(value) else None


def length_list(text: str, units: Units, base: float | None = None) -> str | None:
    """Lengths between blanks or commas; a `calc()` only alone."""
    if "(" in text:
        return length(text, units, base)
    found, position = [], 0
    while match := LENGTHS.match(text, position):
        found.append(length(match[1], units, base))
        position = match.end()
    if not found or None in found or text[position:].strip(" \t\r\n,"):
        return None
    return " ".join(found)


def number(text: str, whole: float = 1.0) -> float | None:
    """A number, or a percentage of `whole`; None if this is neither.

    >>> number("50%"), number(".5"), number("calc(1 / 4)"), number("half")
    (0.5, 0.5, 0.25, None)
    """
    match = LENGTH.match(text)
    if match is None:
        return evaluate(text, Units(), whole) if "(" in text else None
    if match[2] not in (None, "%"):
        return None
    value = float(match[1]) * (whole / 100 if match[2] else 1)
    return value if math.isfinite(value) else None


def angle(text: str) -> float | None:
    """Degrees, None if this is no angle.

    >>> angle("90deg"), angle("0.25turn"), angle("100grad"), angle("12px")
    (90.0, 90.0, 90.0, None)
    """
    match = LENGTH.match(text)
    if match is None or (match[2] or "").lower() not in ANGLES:
        return None
    value = float(match[1]) * ANGLES[(match[2] or "").lower()]
    return value if math.isfinite(value) else None


# --- calc() -----------------------------------------------------------------------------------------------------------


class _NotMaths(Exception):
    """This is no expression that can be evaluated."""


def evaluate(text: str, units: Units, base: float | None) -> float | None:
    """The value of `calc()`, `min()`, `max()` or `clamp()` in px, None if it has none."""
    token = tinycss2.parse_one_component_value(text)
    try:
        value, _ = _value(token, units, base, 0)
    except (_NotMaths, ZeroDivisionError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _value(token, units: Units, base: float | None, depth: int) -> tuple[float, bool]:
    """Value, and whether it is a length: two lengths cannot be multiplied."""
    if depth > MAX_NESTING:
        raise _NotMaths
    if token.type == "number":
        return token.value, False
    if token.type in ("dimension", "percentage"):
        value = units.px(token.value, token.unit if token.type == "dimension" else "%", base)
        if value is None:
            raise _NotMaths
        return value, True
    if token.type == "() block":
        return _sum(token.content, units, base, depth + 1)
    if token.type == "function" and token.lower_name in MATHS:
        parts = [_sum(part, units, base, depth + 1) for part in split(token.arguments, ",")]
        values, a_length = [value for value, _ in parts], any(is_length for _, is_length in parts)
        if token.lower_name in ("min", "max"):
            return (min if token.lower_name == "min" else max)(values), a_length
        if token.lower_name == "clamp" and len(values) == 3:
            return max(values[0], min(values[1], values[2])), a_length
        if len(values) == 1:
            return parts[0]
    raise _NotMaths


def _sum(tokens, units: Units, base: float | None, depth: int) -> tuple[float, bool]:
    total, a_length, sign, product = 0.0, False, 1, []
    for token in [*(token for token in tokens if token.type not in ("whitespace", "comment")), None]:
        if product and (token is None or token in ("+", "-")) and product[-1] not in ("*", "/"):
            value, is_length = _product(product, units, base, depth)
            total, a_length, product = total + sign * value, a_length or is_length, []
            sign = -1 if token == "-" else 1
        elif token is None:
            raise _NotMaths
        else:
            product.append(token)
    return total, a_length


def _product(tokens: list, units: Units, base: float | None, depth: int) -> tuple[float, bool]:
    total, a_length = _value(tokens[0], units, base, depth)
    if len(tokens) % 2 == 0:
        raise _NotMaths
    for operator, token in zip(tokens[1::2], tokens[2::2], strict=True):
        value, is_length = _value(token, units, base, depth)
        if operator == "*" and not (a_length and is_length):
            total, a_length = total * value, a_length or is_length
        elif operator == "/" and not is_length:
            total /= value
        else:
            raise _NotMaths
    return total, a_length


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
