"""feTurbulence: Perlin noise with the generator and the tables of the specification, so that a seed draws the same here
as in a browser (https://www.w3.org/TR/filter-effects-1/#feTurbulenceElement). `stitchTiles` is not followed."""

from functools import lru_cache

import numpy as np

SIZE = 256
MOST_OCTAVES = 8  # finer ones than a pixel add nothing
FAR = 4096.0
ROWS = 64  # at a time: a point takes 150 bytes while it is worked on


def noise(x: np.ndarray, y: np.ndarray, frequency: tuple[float, float], octaves: int, seed: int, fractal: bool):
    """Red, green, blue and alpha from 0 to 1 at points in user units; shape of `x` with four channels behind it."""
    selector, gradients = _tables(seed)
    done = np.empty((*x.shape, 4), np.float32)
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        at = np.stack((x[rows] * frequency[0], y[rows] * frequency[1])).astype(np.float32)
        total = np.zeros((*at.shape[1:], 4), np.float32)
        for octave in range(min(octaves, MOST_OCTAVES)):
            found = _smooth(at * np.float32(2**octave), selector, gradients)
            total += (found if fractal else np.abs(found)) / 2**octave
        done[rows] = np.clip((total + 1) / 2 if fractal else total, 0, 1)
    return done


def _smooth(at: np.ndarray, selector: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """One octave for all channels: the gradients of the four corners around a point, mixed by an s-curve."""
    at = at + FAR
    cell = np.floor(at).astype(np.int64)
    rest = (at - cell).astype(np.float32)
    curve = rest * rest * (3 - 2 * rest)
    near, far = cell % SIZE, (cell + 1) % SIZE
    left, right = selector[near[0]], selector[far[0]]
    total = []
    for row, top in ((near[1], 0), (far[1], 1)):
        ends = []
        for column, start in ((left, 0), (right, 1)):
            gradient = gradients[selector[(column + row) % SIZE]]  # points, channels, 2
            ends.append((rest[0] - start)[..., None] * gradient[..., 0] + (rest[1] - top)[..., None] * gradient[..., 1])
        total.append(ends[0] + curve[0][..., None] * (ends[1] - ends[0]))
    return total[0] + curve[1][..., None] * (total[1] - total[0])


@lru_cache(maxsize=8)
def _tables(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The lattice: 256 places in random order, and a gradient of length 1 per place and channel."""
    state = -(seed % 2147483646) + 1 if seed <= 0 else min(seed, 2147483646)

    def draw() -> int:  # Park and Miller
        nonlocal state
        state = 16807 * (state % 127773) - 2836 * (state // 127773)
        state += 2147483647 if state <= 0 else 0
        return state

    gradients = np.empty((SIZE, 4, 2), np.float32)
    for channel in range(4):
        for place in range(SIZE):
            pair = [(draw() % (2 * SIZE) - SIZE) / SIZE for _ in range(2)]
            length = (pair[0] ** 2 + pair[1] ** 2) ** 0.5 or 1.0
            gradients[place, channel] = pair[0] / length, pair[1] / length
    selector = list(range(SIZE))
    for place in reversed(range(1, SIZE)):
        other = draw() % SIZE
        selector[place], selector[other] = selector[other], selector[place]
    return np.array(selector), gradients
