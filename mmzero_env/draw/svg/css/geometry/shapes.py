"""Boxes and lengths of shapes, as CairoSVG draws them, before anything is drawn."""

import contextlib

import cairocffi as cairo
import cairosvg.surface
from cairosvg.bounding_box import BOUNDING_BOX_METHODS, EMPTY_BOUNDING_BOX, bounding_box_polyline
from cairosvg.helpers import PointError, normalize
from cairosvg.path import path as draw_path
from cairosvg.text import path_length

from mmzero_env.draw.svg.boxes import Box, union
from mmzero_env.draw.svg.css.values.lengths import Units, length_px
from mmzero_env.draw.svg.glyphs import completed

FINE = 1000.0
UNKNOWN = ("use", "tspan", "textPath", "marker")
ANCHORS = {"middle": 0.5, "end": 1.0}


def _box_of_points(surface, node) -> Box:
    """Stands in for CairoSVG's functions, which fail where points are missing or half a one is left over."""
    try:
        return bounding_box_polyline(surface, node) if normalize(node.get("points", "")) else EMPTY_BOUNDING_BOX
    except PointError:
        return EMPTY_BOUNDING_BOX


def _box_of_path(surface, node) -> Box:
    """Stands in for CairoSVG's function, whose box holds the control points of curves and forgets those of smooth ones;
    the box is that of the line (SVG 2, section 8.10)."""
    box = _extents(surface, node, 1.0)
    side = max(box[2:])
    # cairo rounds places to 1/256 of a pixel, and can't have more than 2 ** 23 of these.
    return _extents(surface, node, FINE / side) if 0 < side < FINE else box


def _extents(surface, node, scale: float) -> Box:
    """The box of a path that is laid out with so many pixels per unit."""
    outer, surface.context = surface.context, cairo.Context(cairo.ImageSurface(cairo.FORMAT_A8, 1, 1))
    try:
        surface.context.scale(scale, scale)
        with contextlib.suppress(PointError):  # what comes before the mistake is drawn
            draw_path(surface, _Shape(node))
        left, top, right, bottom = surface.context.path_extents()
    finally:
        surface.context = outer
    nothing = not (left or top or right or bottom)
    return EMPTY_BOUNDING_BOX if nothing else (left, top, right - left, bottom - top)


BOUNDING_BOX_METHODS |= {"polygon": _box_of_points, "polyline": _box_of_points, "path": _box_of_path}


class _Page:
    """Stands in for CairoSVG's surface where only shapes are asked for."""

    dpi = 96

    def __init__(self, units: Units):
        self.context_width, self.context_height = units.view
        self.font_size = units.font
        self.context = cairo.Context(cairo.ImageSurface(cairo.FORMAT_A8, 1, 1))


class _Shape(dict):
    """The attributes of an element; CairoSVG notes vertices on it."""


def bounding_box(element, tag: str, units: Units) -> Box | None:
    """x, y, width and height of a shape, a text of one piece, or a group of them without transforms; None if there is
    none or it is not known."""
    if tag == "text":
        return _text_box(element, units)
    if tag == "g":
        boxes = [bounding_box(child, str(child.tag).rpartition("}")[2], units) for child in element]
        if not boxes or None in boxes or any("transform" in child.attrib for child in element.iter()):
            return None
        return union(boxes)
    if tag not in BOUNDING_BOX_METHODS or tag in UNKNOWN:
        return None
    return BOUNDING_BOX_METHODS[tag](_Page(units), element.attrib)


def outline_length(attributes: dict[str, str], tag: str, units: Units) -> float:
    """Length of the outline of a shape, in px; 0 for what has none."""
    if tag not in cairosvg.surface.PATH_TAGS:
        return 0.0
    page = _Page(units)
    try:
        cairosvg.surface.TAGS[tag](page, _Shape(attributes))
    except PointError:
        return 0.0
    return sum(path_length(part) for part in _parts(page.context.copy_path_flat()))


def _parts(path) -> list[list]:
    """Each line of a path with its points; what closes a line leads back to its start."""
    parts: list[list] = []
    for kind, points in path:
        if kind == cairo.PATH_MOVE_TO:
            parts.append([(kind, points)])
        elif kind == cairo.PATH_LINE_TO:
            parts[-1].append((kind, points))
        else:
            parts[-1].append((cairo.PATH_LINE_TO, parts[-1][0][1]))
    return parts


def _text_box(element, units: Units) -> Box | None:
    if len(element):
        return None
    family = element.get("font-family", "sans-serif").split(",")[0].strip("\"' ")
    context = _Page(units).context
    weight = cairo.FONT_WEIGHT_BOLD if element.get("font-weight") == "bold" else cairo.FONT_WEIGHT_NORMAL
    context.select_font_face(family, cairo.FONT_SLANT_NORMAL, weight)
    context.set_font_size(units.font)
    ascent, descent, *_ = context.font_extents()
    with completed(context, {}):
        width = context.text_extents(" ".join((element.text or "").split()))[4]
    x, y = (length_px(element.get(key, "0"), units, side) or 0.0 for key, side in zip("xy", units.view, strict=True))
    return x - width * ANCHORS.get(element.get("text-anchor"), 0.0), y - ascent, width, ascent + descent
