"""Filtered elements: drawn into pixels of their own, put through the steps of their filter, and painted."""

import math
from dataclasses import replace
from xml.etree.ElementTree import Element

import cairocffi as cairo
import cairosvg.surface
import numpy as np
from cairosvg.helpers import transform
from cairosvg.url import parse_url

from mmzero_env.draw.svg.boxes import Box
from mmzero_env.draw.svg.effects.areas import Rectangle, area, common, device, grown, part, user_box
from mmzero_env.draw.svg.effects.chain import CONVOLUTION, cost, through
from mmzero_env.draw.svg.effects.primitives import ALPHA, Pixels
from mmzero_env.draw.svg.effects.reading import Effect, effects_of, region_px
from mmzero_env.draw.svg.effects.steps import STEPS, Frame, reach
from mmzero_env.draw.svg.masks import box_of, device_extents

# Pixels times steps in one drawing, about two seconds of work; more is drawn without effects, and said.
MOST_WORK = 30_000_000
FURTHEST = 512  # pixels outside the picture that may still be blurred or moved into it
# They paint where nothing was.
GROUNDLESS = frozenset(
    ("feFlood", "feTurbulence", "feDiffuseLighting", "feComponentTransfer", "feColorMatrix", "feTile", CONVOLUTION)
)
TOO_MUCH = "filter effects of large elements are not drawn: too much work"


class Effects:
    """The filters of a document; stands in for what CairoSVG does with them."""

    def __init__(self):
        for name in ("prepare_filter", "apply_filter_before_painting", "apply_filter_after_painting"):
            setattr(cairosvg.surface, name, lambda surface, node, name: None)
        self.effects: dict[str, Effect] = {}
        self.work, self.notes = 0, []

    def start(self, root: Element | None) -> None:
        """For one document, whose styles have been applied; None for one that cannot have filters."""
        self.effects, self.work, self.notes = {}, 0, []
        for name, effect in ({} if root is None else effects_of(root)).items():
            unknown = dict.fromkeys(step.tag for step in effect.steps if step.tag not in STEPS)
            if unknown:
                self.notes.append(f"filter effects are not drawn: {', '.join(unknown)}")
            else:
                self.effects[name] = effect

    def of(self, node) -> Effect | None:
        """The filter of an element of CairoSVG's tree; None where there is none of this name."""
        return self.effects.get(parse_url(node["filter"]).fragment)

    def paint(self, surface, node, effect: Effect) -> None:
        """Draw an element with its filter. Clips, masks and opacity have been moved to a group around it (css/)."""
        if not effect.steps:
            return  # as browsers do: nothing comes out
        reference = node.pop("filter")
        try:
            self._paint(surface, node, effect)
        finally:
            node["filter"] = reference

    def _paint(self, surface, node, effect: Effect) -> None:
        frame = Frame((0, 0), (0, 0), _matrix(surface, node))
        view, recorded = device_extents(surface), None
        box = None if node.tag == "text" else box_of(surface, node)
        if box is None:
            recorded = _recorded(surface, node, grown(view, FURTHEST))
            ink = _ink(recorded)
            box = _text_box(surface, node) or user_box(ink, frame)
        if effect.steps_in_boxes:
            frame = replace(frame, box=box[2:])
        further = math.ceil(min(sum(reach(step.element, frame) for step in effect.steps), FURTHEST))
        bounds = _bounds(effect, box, _viewport(surface))
        region = bounds and device(bounds, frame)
        anywhere = any(step.tag in GROUNDLESS for step in effect.steps)
        extents = common(grown(view, further), region and grown(region, further))
        if recorded is not None and extents is not None and not anywhere:
            extents = common(extents, grown(ink, further))
        if extents is None:
            return
        if not self._affordable(area(extents)):
            _put(surface.context, recorded) if recorded else surface.draw(node)
            return
        layer, pixels = _drawn(surface, node, extents, recorded)  # whose memory goes with it
        needed = extents
        if not anywhere:
            painted = _painted(pixels, extents)
            needed = painted and common(extents, grown(painted, further))
        if needed is None:
            return
        pixels = pixels[part(needed, extents)].copy()
        del layer
        frame = replace(frame, shape=pixels.shape[:2], corner=needed[:2])
        if self._affordable(area(needed) * sum(cost(step) for step in effect.steps)):
            pixels = through(effect, pixels, frame, region, box, _viewport(surface))
        surface.context.save()
        if bounds and (frame.matrix[1] or frame.matrix[2]):  # a turned region is less than the rectangle around it
            _clip(surface.context, bounds, frame)
        _put(surface.context, _surface_of(pixels), needed[:2])
        surface.context.restore()

    def _affordable(self, work: int) -> bool:
        """Count work to be done, in pixels times steps; notes the first that is too much."""
        if self.work + work > MOST_WORK:
            if TOO_MUCH not in self.notes:
                self.notes.append(TOO_MUCH)
            return False
        self.work += work
        return True


