"""Patterns (SVG 2, section 14.3): a tile in the pixels of the picture, repeated.

CairoSVG 2.9 draws the tile in user units with its size rounded up to whole ones, so small tiles vanish or blur and odd
ones drift; it writes the size and the opacity of the first shape into the pattern, so the second one looks different;
it lets a pattern in units of the shape's box start at the corner of the picture, stretches a viewBox over its tile, and
leaves `patternTransform` on the pen and the letters.
"""

import math

import cairocffi as cairo
import cairosvg.defs
from cairosvg.bounding_box import calculate_bounding_box, is_non_empty_bounding_box
from cairosvg.helpers import size, transform

from mmzero_env.draw.svg.boxes import Box
from mmzero_env.draw.svg.css.geometry.viewports import view_box

# Pixels of a tile, in those of the picture; a larger one is drawn coarser.
MOST_PIXELS = 4
MOST_SIDE = 8192
FURTHEST = 1e9
# A tile of 20.0000001 pixels has 20.
ROUNDING = 1e-3


class Patterns:
    """Stands in for CairoSVG's function that makes a pattern the source of a fill or stroke."""

    def __init__(self):
        cairosvg.defs.draw_pattern = self
        self._last: tuple | None = None  # many bars of a chart have one pattern

    def __call__(self, surface, node, name: str, opacity: float) -> bool:
        pattern, box = surface.patterns[name], (0.0, 0.0, 1.0, 1.0)
        in_boxes = pattern.get("patternUnits") != "userSpaceOnUse"
        if in_boxes or pattern.get("patternContentUnits") == "objectBoundingBox":
            box = calculate_bounding_box(surface, node)
            if not is_non_empty_bounding_box(box):
                return False
        tile = _tile(surface, pattern, box if in_boxes else (0.0, 0.0, 1.0, 1.0))
        if not (tile[2] > 0 and tile[3] > 0 and all(map(math.isfinite, tile))):
            return False
        matrix = surface.context.get_matrix()
        transform(surface, pattern.get("patternTransform"))
        xx, yx, xy, yy, *_ = surface.context.get_matrix().as_tuple()
        scales = math.hypot(xx, yx), math.hypot(xy, yy)  # pixels of the picture per unit
        wide, high = _pixels(surface, tile, scales)
        asked = (tile, box, (wide, high), opacity)
        if self._last is None or self._last[0] is not pattern or self._last[1] != asked:
            self._last = pattern, asked, _drawn(surface, pattern, tile, box, (wide, high), opacity)
        source = cairo.SurfacePattern(self._last[2])
        source.set_extend(cairo.EXTEND_REPEAT)
        # One pixel is the same everywhere; cairo fails on a tile of a small part of it.
        scale_x = wide / tile[2] if wide > 1 else scales[0]
        scale_y = high / tile[3] if high > 1 else scales[1]
        source.set_matrix(cairo.Matrix(scale_x, 0, 0, scale_y, -tile[0] * scale_x, -tile[1] * scale_y))
        surface.context.set_source(source)
        surface.context.set_matrix(matrix)
        return True


def _tile(surface, pattern, box: Box) -> Box:
    """x, y, width and height of one tile, whose lengths are parts of `box`."""
    x, y, width, height = (size(surface, pattern.get(key), 1) for key in ("x", "y", "width", "height"))
    return box[0] + x * box[2], box[1] + y * box[3], width * box[2], height * box[3]


def _pixels(surface, tile: Box, scales: tuple[float, float]) -> tuple[int, int]:
    """How many pixels a tile takes in the picture."""
    wide, high = min(FURTHEST, tile[2] * scales[0]), min(FURTHEST, tile[3] * scales[1])
    most = MOST_PIXELS * surface.cairo.get_width() * surface.cairo.get_height()
    less = min(1.0, math.sqrt(most / max(wide * high, 1.0)))
    return tuple(min(MOST_SIDE, max(1, math.ceil(side * less - ROUNDING))) for side in (wide, high))


def _drawn(surface, pattern, tile: Box, box: Box, pixels: tuple[int, int], opacity: float) -> cairo.ImageSurface:
    """One tile."""
    image = cairo.ImageSurface(cairo.FORMAT_ARGB32, *pixels)
    context = cairo.Context(image)
    context.scale(pixels[0] / tile[2], pixels[1] / tile[3])
    kept = {key: getattr(surface, key) for key in ("context", "context_width", "context_height", "font_size")}
    kept |= {key: getattr(surface, key) for key in ("cursor_position", "cursor_d_position", "text_path_width")}
    view = view_box(pattern.get("viewBox"))
    if view is not None:
        scale_x, scale_y, x, y = fitted(view, tile[2:], pattern.get("preserveAspectRatio", ""))
        context.translate(x, y)
        context.scale(scale_x, scale_y)
        surface.context_width, surface.context_height = view[2:]
    elif pattern.get("patternContentUnits") == "objectBoundingBox":
        context.scale(box[2], box[3])
    if opacity < 1:
        context.push_group()
    surface.context, surface.cursor_position, surface.cursor_d_position = context, [0, 0], [0, 0]
    try:
        for child in pattern.children:
            context.move_to(0, 0)
            surface.draw(child)
    finally:
        for key, value in kept.items():
            setattr(surface, key, value)
    if opacity < 1:
        context.pop_group_to_source()
        context.paint_with_alpha(opacity)
    image.flush()
    return image


def fitted(view: Box, tile: tuple[float, float], ratio: str) -> tuple[float, float, float, float]:
    """Scales and shifts that put a viewBox into its tile as `preserveAspectRatio` says (SVG 2, section 8.7).

    >>> fitted((0.0, 0.0, 10.0, 10.0), (40.0, 20.0), ""), fitted((0.0, 0.0, 10.0, 10.0), (40.0, 20.0), "xMaxYMax slice")
    ((2.0, 2.0, 10.0, 0.0), (4.0, 4.0, 0.0, -20.0))
    """
    scales = tile[0] / view[2], tile[1] / view[3]
    align, *rule = ratio.split() or ["xMidYMid"]
    if align == "none":
        return *scales, -view[0] * scales[0], -view[1] * scales[1]
    scale = max(scales) if "slice" in rule else min(scales)
    parts = {"Min": 0.0, "Max": 1.0}
    across, down = parts.get(align[1:4], 0.5), parts.get(align[5:8], 0.5)
    x = (tile[0] - view[2] * scale) * across - view[0] * scale
    y = (tile[1] - view[3] * scale) * down - view[1] * scale
    return scale, scale, x, y
