"""The filter functions of CSS (`blur(2px)`, `drop-shadow(1px 2px 3px black)`, ...) as `<filter>` elements.

What each stands for: https://www.w3.org/TR/filter-effects-1/#ShorthandEquivalents. They work in sRGB, without
a region.
"""

import math
from xml.etree.ElementTree import Element, SubElement

import tinycss2

from mmzero_env.draw.svg.css.styles.stylesheet import SVG
from mmzero_env.draw.svg.css.values.calc import is_word
from mmzero_env.draw.svg.css.values.colours import colour
from mmzero_env.draw.svg.css.values.lengths import Units, angle, length_px, number, shown

UNLIMITED = "mmzero-unlimited"  # marks a filter that has no region
SEPIA = ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131))
MOST = 10


class Functions:
    """The functions that a document uses; `write` adds their filters to it when all of them are known."""

    def __init__(self, root: Element):
        self._root = root
        self._names: dict[tuple[str, Units, str], str] = {}
        self._made = Element(f"{SVG}defs")

    def reference(self, text: str, units: Units, current: str) -> str | None:
        """`url(#...)` of the filter that a list of functions stands for; None if it is not one.

        Args:
            current: the element's `color`, which shadows have if nothing else is said.
        """
        key = text.strip(), units, current
        if key not in self._names:
            filter_ = _filter(text, units, current)
            if filter_ is None:
                return None
            filter_.set("id", f"filter-functions-{len(self._made)}")
            self._made.append(filter_)
            self._names[key] = filter_.get("id")
        return f"url(#{self._names[key]})"

    def write(self) -> None:
        if len(self._made):
            self._root.append(self._made)


def _filter(text: str, units: Units, current: str) -> Element | None:
    made = Element(f"{SVG}filter", {"color-interpolation-filters": "sRGB", UNLIMITED: "yes"})
    words = [token for token in tinycss2.parse_component_value_list(text) if is_word(token)]
    if not 0 < len(words) <= MOST:
        return None
    for word in words:
        if word.type != "function":
            return None
        arguments = [tinycss2.serialize([token]) for token in word.arguments if is_word(token)]
        if not _add(made, word.lower_name, arguments, units, current):
            return None
    return made


def _add(made: Element, name: str, arguments: list[str], units: Units, current: str) -> bool:
    """Add one function; False if it is none, or its arguments are none of its."""
    if name == "drop-shadow":
        return _shadow(made, arguments, units, current)
    if len(arguments) > 1:
        return False
    text = arguments[0] if arguments else None
    if name == "blur":
        radius = length_px(text, units) if text else 0.0
        if radius is None or radius < 0:
            return False
        SubElement(made, f"{SVG}feGaussianBlur", {"stdDeviation": shown(radius)})
        return True
    if name == "hue-rotate":
        degrees = angle(text) if text else 0.0
        if degrees is None:
            return False
        _matrix(made, "hueRotate", degrees)
        return True
    amount = number(text) if text else 1.0
    if amount is None or amount < 0 or not math.isfinite(amount):
        return False
    share = min(amount, 1.0)
    if name == "grayscale":
        _matrix(made, "saturate", 1 - share)
    elif name == "saturate":
        _matrix(made, "saturate", amount)
    elif name == "sepia":
        values: list[float] = []
        for index, row in enumerate(SEPIA):
            values += [value * share + (1 - share) * (index == column) for column, value in enumerate(row)] + [0, 0]
        _matrix(made, "matrix", *values, 0, 0, 0, 1, 0)
    elif name == "invert":
        _functions(made, {"type": "table", "tableValues": f"{shown(share)} {shown(1 - share)}"}, "RGB")
    elif name == "opacity":
        _functions(made, {"type": "table", "tableValues": f"0 {shown(share)}"}, "A")
    elif name == "brightness":
        _functions(made, {"type": "linear", "slope": shown(amount)}, "RGB")
    elif name == "contrast":
        _functions(made, {"type": "linear", "slope": shown(amount), "intercept": shown(0.5 - amount / 2)}, "RGB")
    else:
        return False
    return True


def _shadow(made: Element, arguments: list[str], units: Units, current: str) -> bool:
    lengths = [length_px(word, units) for word in arguments]
    colours = [word for word, length in zip(arguments, lengths, strict=True) if length is None]
    lengths = [length for length in lengths if length is not None]
    flood = colour(colours[0]) if colours else current
    if len(lengths) not in (2, 3) or len(colours) > 1 or flood is None:
        return False
    if flood == "currentColor":
        flood = current
    right, down, radius = (*lengths, 0.0)[:3]
    if radius < 0:
        return False
    values = {"dx": shown(right), "dy": shown(down), "stdDeviation": shown(radius), "flood-color": flood}
    SubElement(made, f"{SVG}feDropShadow", values)
    return True


def _matrix(made: Element, kind: str, *values: float) -> None:
    SubElement(made, f"{SVG}feColorMatrix", {"type": kind, "values": " ".join(map(shown, values))})


def _functions(made: Element, values: dict[str, str], channels: str) -> None:
    transfer = SubElement(made, f"{SVG}feComponentTransfer")
    for channel in channels:
        SubElement(transfer, f"{SVG}feFunc{channel}", values)