def _bounds(effect: Effect, box: Box, view: tuple[float, float]) -> Box | None:
    """What a filter may paint, None without limit."""
    if effect.region is None:
        return None
    found = region_px(effect.region, box, effect.in_boxes, view)
    return None if None in found else tuple(found)


def _text_box(surface, node) -> Box | None:
    """The box of a text that has been drawn."""
    return box_of(surface, node) if node.tag == "text" else None


def _matrix(surface, node) -> tuple[float, ...]:
    """From the user units in which an element is drawn to pixels of the picture."""
    surface.context.save()
    transform(surface, node.get("transform"), transform_origin=node.get("transform-origin"))
    matrix = surface.context.get_matrix().as_tuple()
    surface.context.restore()
    return matrix


def _viewport(surface) -> tuple[float, float]:
    return surface.context_width, surface.context_height


def _recorded(surface, node, extents: Rectangle) -> cairo.RecordingSurface:
    """The element as what was drawn, for one whose box is not known."""
    left, top, right, bottom = extents
    recording = cairo.RecordingSurface(cairo.CONTENT_COLOR_ALPHA, (left, top, right - left, bottom - top))
    _draw(surface, node, recording)
    return recording


def _ink(recording: cairo.RecordingSurface) -> Rectangle:
    x, y, width, height = recording.ink_extents()
    return math.floor(x), math.floor(y), math.ceil(x + width), math.ceil(y + height)


def _drawn(surface, node, extents: Rectangle, recorded: cairo.RecordingSurface | None) -> tuple:
    """The element on pixels of its own: the surface and its pixels."""
    left, top, right, bottom = extents
    layer = cairo.ImageSurface(cairo.FORMAT_ARGB32, right - left, bottom - top)
    layer.set_device_offset(-left, -top)
    if recorded is None:
        _draw(surface, node, layer)
    else:
        _put(cairo.Context(layer), recorded)
    layer.flush()
    rows = np.frombuffer(layer.get_data(), np.uint8).reshape(bottom - top, layer.get_stride())
    return layer, rows[:, : 4 * (right - left)].reshape(bottom - top, right - left, 4)


def _draw(surface, node, target: cairo.Surface) -> None:
    outer, context = surface.context, cairo.Context(target)
    context.set_matrix(outer.get_matrix())
    surface.context = context
    try:
        surface.draw(node)
    finally:
        surface.context = outer


def _surface_of(pixels: Pixels) -> cairo.ImageSurface:
    height, width = pixels.shape[:2]
    picture = cairo.ImageSurface(cairo.FORMAT_ARGB32, width, height)
    np.frombuffer(picture.get_data(), np.uint8).reshape(pixels.shape)[:] = pixels
    picture.mark_dirty()
    return picture


def _put(context, source: cairo.Surface, corner: tuple[int, int] = (0, 0)) -> None:
    """Paint `source` with its origin at a pixel of the picture."""
    context.save()
    context.identity_matrix()
    context.set_source_surface(source, *corner)
    context.paint()
    context.restore()


def _clip(context, bounds: Box, frame: Frame) -> None:
    outer = context.get_matrix()
    context.set_matrix(cairo.Matrix(*frame.matrix))
    context.rectangle(*bounds)
    context.set_matrix(outer)
    context.clip()


def _painted(pixels: Pixels, extents: Rectangle) -> Rectangle | None:
    """The rectangle around all that is not transparent."""
    rows = np.flatnonzero(pixels[..., ALPHA].any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(pixels[..., ALPHA].any(axis=0))
    left, top = extents[:2]
    return left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1
