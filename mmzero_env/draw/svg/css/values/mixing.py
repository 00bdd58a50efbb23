"""Colours made of others: `color-mix()` and relative colours (https://www.w3.org/TR/css-color-5/).

Conversions: https://www.w3.org/TR/css-color-4/#color-conversion-code, with https://bottosson.github.io/posts/oklab/.
"""

import colorsys
import math
import re
from collections.abc import Callable

import tinycss2

from mmzero_env.draw.svg.css.values.calc import evaluate, is_word, split
from mmzero_env.draw.svg.css.values.lengths import Units

Rgba = tuple[float, float, float, float]
Triple = tuple[float, float, float]
Parse = Callable[[str], Rgba | None]
TO_LMS = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
TO_OKLAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
# Which coordinate of a space is an angle, and the names of the coordinates in relative colours with their unit there.
HUES = {"hsl": 0, "oklch": 2}
CHANNELS = {
    "rgb": ("srgb", "rgb", (255.0, 255.0, 255.0)),
    "hsl": ("hsl", "hsl", (1.0, 1.0, 1.0)),
    "oklab": ("oklab", "lab", (1.0, 1.0, 1.0)),
    "oklch": ("oklch", "lch", (1.0, 1.0, 1.0)),
}
SPELLINGS = {"rgba": "rgb", "hsla": "hsl"}
GREY = 1e-4  # the hue of a colour with less than this is anybody's


def mixed(text: str, parse: Parse) -> Rgba | None:
    """The colour of a `color-mix()`, None if it is none or in a space that is not known here."""
    outer = tinycss2.parse_one_component_value(text)
    parts = split(outer.arguments, ",") if outer.type == "function" else []
    if len(parts) not in (2, 3):
        return None
    way = tinycss2.serialize(parts[0]).split() if len(parts) == 3 else ["in", "oklab"]
    if len(way) < 2 or way[0] != "in" or way[1] not in SPACES or way[2:] not in ([], ["shorter", "hue"]):
        return None
    space, colours, shares = way[1], [], []
    for part in parts[-2:]:
        words = [token for token in part if is_word(token)]
        shares += [next((token.value / 100 for token in words if token.type == "percentage"), None)]
        named = [token.serialize() for token in words if token.type != "percentage"]
        colours += [parse(named[0]) if len(named) == 1 else None]
    if None in colours:
        return None
    if shares[0] is None:
        shares[0] = 0.5 if shares[1] is None else 1 - shares[1]
    if shares[1] is None:
        shares[1] = 1 - shares[0]
    total = sum(shares)
    if total <= 0 or min(shares) < 0:
        return None
    rgb, alpha = _between(space, colours, [share / total for share in shares])
    return (*rgb, alpha * min(1.0, total))


def relative(text: str, parse: Parse) -> Rgba | None:
    """The colour of `rgb(from COLOUR r g b / alpha)` and its like, None if it is none.

    >>> relative("rgb(from #336699 calc(r * 2) g b / 50%)", lambda _: (0.2, 0.4, 0.6, 1.0))
    (0.4, 0.4, 0.6, 0.5)
    """
    outer = tinycss2.parse_one_component_value(text)
    words = [token.serialize() for token in outer.arguments if is_word(token)] if outer.type == "function" else []
    name = SPELLINGS.get(outer.lower_name, outer.lower_name) if words else ""
    if name not in CHANNELS or len(words) < 5 or words[0] != "from" or (words[5:] and words[5] != "/"):
        return None
    origin = parse(words[1])
    if origin is None:
        return None
    space, letters, sizes = CHANNELS[name]
    into, back = SPACES[space]
    known = {letter: part * size for letter, part, size in zip(letters, into(origin[:3]), sizes, strict=True)}
    known["alpha"] = origin[3]
    names = re.compile(rf"(?<![\w-])({'|'.join(known)})(?![\w-])")
    values = []
    for word, whole in zip([*words[2:5], *words[6:7]], (*(_whole(name)), 1.0), strict=False):
        value = evaluate(f"calc({names.sub(lambda match: format(known[match[1]], '.12g'), word)})", Units(), whole)
        if value is None:
            return None
        values.append(value)
    rgb = back(tuple(value / size for value, size in zip(values[:3], sizes, strict=True)))
    alpha = values[3] if len(values) > 3 else origin[3]
    return (*(min(1.0, max(0.0, round(channel, 6))) for channel in rgb), min(1.0, max(0.0, alpha)))


