"""The `transform` attribute and the CSS properties `transform`, `translate`, `rotate`, `scale` and `transform-origin`.

What CairoSVG understands stays as it is; the rest becomes one `matrix()`. Definitions: CSS Transforms 1 and 2
(https://www.w3.org/TR/css-transforms-1/#transform-functions). Turns out of the plane count as none.
"""

import math
import re

import tinycss2

from mmzero_env.draw.svg.css.values.calc import is_number, is_word, split
from mmzero_env.draw.svg.css.values.lengths import Units, angle, length_px, number, shown

Matrix = tuple[float, float, float, float, float, float]
IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
# Without an exponent: those are looked at, for not every one is a number.
_N, _S = r"[+-]?(?:\d{1,38}\.?\d*|\.\d+)(?![eE\d])", r"(?:\s*,\s*|\s+|(?=[-+]))"
PLAIN = re.compile(
    rf"(?:\s*,?\s*(?:translate\(\s*{_N}(?:{_S}{_N})?\s*\)|scale\(\s*{_N}(?:{_S}{_N})?\s*\)|skew[XY]\(\s*{_N}\s*\)"
    rf"|rotate\(\s*{_N}(?:{_S}{_N}{_S}{_N})?\s*\)|matrix\(\s*{_N}(?:{_S}{_N}){{5}}\s*\)))*\s*\Z"
)
# Flat ones among the functions in space: the extra numbers move nothing within the plane.
IN_SPACE = {"translate3d": 2, "scale3d": 2, "rotatez": 1} | dict.fromkeys(
    ("translatez", "scalez", "rotatex", "rotatey", "rotate3d", "perspective"), 0
)
PLACES = {"left": 0.0, "top": 0.0, "center": 0.5, "right": 1.0, "bottom": 1.0}


class NoTransform(ValueError):
    """This is no list of transforms; a browser ignores it."""


def multiply(a: Matrix, b: Matrix) -> Matrix:
    """`b` first, then `a`.

    >>> multiply((1, 0, 0, 1, 10, 0), (2, 0, 0, 2, 0, 0))
    (2, 0, 0, 2, 10, 0)
    """
    return (
        a[0] * b[0] + a[2] * b[1],
        a[1] * b[0] + a[3] * b[1],
        a[0] * b[2] + a[2] * b[3],
        a[1] * b[2] + a[3] * b[3],
        a[0] * b[4] + a[2] * b[5] + a[4],
        a[1] * b[4] + a[3] * b[5] + a[5],
    )


def matrix_of(text: str, units: Units) -> Matrix:
    """The product of a list of functions.

    Raises:
        NoTransform: not such a list.

    >>> [round(entry, 3) for entry in matrix_of("translate(10px, 1rem) rotate(0.25turn)", Units())]
    [0.0, 1.0, -1.0, 0.0, 10.0, 16.0]
    """
    total = IDENTITY
    joined = re.sub(r"(\w)\s+\(", r"\1(", text)  # the attribute may have blanks there, CSS may not
    for token in tinycss2.parse_component_value_list(joined, skip_comments=True):
        if token.type == "whitespace" or token == ",":
            continue
        if token.type != "function":
            if token.type == "ident" and token.lower_value == "none":
                continue
            raise NoTransform(text)
        total = multiply(total, _function(token.lower_name, _arguments(token.arguments), units))
    if not all(map(is_number, total)):
        raise NoTransform(text)
    return total


def written(matrix: Matrix) -> str:
    return f"matrix({' '.join(map(shown, matrix))})"


def origin(text: str, box: tuple[float, float, float, float], units: Units) -> tuple[float, float]:
    """The point of a `transform-origin` in user units; `box`: x, y, width, height that percentages refer to.

    Raises:
        NoTransform: not a position.

    >>> origin("center", (0, 0, 40, 20), Units()), origin("bottom left", (10, 0, 40, 20), Units())
    ((20.0, 10.0), (10.0, 20.0))
    >>> origin("25% 5px", (0, 0, 40, 20), Units())
    (10.0, 5.0)
    """
    words = [tinycss2.serialize([token]) for token in tinycss2.parse_component_value_list(text) if is_word(token)][:2]
    if not words:
        raise NoTransform(text)
    if len(words) == 1:
        words = ["center", words[0]] if words[0].lower() in ("top", "bottom") else [words[0], "center"]
    elif words[0].lower() in ("top", "bottom") or words[1].lower() in ("left", "right"):
        words.reverse()
    point = []
    for word, start, side in zip(words, box[:2], box[2:], strict=True):
        place = PLACES.get(word.lower())
        value = side * place if place is not None else length_px(word, units, side)
        if value is None:
            raise NoTransform(text)
        point.append(start + value)
    return point[0], point[1]


