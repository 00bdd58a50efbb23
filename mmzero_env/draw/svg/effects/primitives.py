"""What one filter primitive does to pixels.

Pixels are arrays of shape (height, width, 4), uint8, in the order of cairo's memory: blue, green, red, alpha, the
colours multiplied by alpha. No function changes its arguments. Formulas: https://www.w3.org/TR/filter-effects-1/.
"""

import numpy as np
from PIL import Image, ImageFilter

ALPHA = 3
LARGEST_BLUR = 500.0  # standard deviation in pixels; as good as everything at once
Pixels = np.ndarray


def blur(pixels: Pixels, across: float, down: float) -> Pixels:
    """Gaussian blur; `across` and `down`: standard deviations in pixels.

    Pillow's three box blurs, which the specification allows. What is beyond the edge is taken for like the edge.
    """
    if across <= 0 and down <= 0:
        return pixels
    radius = tuple(min(max(side, 0.0), LARGEST_BLUR) for side in (across, down))
    if not pixels[..., :ALPHA].any():  # a shadow: only its alpha says something
        done = np.zeros_like(pixels)
        done[..., ALPHA] = Image.fromarray(pixels[..., ALPHA]).filter(ImageFilter.GaussianBlur(radius))
        return done
    return np.asarray(Image.fromarray(pixels, "RGBA").filter(ImageFilter.GaussianBlur(radius)))


def offset(pixels: Pixels, right: float, down: float) -> Pixels:
    """Moved by whole pixels; what comes in is transparent."""
    height, width = pixels.shape[:2]
    right, down = (int(np.clip(round(step), -side, side)) for step, side in ((right, width), (down, height)))
    done = np.zeros_like(pixels)
    done[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = pixels[
        max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)
    ]
    return done


def flood(shape: tuple[int, ...], colour: tuple[float, float, float, float]) -> Pixels:
    """One colour everywhere: red, green, blue and alpha from 0 to 1."""
    red, green, blue, alpha = colour
    done = np.empty((*shape[:2], 4), np.uint8)
    done[:] = [round(255 * channel) for channel in (blue * alpha, green * alpha, red * alpha, alpha)]
    return done


def over(above: Pixels, below: Pixels) -> Pixels:
    """
    >>> over(flood((1, 1), (1, 0, 0, 0.5)), flood((1, 1), (0, 0, 1, 1))).tolist()
    [[[127, 0, 128, 255]]]
    """
    if not below.any():
        return above
    alpha = above[..., ALPHA:].astype(np.uint16)
    return above + _times(below, 255 - alpha)


def composite(above: Pixels, below: Pixels, operator: str, factors: tuple[float, float, float, float]) -> Pixels:
    """Porter and Duff's operators, `lighter` and `arithmetic` (`factors`: k1 to k4)."""
    a, b = (pixels[..., ALPHA:].astype(np.uint16) for pixels in (above, below))
    if operator == "in":
        return _times(above, b)
    if operator == "out":
        return _times(above, 255 - b)
    if operator == "atop":
        return _sum(_times(above, b), _times(below, 255 - a))
    if operator == "xor":
        return _sum(_times(above, 255 - b), _times(below, 255 - a))
    if operator == "lighter":
        return _sum(above, below)
    if operator == "arithmetic":
        k1, k2, k3, k4 = factors
        one, two = above.astype(np.float32) / 255, below.astype(np.float32) / 255
        return valid(255 * (k1 * one * two + k2 * one + k3 * two + k4))
    return over(above, below)


def valid(values: np.ndarray) -> Pixels:
    """As pixels whose colours are at most their alpha."""
    done = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return np.minimum(done, done[..., ALPHA:])


def widened(pixels: Pixels, across: float, down: float, thinner: bool) -> Pixels:
    """feMorphology: every channel's largest value within `across` and `down` pixels, or its smallest (`thinner`)."""
    pick = np.minimum if thinner else np.maximum
    for axis, radius in ((1, across), (0, down)):
        reach = min(round(radius), pixels.shape[axis])
        pixels = _running(pixels, reach, axis, pick)
    return pixels


def displaced(pixels: Pixels, by: Pixels, scale: tuple[float, float], channels: tuple[int, int]) -> Pixels:
    """feDisplacementMap: every pixel taken from `scale` times (`by` - 1/2) further; `channels` of `by`, its colours not
    multiplied by alpha, for right and down."""
    height, width = pixels.shape[:2]
    rows, columns = np.indices((height, width), np.float32)
    alpha = np.maximum(by[..., ALPHA], 1).astype(np.float32)
    shifts = []
    for channel, size in zip(channels, scale, strict=True):
        value = by[..., channel].astype(np.float32)
        value = value / 255 if channel == ALPHA else np.where(by[..., ALPHA] > 0, value / alpha, 0)
        shifts.append(size * (value - 0.5))
    x, y = np.rint(columns + shifts[0]).astype(np.int32), np.rint(rows + shifts[1]).astype(np.int32)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    done = np.zeros_like(pixels)
    done[inside] = pixels[y[inside], x[inside]]
    return done


def _running(pixels: Pixels, reach: int, axis: int, pick: np.ufunc) -> Pixels:
    """The extreme value within `reach` pixels on both sides, in steps that double; transparent beyond the edge."""
    if reach <= 0:
        return pixels
    length = pixels.shape[axis]
    edge = [(0, 0)] * 3
    edge[axis] = (reach, reach)
    window, done = np.pad(pixels, edge), 1
    while done < 2 * reach + 1:
        step = min(done, 2 * reach + 1 - done)
        size = window.shape[axis] - step
        window = pick(_part(window, axis, 0, size), _part(window, axis, step, size))
        done += step
    return _part(window, axis, 0, length)


def _part(pixels: Pixels, axis: int, start: int, size: int) -> Pixels:
    return pixels[start : start + size] if axis == 0 else pixels[:, start : start + size]


def _times(pixels: Pixels, share: np.ndarray) -> Pixels:
    """`pixels` times `share` of 255, rounded."""
    product = pixels * share.astype(np.uint16) + 127
    return (product // 255).astype(np.uint8)


def _sum(one: Pixels, two: Pixels) -> Pixels:
    return np.minimum(one.astype(np.uint16) + two, 255).astype(np.uint8)
