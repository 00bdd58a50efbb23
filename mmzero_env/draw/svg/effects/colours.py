"""Filter primitives that change each pixel's colour by itself, and the two colour spaces they work in.

Pixels as in primitives.py. Formulas: https://www.w3.org/TR/filter-effects-1/, sections 9.6, 9.7 and 15; of the blend
modes https://www.w3.org/TR/compositing-1/#blending.
"""

import math
from collections.abc import Sequence

import numpy as np

from mmzero_env.draw.svg.css.values.mixing import gamma, linear
from mmzero_env.draw.svg.effects.primitives import ALPHA, Pixels, valid
from mmzero_env.draw.svg.masks import LUMINANCE

LEVELS = np.arange(256) / 255
TO_LINEAR, FROM_LINEAR = (
    np.array([round(255 * convert(level)) for level in LEVELS], np.uint8) for convert in (linear, gamma)
)
SAME = np.eye(4, 5)


def converted(pixels: Pixels, table: np.ndarray) -> Pixels:
    """Each colour, without its alpha, looked up in a table of 256."""
    if not pixels[..., :ALPHA].any():
        return pixels
    return with_alpha(table[without_alpha(pixels)], pixels[..., ALPHA])


def by_matrix(pixels: Pixels, matrix: np.ndarray) -> Pixels:
    """feColorMatrix: 4 rows (red, green, blue, alpha) of 5 numbers, applied to colours without their alpha."""
    colours = np.empty(pixels.shape, np.float32)
    colours[..., :ALPHA] = without_alpha(pixels)[..., ::-1]
    colours[..., ALPHA] = pixels[..., ALPHA]
    done = np.clip(colours @ matrix[:, :4].T.astype(np.float32) + 255 * matrix[:, 4].astype(np.float32), 0, 255)
    return with_alpha(done[..., ALPHA - 1 :: -1], done[..., ALPHA])


def by_tables(pixels: Pixels, tables: Sequence[np.ndarray]) -> Pixels:
    """feComponentTransfer: four tables of 256 levels from 0 to 1, for red, green, blue and alpha."""
    plain = without_alpha(pixels)
    done = np.empty(pixels.shape, np.float32)
    for channel in range(ALPHA):
        done[..., channel] = 255 * tables[ALPHA - 1 - channel][plain[..., channel]]
    return with_alpha(done[..., :ALPHA], 255 * tables[ALPHA][pixels[..., ALPHA]])


def saturate(amount: float) -> np.ndarray:
    """1 changes nothing, 0 leaves grey."""
    matrix = np.array(SAME)
    for row in range(3):
        for column, weight in enumerate((0.213, 0.715, 0.072)):
            matrix[row, column] = weight + (float(row == column) - weight) * amount
    return matrix


def rotate_hue(degrees: float) -> np.ndarray:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    grey = np.array([[0.213, 0.715, 0.072]] * 3)
    turned = np.array([[-0.213, -0.715, 0.928], [0.143, 0.140, -0.283], [-0.787, 0.715, 0.072]])
    matrix = np.array(SAME)
    matrix[:3, :3] = grey + cosine * (np.eye(3) - grey) + sine * turned
    return matrix


def luminance_to_alpha() -> np.ndarray:
    matrix = np.zeros((4, 5))
    matrix[ALPHA, :3] = LUMINANCE[::-1]
    return matrix