def individual(name: str, text: str, units: Units) -> Matrix:
    """The properties `translate`, `rotate` and `scale`. Raises NoTransform."""
    words = [tinycss2.serialize([token]) for token in tinycss2.parse_component_value_list(text) if is_word(token)]
    if [word.lower() for word in words] == ["none"]:
        return IDENTITY
    return _function(name, words[-1:] if name == "rotate" else words[:2], units)


def around(matrix: Matrix, point: tuple[float, float]) -> Matrix:
    """`matrix` with `point` as its origin."""
    x, y = point
    return multiply(multiply((1, 0, 0, 1, x, y), matrix), (1, 0, 0, 1, -x, -y))


def _arguments(tokens) -> list[str]:
    """Texts between commas, or between blanks where there are no commas."""
    parts = split(tokens, ",")
    if len(parts) == 1:
        parts = [[token] for token in tokens if is_word(token)]
    found = [tinycss2.serialize(part).strip() for part in parts]
    # "rotate(45, 10 20)" separates with both.
    return [word for text in found for word in (text.split() if "(" not in text else [text])]


def _function(name: str, words: list[str], units: Units) -> Matrix:
    if name in IN_SPACE:
        name, words = name.removesuffix("3d").removesuffix("z"), words[: IN_SPACE[name]]
        if not words:
            return IDENTITY
    x, y = units.base("x"), units.base("y")
    try:
        if name == "translate" and len(words) in (1, 2):
            return (1, 0, 0, 1, _px(words[0], units, x), _px(words[1], units, y) if len(words) == 2 else 0.0)
        if name == "translatex" and len(words) == 1:
            return (1, 0, 0, 1, _px(words[0], units, x), 0.0)
        if name == "translatey" and len(words) == 1:
            return (1, 0, 0, 1, 0.0, _px(words[0], units, y))
        if name == "scale" and len(words) in (1, 2):
            return (_number(words[0]), 0, 0, _number(words[-1]), 0, 0)
        if name == "scalex" and len(words) == 1:
            return (_number(words[0]), 0, 0, 1, 0, 0)
        if name == "scaley" and len(words) == 1:
            return (1, 0, 0, _number(words[0]), 0, 0)
        if name == "rotate" and len(words) in (1, 3):
            cos, sin = math.cos(_radians(words[0])), math.sin(_radians(words[0]))
            turned = (cos, sin, -sin, cos, 0.0, 0.0)
            return around(turned, (_px(words[1], units, x), _px(words[2], units, y))) if len(words) == 3 else turned
        if name == "skewx" and len(words) == 1:
            return (1, 0, math.tan(_radians(words[0])), 1, 0, 0)
        if name == "skewy" and len(words) == 1:
            return (1, math.tan(_radians(words[0])), 0, 1, 0, 0)
        if name == "skew" and len(words) in (1, 2):
            down = math.tan(_radians(words[1])) if len(words) == 2 else 0.0
            return (1, down, math.tan(_radians(words[0])), 1, 0, 0)
        if name == "matrix" and len(words) == 6:
            return tuple(_px(word, units, None) for word in words)
    except OverflowError:
        pass
    raise NoTransform(f"{name}({', '.join(words)})")


def _px(word: str, units: Units, base: float | None) -> float:
    value = length_px(word, units, base)
    if value is None:
        raise NoTransform(word)
    return value


def _number(word: str) -> float:
    value = number(word)
    if value is None:
        raise NoTransform(word)
    return value


def _radians(word: str) -> float:
    value = angle(word)
    if value is None:
        raise NoTransform(word)
    return math.radians(value)
