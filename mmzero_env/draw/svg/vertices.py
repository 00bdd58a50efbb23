"""The points of a path and the directions there, for its markers (SVG 2, section 13.5).

CairoSVG 2.9 has them wrong at the start of curves, and where directions on both sides of 180 degrees meet.
"""

import math
from collections import deque

from mmzero_env.draw.svg.css.geometry.arcs import STEP, NoPath, groups

Point = tuple[float, float]


def vertices(path: str) -> deque | None:
    """What CairoSVG's markers read: a point, the two angles of the segment behind it, a point, ..., None where a line
    ends. None for a path with arcs or errors.

    >>> [item and tuple(round(part, 2) for part in item) for item in vertices("M0 0H9V9")]
    [(0.0, 0.0), (3.14, 0.0), (9.0, 0.0), (1.57, 1.57), (9.0, 9.0)]
    """
    found: deque = deque()
    try:
        for line in _lines(path):
            before = None
            if found:
                found.append(None)
            found.append(line[0][0])
            for segment in line[1:]:
                first, last = _directions(segment)
                if before is not None:  # the shorter way round from the last direction
                    first += 2 * math.pi * round((before - first) / (2 * math.pi))
                    last += 2 * math.pi * round((first - last) / (2 * math.pi))
                before = last
                found += [(math.pi - first, last), segment[-1]]
    except NoPath:
        return None
    return found


def _directions(points: list[Point]) -> tuple[float, float]:
    """Where a segment starts and ends to, in radians; control points on its ends say nothing."""
    first = next((point for point in points[1:] if point != points[0]), None)
    last = next((point for point in reversed(points[:-1]) if point != points[-1]), None)
    if first is None or last is None:
        return 0.0, 0.0
    start, end = points[0], points[-1]
    return math.atan2(first[1] - start[1], first[0] - start[0]), math.atan2(end[1] - last[1], end[0] - last[0])


def _lines(path: str) -> list[list[list[Point]]]:
    """Lines of a path: their first point, and the points of each segment, with its control points."""
    lines: list[list[list[Point]]] = []
    here: Point = (0.0, 0.0)
    control: Point | None = None  # of the last curve, which S and T mirror
    last_kind = ""
    for letter, text in STEP.findall(path):
        kind, moves = letter.upper(), letter.islower()
        if kind == "A" or (not lines and kind != "M"):
            raise NoPath
        if kind == "Z":
            first = lines[-1][0][0]
            if here != first:
                lines[-1].append([here, first])
            here, last_kind = first, "Z"
            continue
        for index, values in enumerate(groups(kind, text)):
            base = here if moves else (0.0, 0.0)
            if kind == "M" and index == 0:
                here = base[0] + values[0], base[1] + values[1]
                lines.append([[here]])
                last_kind = "M"
                continue
            if last_kind == "Z":
                lines.append([[here]])
            if kind == "H":
                points = [(base[0] + values[0], here[1])]
            elif kind == "V":
                points = [(here[0], base[1] + values[0])]
            else:
                pairs = zip(values[::2], values[1::2], strict=True)
                points = [(base[0] + x, base[1] + y) for x, y in pairs]
            if kind in "ST":
                mirrored = control is not None and last_kind in ("CS" if kind == "S" else "QT")
                points.insert(0, (2 * here[0] - control[0], 2 * here[1] - control[1]) if mirrored else here)
            lines[-1].append([here, *points])
            control = points[-2] if kind in "CSQT" else None
            here, last_kind = points[-1], kind
    return lines
