"""CSS Color 4 colours as what CairoSVG understands: names of level 3, `#rrggbb`, `rgba(r,g,b,a)`.

Parsed by tinycss2; conversions from https://www.w3.org/TR/css-color-4/ section 10 (XYZ to linear sRGB) and 18.
"""

import math
import re
from functools import lru_cache

import tinycss2
from cairosvg.colors import COLORS
from tinycss2 import color5

from mmzero_env.draw.svg.css.values.calc import evaluate
from mmzero_env.draw.svg.css.values.lengths import Units
from mmzero_env.draw.svg.css.values.mixing import Rgba, gamma, linear, mixed, relative

HEX = re.compile(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})\Z")
URL = re.compile(r"url\(\s*[\"']?\s*#([^\"')]*?)\s*[\"']?\s*\)\s*(.*)\Z", re.IGNORECASE | re.DOTALL)
FROM_MARKED = ("context-fill", "context-stroke")
BESIDES_RGB = {"lab": "xyz-d50", "lch": "xyz-d50", "oklab": "xyz-d65", "oklch": "xyz-d65"}
TO_LINEAR = {
    "xyz-d65": (
        (3.2409699419, -1.5373831776, -0.4986107603),
        (-0.9692436363, 1.8759675015, 0.0415550574),
        (0.0556300797, -0.2039769589, 1.0569715142),
    ),
    # With the Bradford adaptation from D50 to D65.
    "xyz-d50": (
        (3.1341359569, -1.6173863321, -0.4906619460),
        (-0.9787955160, 1.9162543774, 0.0334427312),
        (0.0719550451, -0.2289767982, 1.4053860351),
    ),
}
FROM_P3 = (
    (1.2249401763, -0.2249401763, 0.0),
    (-0.0420569547, 1.0420569547, 0.0),
    (-0.0196375546, -0.0786360456, 1.0982736001),
)
FROM_ANOTHER = re.compile(r"[a-z]+\(\s*from\s")
# Of a light theme (https://www.w3.org/TR/css-color-4/#css-system-colors).
SYSTEM = {
    "canvas": "white",
    "canvastext": "black",
    "field": "white",
    "fieldtext": "black",
    "linktext": "#0000ee",
    "visitedtext": "#551a8b",
    "activetext": "red",
    "buttonborder": "black",
    "mark": "yellow",
    "marktext": "black",
}


@lru_cache(maxsize=1024)
def colour(text: str) -> str | None:
    """Raises nothing; None if this is no colour (`none` is one here: it paints nothing).

    >>> colour("hsl(120 100% 25%)"), colour("#ff000080"), colour("CurrentColor"), colour("rgb(0 0 255 / 50%)")
    ('#008000', 'rgba(255,0,0,0.502)', 'currentColor', 'rgba(0,0,255,0.5)')
    >>> colour("Red"), colour("rebeccapurple"), colour("hwb(0 0% 0%)"), colour("#12345")
    ('red', '#663399', '#ff0000', None)
    """
    text = text.strip()
    if HEX.match(text):
        return text
    text = text.lower()
    if text in COLORS:
        return text
    if text == "currentcolor":
        return "currentColor"
    rgba = channels(text)
    if rgba is None:
        return None
    return written(rgba)


def written(rgba: Rgba) -> str:
    red, green, blue = (round(255 * channel) for channel in rgba[:3])
    if rgba[3] >= 1:
        return f"#{red:02x}{green:02x}{blue:02x}"
    return f"rgba({red},{green},{blue},{rgba[3]:.3g})"


def channels(text: str) -> Rgba | None:
    """Red, green, blue and alpha from 0 to 1.

    >>> [round(channel, 2) for channel in channels("oklch(0.628 0.2577 29.23)")]
    [1.0, 0.0, 0.0, 1.0]
    >>> channels("hsl(calc(200 + 40) 100% calc(25% * 2))"), channels("color-mix(in srgb, red 25%, blue)")
    ((0.0, 0.0, 1.0, 1.0), (0.25, 0.0, 0.75, 1.0))
    """
    if text.startswith("color-mix("):
        return mixed(text, channels)
    if FROM_ANOTHER.match(text):
        return relative(text, channels)
    if text in SYSTEM:
        return channels(SYSTEM[text])
    found = color5.parse_color(_without_maths(text) if text.count("(") > 1 else text)
    if found is None or isinstance(found, str):
        return None
    if not all(math.isfinite(coordinate or 0) for coordinate in found.coordinates):
        return None
    space = BESIDES_RGB.get(found.space, found.space)
    if space in TO_LINEAR:
        xyz = found.to(space).coordinates
        rgb = [gamma(sum(a * b for a, b in zip(row, xyz, strict=True))) for row in TO_LINEAR[space]]
    elif found.space in ("srgb", "hsl", "hwb"):
        rgb = found.to("srgb").coordinates
    elif found.space == "srgb-linear":
        rgb = [gamma(channel or 0) for channel in found.coordinates]
    elif found.space == "display-p3":
        light = [linear(channel or 0) for channel in found.coordinates]
        rgb = [gamma(sum(a * b for a, b in zip(row, light, strict=True))) for row in FROM_P3]
    else:
        return None  # other wide gamuts
    return (*(min(1.0, max(0.0, channel)) for channel in rgb), found.alpha)


def paint(text: str) -> str | None:
    """A fill or stroke: a colour, or `url(#id)` with a colour for where that is missing.

    >>> paint("url( '#g' ) hsl(0 100% 50%)"), paint("url(#g)"), paint("none")
    ('url(#g) #ff0000', 'url(#g)', 'none')
    """
    match = URL.match(text.strip())
    if match is None:
        lower = text.strip().lower()
        return lower if lower in FROM_MARKED else colour(text)
    # CairoSVG looks for the last bracket, so there must not be another one.
    other = colour(match[2]) if match[2] else None
    if other is not None and other.startswith("rgba"):
        other = colour(other.replace("rgba", "rgb").rpartition(",")[0] + ")")
    return f"url(#{match[1]})" + (f" {other}" if other else "")


def alpha(text: str) -> float:
    """How much a canonical colour covers, from 0 to 1."""
    if text in ("none", "transparent"):
        return 0.0
    return float(text[5:-1].split(",")[3]) if text.startswith("rgba(") else 1.0


def _without_maths(text: str) -> str:
    """With `calc()` and its like replaced by numbers or percentages."""
    outer = tinycss2.parse_one_component_value(text)
    if outer.type != "function":
        return text
    parts = []
    for token in outer.arguments:
        inner = token.serialize()
        if token.type == "function":
            value = evaluate(inner, Units(), 100.0)
            inner = inner if value is None else f"{value:.10g}{'%' if '%' in inner else ''}"
        parts.append(inner)
    return f"{outer.name}({''.join(parts)})"
