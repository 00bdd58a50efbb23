"""Filter primitives that make a pixel from several others: sums with weights, and tiles.

Pixels as in primitives.py. Formulas: https://www.w3.org/TR/filter-effects-1/, sections 9.9 and 9.21.
"""

from dataclasses import dataclass

import numpy as np

from mmzero_env.draw.svg.effects.colours import with_alpha, without_alpha
from mmzero_env.draw.svg.effects.primitives import ALPHA, Pixels, valid

MOST_WEIGHTS = 100  # of a kernel; each is a pass over the picture


@dataclass(frozen=True)
class Kernel:
    """`weights`: rows by columns, as they are written. `gain`: what their sum is multiplied by. `target`: the column
    and row that lies on the pixel itself. `bias` from 0 to 1. `edge`: `duplicate`, `wrap` or `none`. `keep_alpha`: only
    colours are changed."""

    weights: np.ndarray
    gain: float
    target: tuple[int, int]
    bias: float = 0.0
    edge: str = "duplicate"
    keep_alpha: bool = False


def convolved(pixels: Pixels, kernel: Kernel) -> Pixels:
    """feConvolveMatrix: sums of a pixel's neighbours, the weights turned by half a circle as convolution does."""
    source = with_alpha(without_alpha(pixels), np.full_like(pixels[..., ALPHA], 255)) if kernel.keep_alpha else pixels
    rows, columns = kernel.weights.shape
    column, row = kernel.target
    margins = ((row, rows - row - 1), (column, columns - column - 1), (0, 0))
    mode = {"wrap": "wrap", "none": "constant"}.get(kernel.edge, "edge")
    around = np.pad(source, margins, mode=mode).astype(np.float32)
    height, width = pixels.shape[:2]
    total = np.zeros(pixels.shape, np.float32)
    for down, right in zip(*np.nonzero(kernel.weights), strict=True):
        # the last weight belongs to the first neighbour
        top, left = rows - 1 - down, columns - 1 - right
        total += np.float32(kernel.weights[down, right]) * around[top : top + height, left : left + width]
    total *= np.float32(kernel.gain)
    total += np.float32(255 * kernel.bias)  # browsers do not multiply it by alpha, as the specification has it
    if kernel.keep_alpha:
        return with_alpha(np.clip(total[..., :ALPHA], 0, 255), pixels[..., ALPHA])
    return valid(total)


def tiled(pixels: Pixels, tile: tuple[int, int, int, int]) -> Pixels:
    """feTile: `tile` (left, top, right, bottom among the pixels; may reach beyond them) again and again."""
    left, top, right, bottom = tile
    if right <= left or bottom <= top:
        return np.zeros_like(pixels)
    height, width = pixels.shape[:2]
    rows, columns = top + (np.arange(height) - top) % (bottom - top), left + (np.arange(width) - left) % (right - left)
    done = pixels[np.clip(rows, 0, height - 1)][:, np.clip(columns, 0, width - 1)]
    done[(rows < 0) | (rows >= height)] = 0
    done[:, (columns < 0) | (columns >= width)] = 0
    return done
