"""Clips that depend on the box of what they clip: `clipPathUnits="objectBoundingBox"` and the shapes of CSS.

CairoSVG 2.9 takes the `width` and `height` of an element for its box, fails where it has none, and knows no shapes.
Here each such element gets a clip of its own in user units.
Shapes: https://www.w3.org/TR/css-shapes-1/#basic-shape-functions.
"""

import math
import re
from copy import deepcopy
from xml.etree.ElementTree import Element

import tinycss2

from mmzero_env.draw.svg.boxes import Box
from mmzero_env.draw.svg.css.geometry.shapes import bounding_box
from mmzero_env.draw.svg.css.geometry.transforms import PLACES
from mmzero_env.draw.svg.css.geometry.unions import Unions
from mmzero_env.draw.svg.css.properties import SHAPE, path_data
from mmzero_env.draw.svg.css.styles.cascade import Page
from mmzero_env.draw.svg.css.styles.stylesheet import SVG
from mmzero_env.draw.svg.css.values.calc import is_word, split
from mmzero_env.draw.svg.css.values.lengths import Units, length_px, shown

BOXES = re.compile(r"\s*(?:fill|border|stroke|view|content|padding|margin)-box\s*", re.IGNORECASE)


class Clips:
    """Notes what is clipped while the styles are computed, and writes the clips when all of them are known."""

    def __init__(self, root: Element, page: Page):
        self._root, self._page = root, page
        self._wanted: list[tuple[Element, str, Units, str]] = []

    def note(self, element: Element, tag: str, units: Units, value: str) -> None:
        """`value`: the name of a clipPath, or a shape."""
        if tag == "clipPath":
            del element.attrib["clip-path"]  # CairoSVG would paint the outer clip black
            self._page.note("clip-path of a clipPath is not drawn")
            return
        self._wanted.append((element, tag, units, value))

    def write(self) -> None:
        """Give each element its clip."""
        if not self._wanted:
            return
        by_id: dict[str | None, Element] = {}
        for element in self._root.iter():
            by_id.setdefault(element.get("id"), element)
        made, unions = Element(f"{SVG}defs"), Unions(self._root)
        # A mask says nothing about the shape of a clip, a clip does.
        shapes = {shape for clip in self._root.iter(f"{SVG}clipPath") for shape in clip}
        for element, tag, units, value in self._wanted:
            clip = by_id.get(value)
            if clip is not None and clip.tag.rpartition("}")[2] != "clipPath":
                element.attrib.pop("clip-path", None)  # CairoSVG would take a path for one
            elif clip is not None and clip.get("clipPathUnits") != "objectBoundingBox":
                if element not in shapes:
                    unions.use(element, clip)
            elif clip is not None or SHAPE.search(value):
                clip = self._clip(element, tag, units, value, clip)
                element.attrib.pop("clip-path", None)
                if clip is not None and (element in shapes or not unions.use(element, clip)):
                    clip.set("id", f"clip-of-box-{len(made)}")
                    made.append(clip)
                    element.set("clip-path", f"url(#{clip.get('id')})")
        made.extend(unions.made)
        if len(made):
            self._root.append(made)

    def _clip(self, element: Element, tag: str, units: Units, value: str, named: Element | None) -> Element | None:
        box = bounding_box(element, tag, units)
        if box is None or not all(map(math.isfinite, box)):
            self._page.note(f"clip-path: {value[:60]} of <{tag}>, whose box is not known, is not drawn")
            return None
        if named is not None:
            clip = deepcopy(named)
            del clip.attrib["clipPathUnits"]
            place = f"translate({shown(box[0])} {shown(box[1])}) scale({shown(box[2])} {shown(box[3])})"
            clip.set("transform", f"{place} {clip.get('transform', '')}".strip())
            return clip if box[2] and box[3] else Element(f"{SVG}clipPath")
        shape = _shape(BOXES.sub("", value), box, units)
        if shape is None:
            self._page.note(f"clip-path: {value[:60]} is not drawn")
            return None
        clip = Element(f"{SVG}clipPath")
        clip.append(shape)
        return clip


