"""Transforms of elements: the attributes and the properties, with their origin, as one attribute."""

from dataclasses import replace
from xml.etree.ElementTree import Element

from mmzero_env.draw.svg.css.geometry import transforms
from mmzero_env.draw.svg.css.geometry.shapes import bounding_box
from mmzero_env.draw.svg.css.values.lengths import Units, length_px, shown

# The properties that move an element besides `transform`, in the order in which they apply.
SINGLE = ("translate", "rotate", "scale")
MOVING = frozenset(("transform", "transform-origin", "transform-box", *SINGLE))
OF_PAINTS = {
    "linearGradient": "gradientTransform",
    "radialGradient": "gradientTransform",
    "pattern": "patternTransform",
}


def place(element: Element, tag: str, moves: dict[str, str], units: Units) -> str | None:
    """Write the transform of an element; `moves`: its declared properties. Returns a note if it is not understood."""
    attributes = element.attrib
    if not moves and transforms.PLAIN.match(attributes.get("transform", "")) and "transform-origin" not in attributes:
        return None
    text = moves.get("transform", attributes.get("transform", ""))
    origin = moves.get("transform-origin", attributes.pop("transform-origin", None))
    note = None
    box = (0.0, 0.0, *units.view)  # what percentages and the origin refer to
    if moves.get("transform-box", "view-box") in ("fill-box", "content-box"):
        box = bounding_box(element, tag, units)
        if box is None:
            note = f"transform-box: fill-box of <{tag}> is not known, its origin is 0 0"
            box = (0.0, 0.0, 0.0, 0.0)
        units = replace(units, view=box[2:])
    try:
        matrix = transforms.matrix_of(text, units)
        for name in reversed(SINGLE):
            if name in moves:
                matrix = transforms.multiply(transforms.individual(name, moves[name], units), matrix)
        if origin is not None and matrix != transforms.IDENTITY:
            matrix = transforms.around(matrix, transforms.origin(origin, box, units))
    except transforms.NoTransform as problem:
        matrix, note = transforms.IDENTITY, f"transform: {str(problem)[:60]} is not understood"
    attributes.pop("transform", None)
    if matrix != transforms.IDENTITY:
        attributes["transform"] = transforms.written(matrix)
    return note


def place_use(attributes: dict[str, str], units: Units) -> None:
    """x and y of a `<use>` as the end of its transform (https://www.w3.org/TR/SVG2/struct.html#UseElement).

    CairoSVG 2.9 moves by them after it has clipped, and takes them away, so the next drawing stands elsewhere.
    """
    x, y = (length_px(attributes.get(name, "0"), units, side) for name, side in zip("xy", units.view, strict=True))
    if None not in (x, y) and (x or y):
        attributes["transform"] = f"{attributes.get('transform', '')} translate({shown(x)} {shown(y)})".strip()
    for name in "xy":
        attributes.pop(name, None)


def place_paint(attributes: dict[str, str], name: str, units: Units) -> None:
    """The transform of a gradient or a pattern."""
    if name in attributes and not transforms.PLAIN.match(attributes[name]):
        try:
            attributes[name] = transforms.written(transforms.matrix_of(attributes[name], units))
        except transforms.NoTransform:
            del attributes[name]
