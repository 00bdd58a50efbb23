"""What function a filter's element stands for (primitives.py, colours.py, neighbours.py, noise.py, lights.py), with its
numbers in pixels of the picture."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np
from cairosvg.colors import color

from mmzero_env.draw.svg.effects import colours, lights, neighbours, noise, primitives
from mmzero_env.draw.svg.effects.primitives import Pixels
from mmzero_env.draw.svg.effects.reading import bounded, name_of, number, numbers, pair

CHANNELS = {"R": 2, "G": 1, "B": 0, "A": 3}
FUNCTIONS = ("feFuncR", "feFuncG", "feFuncB", "feFuncA")


@dataclass(frozen=True)
class Frame:
    """Where the pixels of a filtered element lie.

    `shape`: height and width; `corner`: x and y of the first pixel in the picture; `matrix`: (xx, yx, xy, yy, x0, y0)
    from user units to pixels of the picture; `box`: width and height that the numbers of the steps are shares of;
    `linear`: the step works in linear light; `tile`: left, top, right and bottom of its first input's region in the
    picture, None: all of it.
    """

    shape: tuple[int, int]
    corner: tuple[int, int]
    matrix: tuple[float, float, float, float, float, float]
    box: tuple[float, float] = (1.0, 1.0)
    linear: bool = False
    tile: tuple[int, int, int, int] | None = None

    @property
    def extents(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in pixels of the picture."""
        left, top = self.corner
        return left, top, left + self.shape[1], top + self.shape[0]

    def sizes(self, across: float, down: float) -> tuple[float, float]:
        """Lengths along the axes of the element, as lengths along those of the picture."""
        xx, yx, xy, yy = self.matrix[:4]
        across, down = across * self.box[0], down * self.box[1]
        return bounded(math.hypot(xx * across, xy * down)), bounded(math.hypot(yx * across, yy * down))

    def way(self, right: float, down: float) -> tuple[float, float]:
        """A step in the element's directions, in pixels of the picture."""
        xx, yx, xy, yy = self.matrix[:4]
        right, down = right * self.box[0], down * self.box[1]
        return bounded(xx * right + xy * down), bounded(yx * right + yy * down)

    def place(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """A point of the element among these pixels; heights are as long as both directions on average."""
        xx, yx, xy, yy, x0, y0 = self.matrix
        return xx * x + xy * y + x0 - self.corner[0], yx * x + yy * y + y0 - self.corner[1], z * self.scale()

    def scale(self) -> float:
        xx, yx, xy, yy = self.matrix[:4]
        return math.sqrt(abs(xx * yy - xy * yx))

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y in user units of every pixel's centre."""
        xx, yx, xy, yy, x0, y0 = self.matrix
        rows, columns = np.indices(self.shape, np.float32) + 0.5
        right, down = columns + (self.corner[0] - x0), rows + (self.corner[1] - y0)
        whole = xx * yy - xy * yx or 1.0
        return (yy * right - xy * down) / whole, (xx * down - yx * right) / whole


def _blur(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    return primitives.blur(inputs[0], *frame.sizes(*pair(element, "stdDeviation", 0.0)))


def _offset(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    return primitives.offset(inputs[0], *frame.way(number(element, "dx", 0.0), number(element, "dy", 0.0)))


def _flood(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    return primitives.flood(frame.shape, colour_of(element, "flood-color", "flood-opacity", "black", frame.linear))


def _shadow(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    colour = primitives.flood(frame.shape, colour_of(element, "flood-color", "flood-opacity", "black", frame.linear))
    moved = primitives.offset(inputs[0], *frame.way(number(element, "dx", 2.0), number(element, "dy", 2.0)))
    soft = primitives.blur(alpha_of(moved), *frame.sizes(*pair(element, "stdDeviation", 2.0)))
    return primitives.over(inputs[0], primitives.composite(colour, soft, "in", (0.0, 0.0, 0.0, 0.0)))


def _merge(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    done = np.zeros((*frame.shape, 4), np.uint8)
    for pixels in inputs:
        done = primitives.over(pixels, done)
    return done


def _composite(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    factors = tuple(number(element, f"k{index}", 0.0) for index in (1, 2, 3, 4))
    return primitives.composite(inputs[0], inputs[1], element.get("operator", "over"), factors)


def _blend(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    return colours.blended(inputs[0], inputs[1], element.get("mode", "normal"))


def _matrix(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    kind, values = element.get("type", "matrix"), numbers(element.get("values"))
    if kind == "matrix":
        matrix = np.array(values).reshape(4, 5) if len(values) == 20 else colours.SAME
    elif kind == "luminanceToAlpha":
        matrix = colours.luminance_to_alpha()
    elif kind == "hueRotate":
        matrix = colours.rotate_hue(values[0] if values else 0.0)
    else:
        matrix = colours.saturate(values[0] if values else 1.0)
    return colours.by_matrix(inputs[0], matrix)


def _transfer(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    functions = {name_of(child): child for child in element}  # the last of each counts
    tables = []
    for name in FUNCTIONS:
        function = functions.get(name)
        if function is None:
            tables.append(colours.LEVELS)
            continue
        linear = number(function, "slope", 1.0), number(function, "intercept", 0.0)
        gamma = (
            number(function, "amplitude", 1.0),
            number(function, "exponent", 1.0),
            number(function, "offset", 0.0),
        )
        values = numbers(function.get("tableValues"))
        tables.append(colours.transfer(function.get("type", "identity"), values, linear, gamma))
    return colours.by_tables(inputs[0], tables)


def _morphology(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    across, down = frame.sizes(*pair(element, "radius", 0.0))
    if across < 0.5 and down < 0.5:
        return inputs[0]
    return primitives.widened(inputs[0], across, down, element.get("operator", "erode") == "erode")


def _turbulence(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    x, y = (along + 0.5 for along in frame.points())  # where Chromium's noise is, at every scale
    frequency = pair(element, "baseFrequency", 0.0)
    octaves, seed = (round(number(element, name, usual)) for name, usual in (("numOctaves", 1), ("seed", 0)))
    found = noise.noise(x, y, frequency, max(octaves, 0), seed, element.get("type") == "fractalNoise")
    return colours.from_plain(255 * found)


def _displacement(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    scale = number(element, "scale", 0.0)
    channels = tuple(CHANNELS.get(element.get(f"{axis}ChannelSelector", "A"), 3) for axis in "xy")
    return primitives.displaced(inputs[0], inputs[1], frame.sizes(scale, scale), channels)


def _convolution(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    kernel = kernel_of(element)
    return np.zeros_like(inputs[0]) if kernel is None else neighbours.convolved(inputs[0], kernel)


def _tile(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    left, top, right, bottom = frame.tile or frame.extents
    x, y = frame.corner
    return neighbours.tiled(inputs[0], (left - x, top - y, right - x, bottom - y))


def _diffuse(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    height = number(element, "surfaceScale", 1.0)
    colour = colour_of(element, "lighting-color", "", "white", frame.linear)[:3]
    factor = number(element, "diffuseConstant", 1.0)
    return lights.diffuse(inputs[0], light_of(element, frame), colour, height, factor)


def _specular(element: Element, inputs: list[Pixels], frame: Frame) -> Pixels:
    height = number(element, "surfaceScale", 1.0)
    colour = colour_of(element, "lighting-color", "", "white", frame.linear)[:3]
    factor, exponent = number(element, "specularConstant", 1.0), number(element, "specularExponent", 1.0)
    return lights.specular(inputs[0], light_of(element, frame), colour, height, factor, exponent)


STEPS: dict[str, Callable[[Element, list[Pixels], Frame], Pixels]] = {
    "feGaussianBlur": _blur,
    "feOffset": _offset,
    "feFlood": _flood,
    "feDropShadow": _shadow,
    "feMerge": _merge,
    "feComposite": _composite,
    "feBlend": _blend,
    "feColorMatrix": _matrix,
    "feComponentTransfer": _transfer,
    "feMorphology": _morphology,
    "feTurbulence": _turbulence,
    "feDisplacementMap": _displacement,
    "feConvolveMatrix": _convolution,
    "feTile": _tile,
    "feDiffuseLighting": _diffuse,
    "feSpecularLighting": _specular,
}


def reach(element: Element, frame: Frame) -> float:
    """How many pixels further than its inputs a step may paint, at most."""
    tag = name_of(element)
    if tag == "feGaussianBlur":
        return 3 * max(frame.sizes(*pair(element, "stdDeviation", 0.0)))
    if tag == "feOffset":
        return math.hypot(*frame.way(number(element, "dx", 0.0), number(element, "dy", 0.0)))
    if tag == "feDropShadow":
        moved = math.hypot(*frame.way(number(element, "dx", 2.0), number(element, "dy", 2.0)))
        return moved + 3 * max(frame.sizes(*pair(element, "stdDeviation", 2.0)))
    if tag == "feMorphology":
        return max(frame.sizes(*pair(element, "radius", 0.0)))
    if tag == "feConvolveMatrix":
        kernel = kernel_of(element)
        return max(kernel.weights.shape) if kernel else 0.0
    return abs(number(element, "scale", 0.0)) * frame.scale() if tag == "feDisplacementMap" else 0.0


def kernel_of(element: Element) -> neighbours.Kernel | None:
    """What a feConvolveMatrix sums; None where its numbers do not belong together, which draws nothing."""
    columns, rows = (round(side) for side in pair(element, "order", 3.0))
    weights = numbers(element.get("kernelMatrix"))
    target = round(number(element, "targetX", columns // 2)), round(number(element, "targetY", rows // 2))
    if min(columns, rows) < 1 or len(weights) != columns * rows or len(weights) > neighbours.MOST_WEIGHTS:
        return None
    if not (0 <= target[0] < columns and 0 <= target[1] < rows):
        return None
    return neighbours.Kernel(
        np.array(weights).reshape(rows, columns),
        bounded(1 / (number(element, "divisor", 0.0) or sum(weights) or 1.0)),
        target,
        number(element, "bias", 0.0),
        element.get("edgeMode", "duplicate"),
        element.get("preserveAlpha") == "true",
    )


def light_of(element: Element, frame: Frame) -> lights.Light:
    """The first light in a lighting element; straight from above where there is none."""
    for child in element:
        kind = name_of(child)
        if kind == "feDistantLight":
            across, up = (math.radians(number(child, name, 0.0)) for name in ("azimuth", "elevation"))
            flat = math.cos(up)
            return lights.Light((math.cos(across) * flat, math.sin(across) * flat, math.sin(up)))
        if kind in ("fePointLight", "feSpotLight"):
            place = frame.place(*(number(child, axis, 0.0) for axis in "xyz"))
            if kind == "fePointLight":
                return lights.Light(None, place)
            aim = frame.place(*(number(child, f"pointsAt{axis}", 0.0) for axis in "XYZ"))
            beam = [end - start for start, end in zip(place, aim, strict=True)]
            length = math.hypot(*beam) or 1.0
            angles = numbers(child.get("limitingConeAngle"))
            cone = math.cos(math.radians(abs(angles[0]))) if angles else None
            focus = number(child, "specularExponent", 1.0)
            return lights.Light(None, place, tuple(side / length for side in beam), focus, cone)
    return lights.Light((0.0, 0.0, 1.0))


def alpha_of(pixels: Pixels) -> Pixels:
    """SourceAlpha: black with the same alpha."""
    done = np.zeros_like(pixels)
    done[..., primitives.ALPHA] = pixels[..., primitives.ALPHA]
    return done


def colour_of(element: Element, name: str, opacity: str, usual: str, linear: bool) -> tuple[float, float, float, float]:
    """Red, green, blue and alpha of one of a primitive's colours, which are written in sRGB."""
    *channels, alpha = color(element.get(name, usual))
    if linear:
        channels = [float(colours.TO_LINEAR[round(255 * min(max(level, 0.0), 1.0))]) / 255 for level in channels]
    return (*channels, alpha * min(max(number(element, opacity, 1.0), 0.0), 1.0))