def _shape(value: str, box: Box, units: Units) -> Element | None:
    outer = tinycss2.parse_one_component_value(value)
    if outer.type != "function":
        return None
    if outer.lower_name == "path":
        data = path_data(value)
        move = f"translate({shown(box[0])} {shown(box[1])})"
        return data and Element(f"{SVG}path", {"d": data, "transform": move})
    parts = [[token.serialize() for token in part if is_word(token)] for part in split(outer.arguments, ",")]
    makers = {"circle": _round, "ellipse": _round, "polygon": _polygon, "inset": _inset}
    try:
        return makers[outer.lower_name](parts, box, units)
    except (TypeError, KeyError, IndexError):  # a length that is none
        return None


def _px(word: str, units: Units, whole: float) -> float:
    value = length_px(word, units, whole)
    if value is None:
        raise TypeError(word)
    return value


def _polygon(parts: list[list[str]], box: Box, units: Units) -> Element:
    rule = parts.pop(0)[0] if parts[0][0] in ("evenodd", "nonzero") else "nonzero"
    x, y, width, height = box
    points = [f"{shown(x + _px(a, units, width))},{shown(y + _px(b, units, height))}" for a, b in _pairs(parts)]
    return Element(f"{SVG}polygon", {"points": " ".join(points), "clip-rule": rule})


def _pairs(parts: list[list[str]]) -> list[list[str]]:
    if any(len(part) != 2 for part in parts):
        raise TypeError(parts)
    return parts


def _inset(parts: list[list[str]], box: Box, units: Units) -> Element:
    words = parts[0]
    sides, corners = (
        (words[: words.index("round")], words[words.index("round") + 1 :]) if "round" in words else (words, [])
    )
    top, right, bottom, left = (sides * 4)[:4] if len(sides) == 1 else [*sides, *sides[len(sides) - 2 :]][:4]
    if len(sides) == 3:
        left = sides[1]
    x, y, width, height = box
    cut = [_px(left, units, width), _px(top, units, height), _px(right, units, width), _px(bottom, units, height)]
    found = {"x": x + cut[0], "y": y + cut[1], "width": width - cut[0] - cut[2], "height": height - cut[1] - cut[3]}
    if corners:
        found["rx"] = _px(corners[0], units, width)
        found["ry"] = _px(corners[0], units, height)
    return Element(
        f"{SVG}rect", {name: shown(max(0.0, value) if name[0] in "wh" else value) for name, value in found.items()}
    )


def _round(parts: list[list[str]], box: Box, units: Units) -> Element:
    words = parts[0]
    at = words.index("at") if "at" in words else len(words)
    radii, place = words[:at], [*words[at + 1 :], "center", "center"][:2]
    x, y, width, height = box
    centre = [_place(word, units, side) for word, side in zip(place, (width, height), strict=True)]
    edges = ([centre[0], width - centre[0]], [centre[1], height - centre[1]])
    if len(radii) < 2:
        word = radii[0] if radii else "closest-side"
        sides = [abs(edge) for pair in edges for edge in pair]
        radius = {"closest-side": min(sides), "farthest-side": max(sides)}.get(word)
        found = [_px(word, units, math.hypot(width, height) / math.sqrt(2)) if radius is None else radius] * 2
    else:
        found = [
            {"closest-side": min(map(abs, pair)), "farthest-side": max(map(abs, pair))}.get(word)
            for word, pair in zip(radii, edges, strict=True)
        ]
        found = [
            _px(word, units, side) if radius is None else radius
            for word, side, radius in zip(radii, (width, height), found, strict=True)
        ]
    names = dict(zip(("cx", "cy", "rx", "ry"), (x + centre[0], y + centre[1], *found), strict=True))
    return Element(f"{SVG}ellipse", {name: shown(value) for name, value in names.items()})


def _place(word: str, units: Units, side: float) -> float:
    return side * PLACES[word] if word in PLACES else _px(word, units, side)
