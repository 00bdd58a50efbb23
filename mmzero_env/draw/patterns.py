"""Patterns that several shapes share.

CairoSVG 2.9 writes the size and the opacity of the first shape into the pattern, so the second one looks different,
lets a pattern in units of the shape's box start at the corner of the picture, and stretches a viewBox over its tile.
"""

import re

import cairosvg.defs
from cairosvg.bounding_box import calculate_bounding_box, is_non_empty_bounding_box
from cairosvg.helpers import size


class Patterns:
    """Stands in for CairoSVG's function that makes a pattern the source of a fill or stroke."""

    def __init__(self):
        self.original = cairosvg.defs.draw_pattern
        cairosvg.defs.draw_pattern = self

    def __call__(self, surface, node, name: str, opacity: float) -> bool:
        pattern = surface.patterns[name]
        written, tag = dict(pattern), pattern.tag
        try:
            box = (0.0, 0.0, 1.0, 1.0)
            if pattern.get("patternUnits") != "userSpaceOnUse":
                box = calculate_bounding_box(surface, node)
                if not is_non_empty_bounding_box(box):
                    return False
                for key, start, side in (("x", box[0], box[2]), ("y", box[1], box[3])):
                    pattern[key] = str(size(surface, pattern.get(key), 1) + start / side)
            if "viewBox" in pattern and not pattern.get("preserveAspectRatio", "").startswith("none"):
                tile = size(surface, pattern.get("width"), 1) * box[2], size(surface, pattern.get("height"), 1) * box[3]
                pattern["viewBox"] = fitted(pattern["viewBox"], tile)
            return self.original(surface, node, name, opacity)
        finally:
            pattern.clear()
            pattern.update(written)
            pattern.tag = tag


def fitted(view_box: str, tile: tuple[float, float]) -> str:
    """The viewBox with as much on both sides as it needs to have the shape of its tile.

    >>> fitted("0 0 10 10", (40.0, 20.0))
    '-5.0 0.0 20.0 10.0'
    """
    try:
        x, y, width, height = map(float, re.split(r"[\s,]+", view_box.strip()))
    except ValueError:
        return view_box
    if not min(width, height, *tile) > 0:
        return view_box
    scale = min(tile[0] / width, tile[1] / height)
    wide, high = tile[0] / scale, tile[1] / scale
    return f"{x - (wide - width) / 2} {y - (high - height) / 2} {wide} {high}"
