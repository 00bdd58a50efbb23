"""Rectangles of pixels: (left, top, right, bottom) in the picture, whole numbers."""

import math

import cairocffi as cairo
import numpy as np

from mmzero_env.draw.svg.effects.primitives import Pixels
from mmzero_env.draw.svg.effects.reading import bounded
from mmzero_env.draw.svg.effects.steps import Frame

Rectangle = tuple[int, int, int, int]


def within(pixels: Pixels, region: Rectangle | None, extents: Rectangle) -> Pixels:
    """Transparent outside the region; `extents`: where the pixels lie."""
    if region is None:
        return pixels
    inside = common(region, extents)
    done = np.zeros_like(pixels)
    if inside is not None:
        kept = part(inside, extents)
        done[kept] = pixels[kept]
    return done


def area(rectangle: Rectangle) -> int:
    return (rectangle[2] - rectangle[0]) * (rectangle[3] - rectangle[1])


def part(rectangle: Rectangle, extents: Rectangle) -> tuple[slice, slice]:
    """Where a rectangle lies in the pixels of `extents`: rows and columns."""
    left, top = extents[:2]
    return slice(rectangle[1] - top, rectangle[3] - top), slice(rectangle[0] - left, rectangle[2] - left)


def device(rectangle: tuple[float, float, float, float], frame: Frame) -> Rectangle:
    """The whole pixels around a rectangle in user units."""
    x, y, width, height = rectangle
    xx, yx, xy, yy, x0, y0 = frame.matrix
    corners = [(x + right, y + down) for right in (0.0, width) for down in (0.0, height)]
    columns = [xx * right + xy * down + x0 for right, down in corners]
    rows = [yx * right + yy * down + y0 for right, down in corners]
    edges = (min(columns), min(rows), max(columns), max(rows))
    left, top, right, bottom = map(bounded, edges)
    return math.floor(left + 0.01), math.floor(top + 0.01), math.ceil(right - 0.01), math.ceil(bottom - 0.01)


def inverse(frame: Frame, points: tuple) -> list[tuple[float, float]]:
    matrix = cairo.Matrix(*frame.matrix)
    try:
        matrix.invert()
    except cairo.CairoError:  # it draws nothing
        return [(0.0, 0.0) for _ in points]
    return [matrix.transform_point(*point) for point in points]


def user_box(painted: Rectangle, frame: Frame) -> tuple[float, float, float, float]:
    left, top, right, bottom = painted
    points = inverse(frame, ((left, top), (right, top), (left, bottom), (right, bottom)))
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def grown(rectangle: Rectangle, by: int) -> Rectangle:
    return rectangle[0] - by, rectangle[1] - by, rectangle[2] + by, rectangle[3] + by


def common(one: Rectangle, two: Rectangle | None) -> Rectangle | None:
    """What two rectangles share, None for nothing. `two`: None for everything."""
    two = one if two is None else two
    found = max(one[0], two[0]), max(one[1], two[1]), min(one[2], two[2]), min(one[3], two[3])
    return found if found[0] < found[2] and found[1] < found[3] else None