def _whole(name: str) -> Triple:
    """What 100% is of each channel."""
    return {"rgb": (255.0,) * 3, "hsl": (360.0, 100.0, 100.0), "oklab": (1.0, 0.4, 0.4)}.get(name, (1.0, 0.4, 360.0))


def _between(space: str, colours: list[Rgba], weights: list[float]) -> tuple[Triple, float]:
    into, back = SPACES[space]
    alpha = sum(weight * colour[3] for weight, colour in zip(weights, colours, strict=True))
    places = [into(colour[:3]) for colour in colours]
    hue = HUES.get(space)
    found = []
    for index, (first, second) in enumerate(zip(*places, strict=True)):
        if index == hue:
            found.append(_turn(first, second, weights[1], *(place[1] < GREY for place in places)))
            continue
        both = ((first, colours[0], weights[0]), (second, colours[1], weights[1]))
        found.append(sum(weight * colour[3] * value for value, colour, weight in both) / (alpha or 1))
    return tuple(min(1.0, max(0.0, channel)) for channel in back(tuple(found))), alpha


def _turn(first: float, second: float, share: float, grey: bool, other_grey: bool) -> float:
    """A hue between two, the shorter way round; a grey takes that of the other."""
    if grey or other_grey:
        return second if grey else first
    return first + share * ((second - first + 180) % 360 - 180)


def linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def gamma(light: float) -> float:
    size = abs(light)
    return math.copysign(12.92 * size if size <= 0.0031308 else 1.055 * size ** (1 / 2.4) - 0.055, light)


def _times(matrix, vector) -> Triple:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def _to_oklab(rgb: Triple) -> Triple:
    return _times(TO_OKLAB, [math.cbrt(part) for part in _times(TO_LMS, tuple(map(linear, rgb)))])


def _from_oklab(lab: Triple) -> Triple:
    lightness, a, b = lab
    roots = (
        lightness + 0.3963377774 * a + 0.2158037573 * b,
        lightness - 0.1055613458 * a - 0.0638541728 * b,
        lightness - 0.0894841775 * a - 1.2914855480 * b,
    )
    long, middle, short = (root**3 for root in roots)
    return (
        gamma(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short),
        gamma(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short),
        gamma(-0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short),
    )


def _to_oklch(rgb: Triple) -> Triple:
    lightness, a, b = _to_oklab(rgb)
    return lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360


def _from_oklch(lch: Triple) -> Triple:
    turn = math.radians(lch[2])
    return _from_oklab((lch[0], lch[1] * math.cos(turn), lch[1] * math.sin(turn)))


def _to_hsl(rgb: Triple) -> Triple:
    hue, lightness, saturation = colorsys.rgb_to_hls(*rgb)
    return 360 * hue, 100 * saturation, 100 * lightness


def _from_hsl(hsl: Triple) -> Triple:
    share = [min(1.0, max(0.0, part / 100)) for part in hsl[1:]]
    return colorsys.hls_to_rgb(hsl[0] / 360 % 1, share[1], share[0])


SPACES: dict[str, tuple[Callable[[Triple], Triple], Callable[[Triple], Triple]]] = {
    "srgb": (tuple, tuple),
    "srgb-linear": (lambda rgb: tuple(map(linear, rgb)), lambda light: tuple(map(gamma, light))),
    "oklab": (_to_oklab, _from_oklab),
    "oklch": (_to_oklch, _from_oklch),
    "hsl": (_to_hsl, _from_hsl),
}
