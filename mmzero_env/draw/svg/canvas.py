"""What CairoSVG 2.9 does not draw at all: filters (effects/), even-odd clips, blend modes, strokes that do not scale,
and strokes without round ends or dashes in a group that has them.

Documents without these are drawn by CairoSVG's own surface: the extra step per element is not free.
"""

import re

import cairocffi as cairo
import cairosvg.parser
import cairosvg.surface
from cairosvg.helpers import size
from cairosvg.url import parse_url

from mmzero_env.draw.svg.effects import Effects
from mmzero_env.draw.svg.markers import plain_strokes

USED = re.compile(
    r"clip-rule|mix-blend-mode|isolation|non-scaling-stroke|\bbutt\b|\bmiter\b|evenodd,|filter|"
    r"dasharray\s*[:=][\"'\s]*(?:none|0)"
)
# https://www.w3.org/TR/compositing-1/#blending
BLENDS = {
    "multiply": cairo.OPERATOR_MULTIPLY,
    "screen": cairo.OPERATOR_SCREEN,
    "overlay": cairo.OPERATOR_OVERLAY,
    "darken": cairo.OPERATOR_DARKEN,
    "lighten": cairo.OPERATOR_LIGHTEN,
    "color-dodge": cairo.OPERATOR_COLOR_DODGE,
    "color-burn": cairo.OPERATOR_COLOR_BURN,
    "hard-light": cairo.OPERATOR_HARD_LIGHT,
    "soft-light": cairo.OPERATOR_SOFT_LIGHT,
    "difference": cairo.OPERATOR_DIFFERENCE,
    "exclusion": cairo.OPERATOR_EXCLUSION,
    "hue": cairo.OPERATOR_HSL_HUE,
    "saturation": cairo.OPERATOR_HSL_SATURATION,
    "color": cairo.OPERATOR_HSL_COLOR,
    "luminosity": cairo.OPERATOR_HSL_LUMINOSITY,
    "plus-lighter": cairo.OPERATOR_ADD,
}
OF_ELEMENTS = ("mix-blend-mode", "isolation", "vector-effect")
cairosvg.parser.NOT_INHERITED_ATTRIBUTES |= frozenset(OF_ELEMENTS)


class Canvas(cairosvg.surface.PNGSurface):
    """CairoSVG's surface; `stretch`: pixels of the picture per px of the document's size."""

    stretch = 1.0
    effects: Effects

    def draw(self, node) -> None:
        effect = self.effects.of(node) if "filter" in node else None
        if effect is not None:
            return self.effects.paint(self, node, effect)
        # A parent's round ends and dashes would stay.
        plain_strokes(self.context)
        even_odd = "clip-path" in node and self._even_odd(parse_url(node["clip-path"]).fragment)
        if even_odd:
            self.context.save()
            self.context.set_fill_rule(cairo.FILL_RULE_EVEN_ODD)  # until the clip has been made
        operator = BLENDS.get(node.get("mix-blend-mode"))
        if operator is None and node.get("isolation") != "isolate":
            self._draw(node)
        else:
            self.context.push_group()
            self._draw(node)
            self.context.pop_group_to_source()
            self.context.save()
            self.context.set_operator(cairo.OPERATOR_OVER if operator is None else operator)
            self.context.paint()
            self.context.restore()
        if even_odd:
            self.context.restore()

    def _draw(self, node) -> None:
        if node.get("vector-effect") == "non-scaling-stroke" and node.tag in cairosvg.surface.PATH_TAGS:
            self._unscaled(node)
        else:
            super().draw(node)

    def _unscaled(self, node) -> None:
        """Draw with the width of the line in px of the picture: cairo forms the pen when it strokes."""
        original = self.context.stroke
        width = size(self, node.get("stroke-width", "1")) * self.stretch

        def stroke() -> None:
            self.context.identity_matrix()
            self.context.set_line_width(width)
            original()

        self.context.stroke = stroke
        try:
            super().draw(node)
        finally:
            del self.context.stroke

    def _even_odd(self, name: str) -> bool:
        clip = self.paths.get(name)
        return clip is not None and any(part.get("clip-rule") == "evenodd" for part in (clip, *clip.children))
