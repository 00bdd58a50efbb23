"""What each property and attribute may hold, and how CairoSVG wants it written.

Every function takes the text, the element's units and what 100% is, and returns the text for CairoSVG, or None for what
a browser would ignore.
"""

import re
from collections.abc import Callable

from mmzero_env.draw.svg.css.values import colours, fonts
from mmzero_env.draw.svg.css.values.lengths import Units, angle, length, length_list, length_px, number, shown

Canonical = Callable[[str, Units, float | None], str | None]

PLAIN = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:px)?\Z")
UNITLESS = re.compile(r"(?:\d+\.?\d*|\.\d+)\Z")
URL = re.compile(r"url\(\s*[\"']?\s*#([^\"')]*?)\s*[\"']?\s*\)\Z", re.IGNORECASE)
SHAPE = re.compile(r"\b(?:circle|ellipse|inset|polygon|path)\(", re.IGNORECASE)
# https://www.w3.org/TR/css-fonts-4/#absolute-size-mapping
FONT_SIZES = {
    "xx-small": 9.0,
    "x-small": 10.0,
    "small": 13.0,
    "medium": 16.0,
    "large": 18.0,
    "x-large": 24.0,
    "xx-large": 32.0,
    "xxx-large": 48.0,
}
STEP = 1.2
FAR = 1e6
LARGEST_FONT = 1e4  # px, as in Chromium; FreeType draws nothing beyond some 50,000
FONT = re.compile(
    r"(?P<style>(?:(?:normal|italic|oblique|small-caps|bold|bolder|lighter|[1-9]\d{2}|(?:semi-|extra-|ultra-)?"
    r"(?:condensed|expanded))\s+)*)(?P<size>[^\s/]+(?:\([^)]*\))?)(?:\s*/\s*\S+)?\s+(?P<family>\S.*)\Z",
    re.IGNORECASE,
)


def _paint(text: str, units: Units, base: float | None) -> str | None:
    return colours.paint(text)


def _colour(text: str, units: Units, base: float | None) -> str | None:
    return colours.colour(text)


def _share(text: str, units: Units, base: float | None) -> str | None:
    """An opacity, or the offset of a stop: 0 to 1 or 0% to 100%."""
    value = number(text)
    return None if value is None else shown(min(1.0, max(0.0, value)))


def _length(text: str, units: Units, base: float | None) -> str | None:
    return length(text, units, base)


def _size(text: str, units: Units, base: float | None) -> str | None:
    """A length that cannot be negative; `auto` is as good as nothing."""
    found = length(text, units, base)
    return None if found is None or found.startswith("-") else _near(found)


def _near(found: str) -> str:
    """Far beyond every picture one length is as good as another, and cairo does not end with arcs of 1e200."""
    value = number(found)
    return shown(FAR) if value is not None and value > FAR else found


def _extent(text: str, units: Units, base: float | None) -> str | None:
    """A width, height or radius. A negative one is an error: what has it is not drawn."""
    found = length(text, units, base)
    return "0" if found is not None and found.startswith("-") else found and _near(found)


def _lengths(text: str, units: Units, base: float | None) -> str | None:
    return length_list(text, units, base)


def _dashes(text: str, units: Units, base: float | None) -> str | None:
    if text.strip().lower() == "none":
        return "none"
    found = length_list(text, units, base)
    return None if found is None or "-" in re.sub("e-", "", found) else found


def _spacing(text: str, units: Units, base: float | None) -> str | None:
    return "0" if text.strip().lower() == "normal" else length(text, units, units.font)


def _at_least_one(text: str, units: Units, base: float | None) -> str | None:
    value = number(text)
    return None if value is None or value < 1 else shown(value)


def _orient(text: str, units: Units, base: float | None) -> str | None:
    if text.strip() in ("auto", "auto-start-reverse"):
        return text.strip()
    value = angle(text)
    return None if value is None else shown(value)


def _angles(text: str, units: Units, base: float | None) -> str | None:
    values = [angle(word) for word in re.split(r"[\s,]+", text.strip())]
    return None if None in values else " ".join(map(shown, values))


def _keyword(text: str, units: Units, base: float | None) -> str | None:
    return text.strip().lower()


def _weight(text: str, units: Units, base: float | None) -> str | None:
    text = text.strip().lower()
    return {"bolder": "bold", "lighter": "normal"}.get(text, text)


def _slant(text: str, units: Units, base: float | None) -> str | None:
    return text.strip().lower().partition(" ")[0]


def _family(text: str, units: Units, base: float | None) -> str | None:
    return fonts.family(text)


def _reference(text: str, units: Units, base: float | None) -> str | None:
    match = URL.match(text.strip())
    if match is None:
        return "none" if text.strip().lower() == "none" else None
    return f"url(#{match[1]})"


def _clip(text: str, units: Units, base: float | None) -> str | None:
    """A reference, or a shape that geometry/clips.py turns into one."""
    found = _reference(text, units, base)
    return text.strip() if found is None and SHAPE.search(text) else found


def path_data(text: str) -> str | None:
    """What stands in a `path("...")`."""
    match = re.match(r"path\(\s*(?:(?:evenodd|nonzero)\s*,\s*)?([\"'])(.*?)\1\s*\)\Z", text.strip(), re.DOTALL)
    return match[2] if match else None


def _path(text: str, units: Units, base: float | None) -> str | None:
    return path_data(text)


