"""Texts of an SVG: which of them are really drawn, and in which way other than CairoSVG's.

Recorded where CairoSVG draws them, so hidden, transparent and off-canvas texts don't count; text that another shape
covers later, or in the colour of its ground, does.
"""

import re

import cairosvg.parser
import cairosvg.surface
from cairosvg.helpers import paint, size

from mmzero_env.draw.svg.css.baselines import SHIFTED
from mmzero_env.draw.svg.css.values.colours import alpha
from mmzero_env.draw.svg.glyphs import completed
from mmzero_env.draw.svg.masks import device_extents
from mmzero_env.draw.svg.text_boxes import BOX, TEXT_TAGS, note_box, share_box, shifted
from mmzero_env.draw.svg.text_chunks import above_central, advance, join_lines, onto_path, part_letters
from mmzero_env.draw.svg.text_lines import decorate, stretch

MIN_FONT_PX = 1.0
ADJUSTING = frozenset(("dominant-baseline", "alignment-baseline", "textLength", "text-decoration"))
# CairoSVG hangs texts from the top of their font; the hanging baseline is at four fifths of its height (in em).
ABOVE_HANGING = 0.19
SHOWN_TEXT = 40
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
MOST_UNREADABLE = 3


class TextRecorder:
    """Stands in for CairoSVG's text drawing and notes what it really draws on the canvas."""

    def __init__(self):
        self.original = cairosvg.surface.text
        self.pieces: list[tuple[object, bool, str]] = []
        self.unreadable: list[str] = []
        self.reversed: list[str] = []
        self.missing: dict[str, None] = {}  # letters that no font has, in their order
        self.pixels = (0, 0)
        # CairoSVG compares the function with its own module's name for it, so both are replaced.
        for tag, drawer in list(cairosvg.surface.TAGS.items()):
            if drawer is self.original:
                cairosvg.surface.TAGS[tag] = self
        cairosvg.surface.text = self
        cairosvg.parser.handle_white_spaces = collapse

    def start(self, pixels: tuple[int, int]) -> None:
        self.pieces, self.unreadable, self.reversed, self.missing, self.pixels = [], [], [], {}, pixels

    def __call__(self, surface, node, draw_as_text: bool = False) -> None:
        if not draw_as_text:
            if node.tag == "text" and node.children:
                onto_path(node)
                join_lines(surface, node)
                share_box(surface, node, self._draw)
            part_letters(surface, node)
        self._draw(surface, node, draw_as_text)

    def _draw(self, surface, node, draw_as_text: bool = False) -> None:
        if not node.text or node.text.isascii():
            self._piece(surface, node, draw_as_text)
        else:
            with completed(surface.context, self.missing):
                self._piece(surface, node, draw_as_text)

    def _piece(self, surface, node, draw_as_text: bool) -> None:
        """Lay out a piece as outlines, or draw its letters: CairoSVG asks for both, one after the other."""
        box = node.pop(BOX, None)
        if draw_as_text:
            if box is not None:
                node[BOX] = box
            self._note(surface, node)
            if node.get("paint-order", "normal").startswith(("stroke", "markers stroke")):
                stroke_first(surface, node)
        if node.keys().isdisjoint(ADJUSTING):
            self.original(surface, node, draw_as_text)
            if not draw_as_text:
                note_box(surface, node)
        else:
            self._adjusted(surface, node, draw_as_text)
        if draw_as_text and box is not None:
            node[BOX] = box

    def _adjusted(self, surface, node, draw_as_text: bool) -> None:
        context = surface.context
        context.save()
        baseline = node.get("dominant-baseline") or node.get("alignment-baseline")
        if baseline == "hanging":
            context.translate(0, -ABOVE_HANGING * surface.font_size)
        elif baseline == "middle":
            context.translate(0, -above_central(surface, node))
        if node.tag == "text" and node.get("textLength") and not node.children:
            stretch(surface, node, advance(surface, node, True))
        self.original(surface, node, draw_as_text)
        if not draw_as_text:
            note_box(surface, node)
        elif node.text and "text-decoration" in node and BOX in node:
            decorate(surface, node)
        if not draw_as_text and BOX in node:
            node[BOX] = shifted(context, node[BOX], context.restore)
        else:
            context.restore()

    def _note(self, surface, node) -> None:
        if not node.text or getattr(surface, "in_mask", False):
            return
        if not node.text.strip():
            if self.pieces and self.pieces[-1][0] is _text_root(node):
                self.pieces.append((self.pieces[-1][0], False, " "))  # between two words
            return
        if RIGHT_TO_LEFT.search(node.text):
            self.reversed.append(" ".join(node.text.split()))
        if self._readable(surface, node):
            down = node.get("dy", "0").strip() not in ("0", "") and SHIFTED not in node
            moved = "x" in node or "y" in node or down
            self.pieces.append((_text_root(node), moved, node.text))
        else:
            self.unreadable.append(" ".join(node.text.split()))

    def found(self) -> list[str]:
        """One string per <text>, or per line where a <tspan> moves to a place of its own; in drawing order."""
        joined: list[tuple[object, str]] = []
        for root, moved, text in self.pieces:
            if joined and joined[-1][0] is root and not moved:
                joined[-1] = (root, joined[-1][1] + text)
            else:
                joined.append((root, text))
        return [text for text in (" ".join(text.split()) for _, text in joined) if text]

    def notes(self) -> list[str]:
        """A line for texts that are drawn so that nobody can read them: outside, transparent, or at size 0; one for
        texts whose letters come out in the wrong order; one for letters that no font has."""
        lines = [f"right-to-left text is drawn from left to right: {text[:SHOWN_TEXT]!r}" for text in self.reversed[:1]]
        if self.missing:
            shown = " ".join(x if x.isprintable() else f"U+{ord(x):04X}" for x in self.missing)
            lines.append(f"no font here has these letters, boxes are drawn: {shown[:SHOWN_TEXT]}")
        if not self.unreadable:
            return lines
        shown = ", ".join(repr(text[:SHOWN_TEXT]) for text in self.unreadable[:MOST_UNREADABLE])
        more = len(self.unreadable) - MOST_UNREADABLE
        return [
            *lines,
            f"outside the picture, transparent or without size: {shown}" + (f" and {more} more" if more > 0 else ""),
        ]

    def _readable(self, surface, node) -> bool:
        filled = alpha(node.get("fill", "black")) > 0 and _number(node.get("fill-opacity", "1")) > 0
        stroked = alpha(node.get("stroke", "none")) > 0 and _number(node.get("stroke-opacity", "1")) > 0
        if not (filled or stroked):
            return False
        shown = all(_number(around.get("opacity", "1")) > 0 for around in _outwards(node))
        return shown and self._on_canvas(surface, node.get(BOX))

    def _on_canvas(self, surface, box) -> bool:
        """True if the box of a text, in user units, is larger than a pixel and some of it in the picture and not cut
        off by a clip."""
        if box is None:
            return True
        x, y, width, height = box
        corners = [(x, y), (x + width, y), (x, y + height), (x + width, y + height)]
        points = [surface.context.user_to_device(*corner) for corner in corners]
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        if points[0][1] == points[1][1] and points[0][0] == points[2][0]:  # not turned: a tenth of the time
            left, top, right, bottom = surface.context.clip_extents()
            ends = surface.context.user_to_device(left, top), surface.context.user_to_device(right, bottom)
            (left, right), (top, bottom) = map(sorted, zip(*ends, strict=True))
        else:
            left, top, right, bottom = device_extents(surface)
        right, bottom = min(right, self.pixels[0]), min(bottom, self.pixels[1])  # a filter may see more
        large = max(max(xs) - min(xs), max(ys) - min(ys)) >= MIN_FONT_PX
        across = max(left, 0, min(xs)) < min(right, max(xs))
        return large and across and max(top, 0, min(ys)) < min(bottom, max(ys))


def stroke_first(surface, node) -> None:
    """Stroke the outlines under the letters that are filled next (`paint-order`), and not again over them."""
    opacity = float(node.get("stroke-opacity", 1)) * (1.0 if node.children else float(node.get("opacity", 1)))
    source, colour = paint(node.get("stroke"))
    surface.context.save()
    surface.context.set_line_width(size(surface, node.get("stroke-width", "1")))
    if not cairosvg.surface.gradient_or_pattern(surface, node, source, opacity):
        surface.context.set_source_rgba(*surface.map_color(colour, opacity))
    surface.context.stroke_preserve()
    surface.context.restore()
    node["stroke"] = "none"


def collapse(text: str | None, preserve: bool) -> str:
    """White space as CSS collapses it: a line break is a blank, where CairoSVG joins the words around it.

    >>> collapse("one\\n   two", False), collapse("a  b\\n", True)
    ('one two', 'a  b ')
    """
    if not text:
        return ""
    return re.sub("[\n\r\t]", " ", text) if preserve else re.sub("[ \n\r\t]+", " ", text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def _outwards(node):
    while node is not None:
        yield node
        node = node.parent


def _text_root(node):
    while node.parent is not None and node.parent.tag in TEXT_TAGS:
        node = node.parent
    return node
