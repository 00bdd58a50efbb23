"""Masks by luminance, as SVG has them (https://www.w3.org/TR/css-masking-1/#MaskElement).

CairoSVG 2.9 uses the alpha of what a mask draws, so black cuts no hole, and misplaces masks with default units. Here
the mask is drawn into pixels of the size of the picture, weighed by luminance, and painted through.
"""

import math

import cairocffi as cairo
import numpy as np
from cairosvg.bounding_box import BOUNDING_BOX_METHODS, is_valid_bounding_box
from cairosvg.helpers import size

from mmzero_env.draw.svg.boxes import Box, union
from mmzero_env.draw.svg.text_boxes import text_box

LUMINANCE = (0.0722, 0.7152, 0.2126)  # of blue, green, red: the order of the pixels in memory
SHAPES = frozenset(("g", "rect", "circle", "ellipse", "line", "polyline", "polygon", "path"))
REGION = {"x": "-10%", "y": "-10%", "width": "120%", "height": "120%"}


def paint_mask(surface, node, name: str, opacity: float) -> None:
    """Stands in for CairoSVG's function: paint the source of `surface`, the group of `node`, through a mask."""
    mask, box = surface.masks[name], box_of(surface, node)
    if box is None and mask.get("maskContentUnits") == "objectBoundingBox":
        surface.context.paint_with_alpha(opacity)  # better seen whole than not at all
        return
    left, top, right, bottom = device_extents(surface)
    if right <= left or bottom <= top:
        return
    pixels = cairo.ImageSurface(cairo.FORMAT_ARGB32, right - left, bottom - top)
    _draw(surface, mask, box, pixels, (left, top))
    stencil = _weighed(pixels, mask.get("mask-type") == "alpha", opacity)
    surface.context.save()
    surface.context.identity_matrix()
    surface.context.mask_surface(stencil, left, top)
    surface.context.restore()


def _draw(surface, mask, box: Box | None, pixels: cairo.ImageSurface, place: tuple[int, int]) -> None:
    outer, context = surface.context, cairo.Context(pixels)
    context.translate(-place[0], -place[1])
    context.transform(outer.get_matrix())
    surface.context, surface.in_mask = context, True
    try:
        region = _region(surface, mask, box)
        if region is not None:
            context.rectangle(*region)
            context.clip()
        if box is not None and mask.get("maskContentUnits") == "objectBoundingBox":
            context.translate(box[0], box[1])
            context.scale(box[2], box[3])
        context.move_to(0, 0)
        for child in mask.children:
            surface.draw(child)
    finally:
        surface.context, surface.in_mask = outer, False
    pixels.flush()


def _region(surface, mask, box: Box | None) -> Box | None:
    """x, y, width and height outside which a mask hides everything; None without limit."""
    if mask.get("maskUnits") == "userSpaceOnUse":
        if not any(key in mask for key in REGION):
            return None
        return tuple(size(surface, mask.get(key, REGION[key]), "xy"[key in ("y", "height")]) for key in REGION)
    if box is None:
        return None
    x, y, width, height = (size(surface, mask.get(key, REGION[key]), 1) for key in REGION)
    return box[0] + x * box[2], box[1] + y * box[3], width * box[2], height * box[3]


def box_of(surface, node) -> Box | None:
    """The box of a shape or a text; None where it is not known (groups with texts or transforms inside)."""
    if node.tag == "text":
        return text_box(node)
    if not all(below.tag in SHAPES for below in (node, *_below(node))) or any("transform" in x for x in _below(node)):
        return None
    boxes = [box for box in (_shape_box(surface, below) for below in (node, *_below(node)) if below.tag != "g") if box]
    if not boxes:
        return None
    box = union(boxes)
    return box if box[2] > 0 and box[3] > 0 else None


def _shape_box(surface, node) -> Box | None:
    box = BOUNDING_BOX_METHODS[node.tag](surface, node)  # also that of a level line, which has no height
    return box if is_valid_bounding_box(box) else None


def _below(node):
    for child in node.children:
        yield child
        yield from _below(child)


def device_extents(surface) -> tuple[int, int, int, int]:
    """What can be painted now, in whole pixels of the picture."""
    surface.context.save()
    surface.context.identity_matrix()
    left, top, right, bottom = surface.context.clip_extents()
    surface.context.restore()
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


def _weighed(pixels: cairo.ImageSurface, by_alpha: bool, opacity: float) -> cairo.ImageSurface:
    """Pixels to how much of them is shown: luminance times alpha (colours are multiplied by it already)."""
    width, height, stride = pixels.get_width(), pixels.get_height(), pixels.get_stride()
    grid = np.frombuffer(pixels.get_data(), np.uint8).reshape(height, stride)[:, : 4 * width].reshape(height, width, 4)
    shown = grid[:, :, 3] if by_alpha else grid[:, :, :3] @ np.array(LUMINANCE)
    stencil = cairo.ImageSurface(cairo.FORMAT_A8, width, height)
    rows = np.frombuffer(stencil.get_data(), np.uint8).reshape(height, stencil.get_stride())
    rows[:, :width] = np.round(shown * opacity).astype(np.uint8)
    stencil.mark_dirty()
    return stencil
