"""The steps of a filter, one after another: what each is given, and where it may paint."""

from dataclasses import dataclass, replace

import numpy as np

from mmzero_env.draw.svg.boxes import Box
from mmzero_env.draw.svg.effects.areas import Rectangle, device, user_box, within
from mmzero_env.draw.svg.effects.colours import FROM_LINEAR, TO_LINEAR, converted
from mmzero_env.draw.svg.effects.primitives import Pixels
from mmzero_env.draw.svg.effects.reading import Effect, Step, numbers, region_px
from mmzero_env.draw.svg.effects.steps import STEPS, Frame, alpha_of

HEAVY = {"feTurbulence": 20, "feDiffuseLighting": 4, "feSpecularLighting": 5, "feBlend": 3, "feComposite": 2}
CONVOLUTION, PER_WEIGHT = "feConvolveMatrix", 0.2
NOWHERE = ("BackgroundImage", "BackgroundAlpha", "FillPaint", "StrokePaint")


def cost(step: Step) -> float:
    """Of a pixel, in those of a simple step."""
    weights = len(numbers(step.element.get("kernelMatrix"))) if step.tag == CONVOLUTION else 0
    return HEAVY.get(step.tag, 1) + step.linear + PER_WEIGHT * weights


@dataclass(frozen=True)
class Result:
    """Of a step. `linear`: in linear light; `region`: what it may fill, None without limit."""

    pixels: Pixels
    linear: bool = False
    region: Rectangle | None = None

    def in_space(self, linear: bool) -> Pixels:
        if self.linear == linear:
            return self.pixels
        return converted(self.pixels, TO_LINEAR if linear else FROM_LINEAR)


def through(
    effect: Effect, source: Pixels, frame: Frame, region: Rectangle | None, box: Box, view: tuple[float, float]
) -> Pixels:
    """The last result of a filter's steps, in sRGB. The region bounds what a step paints, not what it is given."""
    results = {name: Result(np.zeros_like(source), region=region) for name in NOWHERE}
    results |= {"SourceGraphic": Result(source, region=region), "SourceAlpha": Result(alpha_of(source), region=region)}
    last = results["SourceGraphic"]
    for step in effect.steps:
        inputs = [results.get(name, last) for name in step.inputs]
        tile = inputs[0].region if inputs else None
        working = replace(frame, linear=step.linear, tile=tile)
        pixels = STEPS[step.tag](step.element, [given.in_space(step.linear) for given in inputs], working)
        usual = region if step.tag == "feTile" else _around([given.region for given in inputs], region)
        own = _own_region(step, effect, usual, frame, box, view)
        last = Result(within(within(pixels, own, frame.extents), region, frame.extents), step.linear, own or usual)
        if step.result:
            results[step.result] = last
    return last.in_space(False)


def _around(regions: list[Rectangle | None], usual: Rectangle | None) -> Rectangle | None:
    """The rectangle around several, `usual` for none."""
    if None in regions or not regions:
        return usual
    lefts, tops, rights, bottoms = zip(*regions, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _own_region(
    step: Step, effect: Effect, usual: Rectangle | None, frame: Frame, box: Box, view: tuple
) -> Rectangle | None:
    """The region that a step names for itself, None where it names none; what it leaves out is `usual`'s."""
    if step.area == (None,) * 4:
        return None
    left, top, width, height = region_px(step.area, box, effect.steps_in_boxes, view)
    x0, y0, across, down = user_box(usual or frame.extents, frame)
    left, top = x0 if left is None else left, y0 if top is None else top
    right = x0 + across if width is None else left + width
    bottom = y0 + down if height is None else top + height
    return device((left, top, right - left, bottom - top), frame)
