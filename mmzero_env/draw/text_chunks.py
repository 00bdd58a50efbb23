"""Chunks of text (SVG 2, section 11.5): what `text-anchor` places as one.

CairoSVG 2.9 places every piece of a line by itself.
"""

import cairocffi as cairo
from cairosvg.helpers import normalize, size

from mmzero_env.draw.glyphs import completed
from mmzero_env.draw.text_boxes import pieces

BOLD = 550


def join_lines(surface, root) -> None:
    """Place the pieces of each line (text chunk, SVG 2 section 11.5) under `text-anchor` middle and end as one.

    CairoSVG moves every piece by its own width. Here the first one starts at the left end of the whole line, and all
    are drawn from there with anchor start.
    """
    all_pieces = list(pieces(root))
    if any(piece.tag == "textPath" or _places(piece) > 1 for piece in all_pieces):
        return
    line: list = []
    for piece in all_pieces:
        if line and ("x" in piece or "y" in piece):
            _join(surface, line)
            line = []
        line.append(piece)
    _join(surface, line)


def _join(surface, line: list) -> None:
    first = line[0]
    anchor = first.get("text-anchor")
    written = [index for index, piece in enumerate(line) if piece.text]
    while written and not line[written[-1]].text.strip():
        written.pop()  # blanks at the end take no room
    if anchor not in ("middle", "end") or "x" not in first or len(written) < 2:
        return
    last = line[written[-1]]
    width = sum(advance(surface, piece, piece is last) for piece in line[: written[-1] + 1])
    for piece in line:
        piece["text-anchor"] = "start"
    first["x"] = str(size(surface, first["x"], "x") - (width / 2 if anchor == "middle" else width))


def advance(surface, piece, at_end: bool) -> float:
    """How far a piece moves the pen, as CairoSVG draws it: letter by letter."""
    own, surface.font_size = surface.font_size, size(surface, piece.get("font-size", "12pt"))
    context = surface.context
    context.save()
    family = (piece.get("font-family") or "sans-serif").split(",")[0].strip("\"' ")
    slant = {"italic": cairo.FONT_SLANT_ITALIC, "oblique": cairo.FONT_SLANT_OBLIQUE}
    context.select_font_face(
        family,
        slant.get(piece.get("font-style"), cairo.FONT_SLANT_NORMAL),
        cairo.FONT_WEIGHT_BOLD if _bold(piece.get("font-weight")) else cairo.FONT_WEIGHT_NORMAL,
    )
    context.set_font_size(surface.font_size)
    text = piece.text.rstrip() if at_end else piece.text
    with completed(context, {}):
        width = sum(context.text_extents(letter)[4] for letter in text)
    context.restore()
    width += max(0, len(text) - 1) * size(surface, piece.get("letter-spacing"))
    width += sum(size(surface, step, "x") for step in normalize(piece.get("dx", "")).split())
    surface.font_size = own
    return width


def _places(piece) -> int:
    return max(len(normalize(piece.get(key, "")).split()) for key in ("x", "y", "rotate"))


def _bold(weight: str | None) -> bool:
    return weight == "bold" or bool(weight and weight.isdigit() and int(weight) >= BOLD)
