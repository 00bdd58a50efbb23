"""Clips of several shapes: what is in any of them is seen.

CairoSVG 2.9 makes one path of all shapes of a clip, so two that overlap and turn in opposite ways leave a hole, and one
that is hidden empties the whole. Here such a clip becomes a mask.
https://www.w3.org/TR/css-masking-1/#ClipPathElement
"""

from copy import deepcopy
from xml.etree.ElementTree import Element

from mmzero_env.draw.svg.css.repairs import around
from mmzero_env.draw.svg.css.styles.stylesheet import SVG

ALPHA = {"maskUnits": "userSpaceOnUse", "maskContentUnits": "userSpaceOnUse", "mask-type": "alpha"}
SEEN_ANYWAY = ("opacity", "fill-opacity", "filter", "mask", "clip-rule")
NO_SHAPES = frozenset(("animate", "animateTransform", "defs", "desc", "set", "title"))
# Each use of a mask draws as many pixels as the picture has.
MOST = 50


class Unions:
    """The masks that stand for clips."""

    def __init__(self, root: Element):
        self._root = root
        self._masks: dict[Element, Element] = {}
        self._parents: dict[Element, Element] = {}
        self._used = 0
        self.made: list[Element] = []

    def use(self, element: Element, clip: Element) -> bool:
        """Hide what a clip hides by a mask. False if the clip can stay: it has one shape, or too many were replaced."""
        for child in clip:
            if child.get("visibility") == "hidden" or child.tag == f"{SVG}g":  # a group may not stand there
                child.tag = f"{SVG}defs"
        shapes = [child for child in clip if child.tag.rpartition("}")[2] not in NO_SHAPES]
        if len(shapes) < 2 or self._used == MOST:
            return False
        self._used += 1
        if clip not in self._masks:
            self._masks[clip] = self._mask(clip, shapes)
        element.attrib.pop("clip-path", None)
        if "mask" in element.attrib:
            element = self._grouped(element)
        element.set("mask", f"url(#{self._masks[clip].get('id')})")
        return True

    def _mask(self, clip: Element, shapes: list[Element]) -> Element:
        mask = Element(f"{SVG}mask", {"id": f"mask-of-clip-{len(self.made)}", **ALPHA})
        group = Element(f"{SVG}g", {"fill": "white", "stroke": "none"})
        if "transform" in clip.attrib:
            group.set("transform", clip.get("transform"))
        for shape in map(deepcopy, shapes):
            rule = shape.get("clip-rule", clip.get("clip-rule", "nonzero"))
            for name in SEEN_ANYWAY:
                shape.attrib.pop(name, None)
            shape.attrib |= {"fill": "white", "stroke": "none", "fill-rule": rule}
            group.append(shape)
        mask.append(group)
        self.made.append(mask)
        return mask

    def _grouped(self, element: Element) -> Element:
        """The group that takes the place of an element."""
        if not self._parents:
            self._parents = {child: parent for parent in self._root.iter() for child in parent}
        parent = self._parents[element]
        place = list(parent).index(element)
        parent[place] = around(element, ("id",))
        self._parents[element] = parent[place]
        self._parents[parent[place]] = parent
        return parent[place]
