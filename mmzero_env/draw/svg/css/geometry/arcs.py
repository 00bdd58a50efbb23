"""Arcs of paths as cubic curves: CairoSVG 2.9 turns markers at the ends of arcs the wrong way.

Formulas: SVG 1.1, appendix F.6 (https://www.w3.org/TR/SVG11/implnote.html#ArcImplementationNotes).
"""

import math
import re

from mmzero_env.draw.svg.css.values.calc import is_number
from mmzero_env.draw.svg.css.values.lengths import NUMBER, shown

ARC = re.compile("[Aa]")
STEP = re.compile(r"([MmLlHhVvCcSsQqTtAaZz])([^MmLlHhVvCcSsQqTtAaZz]*)")
VALUE = re.compile(rf"[\s,]*({NUMBER})")
FLAG = re.compile(r"[\s,]*([01])")
COUNTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}


class NoPath(ValueError):
    """Something that is not understood: the path stays as it is."""


def without_arcs(path: str) -> str:
    """The same outline without arcs; unchanged if it has none or has errors.

    >>> without_arcs("M0 0A0 5 0 0 1 10 0"), without_arcs("M1 1L2 2")
    ('M 0 0 L 10 0', 'M1 1L2 2')
    """
    if not ARC.search(path):
        return path
    try:
        return " ".join(_steps(path))
    except NoPath:
        return path


def _steps(path: str):
    x = y = start_x = start_y = 0.0
    if STEP.sub("", path).strip(" \t\r\n,"):
        raise NoPath
    for letter, text in STEP.findall(path):
        kind, moves = letter.upper(), letter.islower()
        if kind == "Z":
            x, y = start_x, start_y
            yield letter
            continue
        for index, values in enumerate(groups(kind, text)):
            from_x, from_y = (x, y) if moves else (0.0, 0.0)
            if kind == "H":
                x = from_x + values[0]
            elif kind == "V":
                y = from_y + values[0]
            else:
                end = from_x + values[-2], from_y + values[-1]
                if kind == "A":
                    yield _arc((x, y), values[:5], end)
                x, y = end
            if kind == "M" and index == 0:
                start_x, start_y = x, y
            if kind != "A":
                word = letter if kind != "M" or index == 0 else ("l" if moves else "L")
                yield f"{word} {' '.join(map(shown, values))}"


def groups(kind: str, text: str) -> list[list[float]]:
    """The numbers behind a letter, as many together as it takes at a time. Raises NoPath."""
    place, count, found = 0, COUNTS[kind], []
    while text[place:].strip(" \t\r\n,"):
        match = (FLAG if kind == "A" and len(found) % 7 in (3, 4) else VALUE).match(text, place)
        if match is None:
            raise NoPath
        found.append(float(match[1]))
        place = match.end()
    if not found or len(found) % count or not all(map(is_number, found)):
        raise NoPath
    return [found[index : index + count] for index in range(0, len(found), count)]


def _arc(start: tuple[float, float], shape: list[float], end: tuple[float, float]) -> str:
    rx, ry, turn, large, sweep = abs(shape[0]), abs(shape[1]), math.radians(shape[2]), shape[3], shape[4]
    if start == end or not rx or not ry:
        return f"L {shown(end[0])} {shown(end[1])}"
    cos, sin = math.cos(turn), math.sin(turn)
    half = (start[0] - end[0]) / 2, (start[1] - end[1]) / 2
    px, py = cos * half[0] + sin * half[1], cos * half[1] - sin * half[0]
    grow = math.sqrt(max(1.0, (px / rx) ** 2 + (py / ry) ** 2))
    rx, ry = rx * grow, ry * grow
    outside = (px * ry) ** 2 + (py * rx) ** 2
    away = math.sqrt(max(0.0, ((rx * ry) ** 2 - outside) / outside)) * (1 if large != sweep else -1)
    cx, cy = away * rx * py / ry, -away * ry * px / rx
    first = math.atan2((py - cy) / ry, (px - cx) / rx)
    swept = (math.atan2((-py - cy) / ry, (-px - cx) / rx) - first) % (2 * math.pi)
    if not sweep:
        swept -= 2 * math.pi
    middle = cos * cx - sin * cy + (start[0] + end[0]) / 2, sin * cx + cos * cy + (start[1] + end[1]) / 2

    def point(x: float, y: float) -> str:
        return f"{shown(cos * rx * x - sin * ry * y + middle[0])} {shown(sin * rx * x + cos * ry * y + middle[1])}"

    pieces = max(1, math.ceil(abs(swept) / (math.pi / 2) - 1e-9))
    step = swept / pieces
    pull = 4 / 3 * math.tan(step / 4)
    words = []
    for index in range(pieces):
        a, b = first + index * step, first + (index + 1) * step
        words += [
            point(math.cos(a) - pull * math.sin(a), math.sin(a) + pull * math.cos(a)),
            point(math.cos(b) + pull * math.sin(b), math.sin(b) - pull * math.cos(b)),
            f"{shown(end[0])} {shown(end[1])}" if index == pieces - 1 else point(math.cos(b), math.sin(b)),
        ]
    return f"C {' '.join(words)}"
