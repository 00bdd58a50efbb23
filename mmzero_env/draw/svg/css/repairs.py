"""What CairoSVG 2.9 draws otherwise than it should, mended by writing it in another way.

A `<use>` does not fade, a shape fades part by part; `paint-order` of shapes and vertical text are not known; a marker
without viewBox is scaled to fill its box; an ellipse needs both radii; dashes know no `pathLength`; clips come before
filters, and are in the units around an inner `<svg>`.
"""

from copy import deepcopy
from xml.etree.ElementTree import Element

from mmzero_env.draw.svg.css.geometry.moves import OF_PAINTS, place_paint, place_use
from mmzero_env.draw.svg.css.geometry.shapes import outline_length
from mmzero_env.draw.svg.css.properties import PLAIN
from mmzero_env.draw.svg.css.styles.stylesheet import SVG
from mmzero_env.draw.svg.css.values.lengths import Units, length_px, number, shown

SPECIAL = frozenset(("ellipse", "marker", "svg", "use", *OF_PAINTS))
OUTLINED = frozenset(("rect", "circle", "ellipse", "path", "polygon", "polyline", "line"))
OF_GROUPS = ("transform", "opacity", "clip-path", "mask", "filter", "display", "mix-blend-mode")
AFTER_FILTERS = frozenset(("clip-path", "mask", "opacity", "mix-blend-mode"))
FADED = OUTLINED | {"text"}
REGROUPING = ("filter", "opacity", "paint-order")
MARKERS = ("marker-start", "marker-mid", "marker-end")
PLACED = frozenset("xy")


def repair(element: Element, tag: str, units: Units) -> None:
    """Rewrite one of the SPECIAL elements, or one with a `pathLength`."""
    attributes = element.attrib
    if "pathLength" in attributes and "stroke-dasharray" in attributes:
        _dashes(attributes, tag, units)
    if tag == "ellipse" and ("rx" in attributes) != ("ry" in attributes):
        attributes["rx"] = attributes["ry"] = attributes.get("rx") or attributes["ry"]
    if tag == "marker" and "viewBox" not in attributes:
        sides = [attributes.get(name, "3").removesuffix("px") for name in ("markerWidth", "markerHeight")]
        if all(map(PLAIN.match, sides)):
            attributes["viewBox"] = f"0 0 {sides[0]} {sides[1]}"
    if tag == "use":
        place_use(attributes, units)
    if tag == "svg":
        _inside(element, ("clip-path", "mask"))
    if tag in OF_PAINTS:
        place_paint(attributes, OF_PAINTS[tag], units)


def regrouped(element: Element, painted: frozenset[str]) -> Element:
    """An element that has one of REGROUPING, its styles computed, or the group that stands in its place.

    `painted`: those of fill and stroke that it has, or inherits.
    """
    tag = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
    if tag == "use" and number(element.get("opacity", "1")) != 1:
        return around(element, ("id", "opacity"))
    if element.get("paint-order", "")[:6] == "stroke" and tag in OUTLINED:
        element = stroke_below(element)
    if "filter" in element.attrib and not AFTER_FILTERS.isdisjoint(element.attrib):
        return filtered_first(element)
    overlaps = len(painted) > 1 or not element.attrib.keys().isdisjoint(MARKERS)
    if overlaps and tag in FADED and number(element.get("opacity", "1")) != 1 and not len(element):
        return around(element, ("id", "opacity"))  # as one, not line and fill and markers by themselves
    return element


def around(element: Element, names: tuple[str, ...]) -> Element:
    """A group that holds an element and has these of its attributes."""
    group = _taking(element, names)
    group.append(element)
    return group


def _taking(element: Element, names: tuple[str, ...]) -> Element:
    """An empty group with these attributes of an element, which loses them."""
    return Element(f"{SVG}g", {name: element.attrib.pop(name) for name in names if name in element.attrib})


def stroke_below(shape: Element) -> Element:
    """A shape whose `paint-order` begins with the stroke, as two in a group: one with only the stroke, one without."""
    group = _taking(shape, OF_GROUPS)
    above = deepcopy(shape)
    shape.set("fill", "none")
    above.set("stroke", "none")
    above.attrib.pop("id", None)
    for name in MARKERS:
        shape.attrib.pop(name, None)
    group.extend((shape, above))
    return group


def filtered_first(element: Element) -> Element:
    """An element with a filter in a group that has what comes after filters (https://www.w3.org/TR/SVG2/render.html)."""
    return around(element, ("id", *(name for name in OF_GROUPS if name != "filter")))


def vertical(text: Element) -> str | None:
    """Turn a text with a vertical `writing-mode`: as browsers draw it where letters do not stand upright.

    Returns a note where it cannot be done.
    """
    attributes = text.attrib
    mode = attributes.pop("writing-mode")
    if not mode.startswith(("vertical", "tb", "sideways-rl")):
        return None
    x, y = (number(attributes.get(name, "0").removesuffix("px")) for name in "xy")
    if None in (x, y) or any(not PLACED.isdisjoint(piece.attrib) for piece in text.iter() if piece is not text):
        return f"writing-mode: {mode} is not drawn: {' '.join(''.join(text.itertext()).split())[:40]!r}"
    attributes["transform"] = f"{attributes.get('transform', '')} rotate(90 {shown(x)} {shown(y)})".strip()
    attributes.setdefault("dominant-baseline", "central")
    return None


def _inside(element: Element, names: tuple[str, ...]) -> None:
    """Let these attributes of an `<svg>` be those of a group in it: browsers take them in its own units."""
    if not element.attrib.keys().isdisjoint(names):
        group = _taking(element, names)
        group.extend(list(element))
        element[:] = [group]


def _dashes(attributes: dict[str, str], tag: str, units: Units) -> None:
    """Dashes in parts of `pathLength`, as px."""
    whole, dashes = number(attributes["pathLength"]), attributes.get("stroke-dasharray", "none").split()
    if not whole or whole < 0 or "none" in dashes:
        return
    scale = outline_length(attributes, tag, units) / whole
    for name in ("stroke-dasharray", "stroke-dashoffset"):
        values = [length_px(word, units) for word in attributes.get(name, "0").replace(",", " ").split()]
        if name in attributes and None not in values:
            attributes[name] = " ".join(shown(scale * value) for value in values)
