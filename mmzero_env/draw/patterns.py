"""Patterns that several shapes share.

CairoSVG 2.9 writes the size and the opacity of the first shape into the pattern, so the second one looks different, and
lets a pattern in units of the shape's box start at the corner of the picture.
"""

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
            if pattern.get("patternUnits") != "userSpaceOnUse":
                box = calculate_bounding_box(surface, node)
                if not is_non_empty_bounding_box(box):
                    return False
                for key, start, side in (("x", box[0], box[2]), ("y", box[1], box[3])):
                    pattern[key] = str(size(surface, pattern.get(key), 1) + start / side)
            return self.original(surface, node, name, opacity)
        finally:
            pattern.clear()
            pattern.update(written)
            pattern.tag = tag
