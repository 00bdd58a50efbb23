"""Markers whose paint is that of the line they stand on (`context-fill`, `context-stroke`; SVG 2, section 13.2).

CairoSVG 2.9 paints those black, draws the markers of hidden lines, and draws with the dashes of their line. A marker is
shared by many lines, so its paints are set again before each.
"""

import cairocffi as cairo
import cairosvg.surface
from cairosvg.helpers import size
from cairosvg.url import parse_url

from mmzero_env.draw.svg.css.values.colours import FROM_MARKED
from mmzero_env.draw.svg.vertices import vertices

POSITIONS = ("marker", "marker-start", "marker-mid", "marker-end")
PAINTS = {word: word.removeprefix("context-") for word in FROM_MARKED}


class MarkerPaints:
    """Stands in for CairoSVG's function that draws the markers of a line."""

    def __init__(self):
        self.original = cairosvg.surface.draw_markers
        self.borrowed: dict[str, list[tuple[object, str, str]]] = {}
        cairosvg.surface.draw_markers = self

    def start(self) -> None:
        self.borrowed = {}

    def __call__(self, surface, node) -> None:
        if getattr(node, "vertices", None) and surface.markers:
            if node.get("visibility") == "hidden":
                node.vertices.clear()
            elif node.tag == "path":
                node.vertices = vertices(node.get("d", "")) or node.vertices
            plain_strokes(surface.context)
            no_line = size(surface, node.get("stroke-width", "1")) == 0
            for position in POSITIONS:
                if position in node:
                    name = parse_url(node[position]).fragment
                    if no_line and surface.markers.get(name, {}).get("markerUnits") != "userSpaceOnUse":
                        del node[position]  # of no size; cairo takes no scale of 0
                    else:
                        self._lend(surface, node, name)
        self.original(surface, node)

    def _lend(self, surface, node, name: str) -> None:
        if name not in self.borrowed:
            marker = surface.markers.get(name)
            self.borrowed[name] = [] if marker is None else list(_borrowed(marker))
        for part, attribute, paint in self.borrowed[name]:
            part[attribute] = node.get(paint, "black" if paint == "fill" else "none")


def plain_strokes(context) -> None:
    """Take back the dashes and the round ends of what has been drawn, or of what is around it."""
    context.set_dash([])
    context.set_line_cap(cairo.LINE_CAP_BUTT)
    context.set_line_join(cairo.LINE_JOIN_MITER)


def _borrowed(node):
    for attribute in ("fill", "stroke"):
        if node.get(attribute) in PAINTS:
            yield node, attribute, PAINTS[node[attribute]]
    for child in node.children:
        yield from _borrowed(child)