def transfer(kind: str, values: Sequence[float], line: tuple[float, float], power: tuple[float, ...]) -> np.ndarray:
    """The 256 levels of one function of feComponentTransfer.

    Args:
        values: of `table` and `discrete`.
        line: slope and intercept, of `linear`.
        power: amplitude, exponent and offset, of `gamma`.

    >>> transfer("discrete", (0.0, 1.0), (1, 0), (1, 1, 0))[[0, 127, 128, 255]].tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    levels = LEVELS
    if kind == "table" and values:
        levels = (
            np.interp(LEVELS, np.linspace(0, 1, len(values)), values) if len(values) > 1 else 0 * LEVELS + values[0]
        )
    elif kind == "discrete" and values:
        levels = np.array(values)[np.minimum((LEVELS * len(values)).astype(int), len(values) - 1)]
    elif kind == "linear":
        levels = line[0] * LEVELS + line[1]
    elif kind == "gamma":
        levels = power[0] * LEVELS ** power[1] + power[2]
    return np.clip(np.nan_to_num(levels), 0, 1)


def blended(above: Pixels, below: Pixels, mode: str) -> Pixels:
    """feBlend with the separable modes; another one is `normal`."""
    a, b = (pixels[..., ALPHA:].astype(np.float32) / 255 for pixels in (above, below))
    source, ground = (
        np.where(alpha > 0, pixels[..., :ALPHA] / (255 * np.maximum(alpha, 1e-6)), 0).astype(np.float32)
        for pixels, alpha in ((above, a), (below, b))
    )
    mixed = BLENDS.get(mode, lambda ground, source: source)(ground, source)
    done = np.empty(above.shape, np.float32)
    done[..., :ALPHA] = a * (1 - b) * source + a * b * mixed + (1 - a) * b * ground
    done[..., ALPHA:] = a + b * (1 - a)
    return valid(255 * done)


def _hard_light(ground: np.ndarray, source: np.ndarray) -> np.ndarray:
    return np.where(source <= 0.5, 2 * ground * source, ground + (2 * source - 1) * (1 - ground))


def _soft_light(ground: np.ndarray, source: np.ndarray) -> np.ndarray:
    root = np.where(ground <= 0.25, ((16 * ground - 12) * ground + 4) * ground, np.sqrt(ground))
    dark = ground - (1 - 2 * source) * ground * (1 - ground)
    return np.where(source <= 0.5, dark, ground + (2 * source - 1) * (root - ground))


def _dodge(ground: np.ndarray, source: np.ndarray) -> np.ndarray:
    return np.where(ground <= 0, 0, np.minimum(1, ground / np.maximum(1 - source, 1e-6)))


def _burn(ground: np.ndarray, source: np.ndarray) -> np.ndarray:
    return np.where(ground >= 1, 1, 1 - np.minimum(1, (1 - ground) / np.maximum(source, 1e-6)))


BLENDS = {
    "multiply": lambda ground, source: ground * source,
    "screen": lambda ground, source: ground + source - ground * source,
    "darken": np.minimum,
    "lighten": np.maximum,
    "overlay": lambda ground, source: _hard_light(source, ground),
    "hard-light": _hard_light,
    "soft-light": _soft_light,
    "color-dodge": _dodge,
    "color-burn": _burn,
    "difference": lambda ground, source: np.abs(ground - source),
    "exclusion": lambda ground, source: ground + source - 2 * ground * source,
}


def without_alpha(pixels: Pixels) -> np.ndarray:
    """Blue, green and red without their alpha, uint8."""
    alpha = np.maximum(pixels[..., ALPHA:], 1).astype(np.uint16)
    return np.minimum((pixels[..., :ALPHA] * np.uint16(255) + alpha // 2) // alpha, 255).astype(np.uint8)


def with_alpha(colours: np.ndarray, alpha: np.ndarray) -> Pixels:
    """Colours from 0 to 255 and their alpha, as pixels."""
    done = np.empty((*alpha.shape, 4), np.uint8)
    done[..., ALPHA] = np.rint(alpha)
    done[..., :ALPHA] = np.rint(colours * (np.rint(alpha)[..., None].astype(np.float32) / 255))
    return done


def from_plain(colours: np.ndarray) -> Pixels:
    """Red, green, blue, not multiplied, and alpha, from 0 to 255."""
    return with_alpha(colours[..., ALPHA - 1 :: -1], colours[..., ALPHA])
