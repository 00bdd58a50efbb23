"""Gradients (SVG 2, section 14.2) that CairoSVG 2.9 does not draw: without extent, or with a start circle (`fr`)."""

from itertools import accumulate

import cairocffi as cairo
import cairosvg.defs
from cairosvg.bounding_box import calculate_bounding_box, is_non_empty_bounding_box
from cairosvg.helpers import size, transform

OF_USER = "userSpaceOnUse"


def draw_gradient(surface, node, name: str, opacity: float) -> bool:
    """Stands in for CairoSVG's function: make a gradient the source of what is painted."""
    gradient = surface.gradients[name]
    in_boxes = gradient.get("gradientUnits") != OF_USER
    box = calculate_bounding_box(surface, node) if in_boxes else None
    if in_boxes and not is_non_empty_bounding_box(box):
        return False
    stops = _stops(surface, gradient, opacity)
    source = _source(surface, gradient, in_boxes)
    if source is None:
        surface.context.set_source_rgba(*(stops[-1][1] if stops else (0, 0, 0, 0)))
        return True
    if in_boxes:
        x, y, width, height = box
        source.set_matrix(cairo.Matrix(1 / width, 0, 0, 1 / height, -x / width, -y / height))
    transform(surface, gradient.get("gradientTransform"), source)
    for offset, colour in stops:
        source.add_color_stop_rgba(offset, *colour)
    spread = gradient.get("spreadMethod", "pad")
    source.set_extend(cairosvg.defs.EXTEND_OPERATORS.get(spread, cairo.EXTEND_PAD))
    surface.context.set_source(source)
    return True


def _stops(surface, gradient, opacity: float) -> list[tuple[float, tuple[float, ...]]]:
    """Offsets, none before the one above it, and colours."""
    offsets = accumulate((size(surface, stop.get("offset"), 1) for stop in gradient.children), max, initial=0.0)
    next(offsets)
    colours = (
        surface.map_color(stop.get("stop-color", "black"), float(stop.get("stop-opacity", 1)) * opacity)
        for stop in gradient.children
    )
    return list(zip(offsets, colours, strict=True))


def _source(surface, gradient, in_boxes: bool) -> cairo.Gradient | None:
    """None for a gradient without extent, which paints its last colour (SVG 2, sections 14.2.2 and 14.2.3)."""
    across, down, along = (1, 1, 1) if in_boxes else ("x", "y", "xy")
    if gradient.tag == "linearGradient":
        x1, x2 = (size(surface, gradient.get(key, usual), across) for key, usual in (("x1", "0%"), ("x2", "100%")))
        y1, y2 = (size(surface, gradient.get(key, "0%"), down) for key in ("y1", "y2"))
        return None if (x1, y1) == (x2, y2) else cairo.LinearGradient(x1, y1, x2, y2)
    r, fr = (size(surface, gradient.get(key, usual), along) for key, usual in (("r", "50%"), ("fr", "0%")))
    cx, cy = size(surface, gradient.get("cx", "50%"), across), size(surface, gradient.get("cy", "50%"), down)
    fx, fy = size(surface, gradient.get("fx", str(cx)), across), size(surface, gradient.get("fy", str(cy)), down)
    return None if r <= 0 else cairo.RadialGradient(fx, fy, max(0.0, fr), cx, cy, r)
