"""CSS numbers, lengths and angles, also as `calc()` (calc.py).

Units and their sizes: CSS Values 4 (https://www.w3.org/TR/css-values-4/), sections 6 and 10. An SVG user unit is a px.
"""

import math
import re
from dataclasses import dataclass

import tinycss2

from mmzero_env.draw.svg.css.values.calc import ANGLES, Degrees, evaluate, is_number, is_word

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
# "12 px" is no CSS, but what is meant is clear.
LENGTH = re.compile(rf"\s*({NUMBER})\s*([a-zA-Z]+|%)?\s*\Z")
LENGTHS = re.compile(rf"[\s,]*({NUMBER}(?:\s*(?:[a-zA-Z]+|%))?)")
ABSOLUTE = {"": 1.0, "px": 1.0, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54, "q": 2.4 / 2.54, "pt": 4 / 3, "pc": 16.0}
# The renderer knows these itself; of percentages only those of something that is not known here.
KEPT = frozenset(("", "px", "in", "cm", "mm", "pt", "pc", "em", "ex", "ch", "%"))
FONT = {"em": 1.0, "ex": 0.5, "ch": 0.5, "cap": 0.7, "ic": 1.0}


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

    >>> length("1.5rem", Units()), length("12 px", Units()), length("50%", Units(), 90.0), length("wide", Units())
    ('24', '12px', '45', None)
    >>> length("calc(50% - 2 * 5px)", Units(), 200.0)
    '90'
    """
    match = LENGTH.match(text)
    if match is None:
        value = evaluate(text, units, base) if "(" in text else None
        return None if value is None else shown(value)
    number, unit = match[1], (match[2] or "").lower()
    if unit in KEPT and not (unit == "%" and base is not None):
        return number + unit if is_number(float(number)) else None
    value = units.px(float(number), unit, base)
    return None if value is None or not is_number(value) else shown(value)


def length_px(text: str, units: Units, base: float | None = None) -> float | None:
    """A length in px, None if this is none."""
    match = LENGTH.match(text)
    if match is None:
        return evaluate(text, units, base) if "(" in text else None
    value = units.px(float(match[1]), match[2] or "", base)
    return value if value is not None and is_number(value) else None


def length_list(text: str, units: Units, base: float | None = None) -> str | None:
    """Lengths between blanks or commas.

    >>> length_list("5, 1rem calc(1px + 1px)", Units())
    '5 16 2'
    """
    if "(" in text:
        words = [tinycss2.serialize([token]) for token in tinycss2.parse_component_value_list(text) if is_word(token)]
        values = [length(word, units, base) for word in words]
        return None if None in values or not values else " ".join(values)
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
    return value if is_number(value) else None


def angle(text: str) -> float | None:
    """Degrees, None if this is no angle.

    >>> angle("90deg"), angle("0.25turn"), angle("100grad"), angle("12px")
    (90.0, 90.0, 90.0, None)
    >>> angle("calc(30deg * 4)"), angle("calc(1turn / 8)")
    (120.0, 45.0)
    """
    match = LENGTH.match(text)
    if match is None:
        return evaluate(text, Degrees(), None) if "(" in text else None
    if (match[2] or "").lower() not in ANGLES:
        return None
    value = float(match[1]) * ANGLES[(match[2] or "").lower()]
    return value if is_number(value) else None