def font_px(text: str, parent: Units) -> float | None:
    """A font size in px; `parent`: the units of the parent element, which em and % refer to.

    >>> font_px("120%", Units(font=20.0)), font_px("large", Units()), font_px("2em", Units()), font_px("big", Units())
    (24.0, 18.0, 32.0, None)
    """
    word = text.strip().lower()
    if word in FONT_SIZES:
        return FONT_SIZES[word]
    if word in ("larger", "smaller"):
        return parent.font * STEP if word == "larger" else parent.font / STEP
    value = length_px(word, parent, parent.font)
    return None if value is None or value < 0 else min(value, LARGEST_FONT)


def font_parts(text: str) -> dict[str, str] | None:
    """The `font` shorthand, None if this is none.

    >>> font_parts("italic 600 1.2em/1.5 'Open Sans', serif")["font-size"]
    '1.2em'
    """
    match = FONT.match(text.strip())
    if match is None:
        return None
    words = match["style"].lower().split()
    slant = next((word for word in words if word in ("italic", "oblique")), "normal")
    weight = next((word for word in words if word[0].isdigit() or word in ("bold", "bolder", "lighter")), "normal")
    return {
        "font-style": slant,
        "font-weight": weight,
        "font-size": match["size"],
        "font-family": match["family"],
    }


PROPERTIES: dict[str, Canonical] = {
    "fill": _paint,
    "stroke": _paint,
    "font-weight": _weight,
    "font-style": _slant,
    "font-family": _family,
    "stroke-dasharray": _dashes,
    "stroke-miterlimit": _at_least_one,
    "letter-spacing": _spacing,
    "stroke-width": _size,
    "stroke-dashoffset": _length,
}
COLOURS = ("color", "stop-color", "flood-color", "lighting-color")
PROPERTIES |= dict.fromkeys(COLOURS, _colour)
SHARES = ("opacity", "fill-opacity", "stroke-opacity", "stop-opacity", "flood-opacity")
PROPERTIES |= dict.fromkeys(SHARES, _share)
REFERENCES = ("mask", "filter", "marker-start", "marker-mid", "marker-end")
PROPERTIES |= dict.fromkeys(REFERENCES, _reference) | {"clip-path": _clip}
PROPERTIES |= dict.fromkeys(
    """
alignment-baseline baseline-shift clip-rule display dominant-baseline fill-rule isolation mask-type mix-blend-mode
overflow paint-order shape-rendering stroke-linecap stroke-linejoin text-anchor text-decoration
text-rendering text-transform vector-effect visibility white-space writing-mode
""".split(),  # noqa: SIM905
    _keyword,
)
# Most attributes of a drawing are this plain and need no look at what they mean; of those not named here, lengths.
PLAIN_OF = dict.fromkeys(("fill", "stroke", *COLOURS), colours.HEX)
PLAIN_OF |= dict.fromkeys((*SHARES, "stroke-miterlimit"), UNITLESS)
# What `initial` stands for, where leaving the property out would inherit another value.
INITIAL = {
    "fill": "black",
    "stroke": "none",
    "color": "black",
    "fill-opacity": "1",
    "stroke-opacity": "1",
    "stroke-width": "1",
    "stroke-dasharray": "none",
    "font-size": "16",
    "font-family": "sans-serif",
    "text-anchor": "start",
    "visibility": "visible",
    "letter-spacing": "0",
} | dict.fromkeys(("font-weight", "font-style", "text-transform", "white-space"), "normal")

# Said in a note where they have another value: what is written is drawn without them.
NOT_DRAWN = dict.fromkeys(("word-spacing", "font-variant", "font-variant-caps"), ("normal", "0", "0px", "inherit")) | {
    "text-shadow": ("none", "inherit"),
    "text-orientation": ("mixed", "sideways", "inherit"),
}

# Attributes that are no properties.
ATTRIBUTES: dict[str, Canonical] = (
    dict.fromkeys(("x1", "y1", "x2", "y2", "fx", "fy", "fr", "refX", "refY"), _length)
    | {"startOffset": lambda text, units, base: length(text, units)}
    | dict.fromkeys(("markerWidth", "markerHeight"), _size)
)
TEXT_ATTRIBUTES: dict[str, Canonical] = dict.fromkeys(("x", "y", "dx", "dy"), _lengths) | {"rotate": _angles}
# Properties that are also attributes (SVG 2, section 7.2), and of what.
GEOMETRY: dict[str, Canonical] = (
    {"x": _length, "y": _length, "cx": _length, "cy": _length, "d": _path}
    | dict.fromkeys(("width", "height", "r"), _extent)
    | dict.fromkeys(("rx", "ry"), _size)
)
BOXES = frozenset(("svg", "rect", "image", "use"))
HAS_GEOMETRY = {
    **dict.fromkeys(("x", "y", "width", "height"), BOXES),
    **dict.fromkeys(("cx", "cy"), frozenset(("circle", "ellipse"))),
    "r": frozenset(("circle",)),
    **dict.fromkeys(("rx", "ry"), frozenset(("rect", "ellipse"))),
    "d": frozenset(("path",)),
}
ORIENT, OFFSET = _orient, _share
AXES = {
    **dict.fromkeys(("x", "x1", "x2", "dx", "cx", "fx", "rx", "width", "refX", "markerWidth"), "x"),
    **dict.fromkeys(("y", "y1", "y2", "dy", "cy", "fy", "ry", "height", "refY", "markerHeight"), "y"),
}
