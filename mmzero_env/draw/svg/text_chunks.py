"""Chunks of text (SVG 2, section 11.5): what `text-anchor` places as one.

CairoSVG 2.9 places every piece of a line by itself.
"""

import contextlib
from collections.abc import Iterator

import cairocffi as cairo
from cairosvg.helpers import normalize, size

from mmzero_env.draw.svg.glyphs import completed
from mmzero_env.draw.svg.text_boxes import TEXT_TAGS, on_path, pieces, scattered

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


def part_letters(surface, piece) -> None:
    """Give each letter with a place of its own the left end that `text-anchor` asks for: it is a chunk by itself.

    CairoSVG moves all of them by the width of the whole piece.
    """
    anchor = piece.get("text-anchor")
    if anchor not in ("middle", "end") or "x" not in piece or not piece.text or not scattered(piece):
        return
    places, downs = (normalize(piece.get(key, "")).split() for key in ("x", "y"))
    count = min(max(len(places), len(downs)), len(piece.text))
    if count < 2:
        return
    chunks = [*piece.text[: count - 1], piece.text[count - 1 :].rstrip()]
    lefts, pen = [], 0.0
    for index, chunk in enumerate(chunks):
        width = _width(surface, piece, chunk)
        pen = size(surface, places[index], "x") if index < len(places) else pen
        lefts.append(pen - (width / 2 if anchor == "middle" else width))
        pen += width
    piece["x"], piece["text-anchor"] = " ".join(map(str, lefts)), "start"


def onto_path(root) -> None:
    """Hand the shift of a text that only holds a `<textPath>` down to its letters, where CairoSVG forgets it."""
    first = next((piece for piece in pieces(root) if piece.text and piece.text.strip()), None)
    if first is None or not on_path(first):
        return
    around = first.parent
    while around is not None and around.tag in TEXT_TAGS:
        for key in ("dx", "dy"):
            if key in around and key not in first:
                first[key] = around[key]
        around = around.parent


def advance(surface, piece, at_end: bool) -> float:
    """How far a piece moves the pen, as CairoSVG draws it: letter by letter."""
    width = _width(surface, piece, piece.text.rstrip() if at_end else piece.text)
    return width + sum(size(surface, step, "x") for step in normalize(piece.get("dx", "")).split())


def _width(surface, piece, text: str) -> float:
    with font_of(surface, piece) as context, completed(context, {}):
        width = sum(context.text_extents(letter)[4] for letter in text)
    return width + max(0, len(text) - 1) * size(surface, piece.get("letter-spacing"))


@contextlib.contextmanager
def font_of(surface, piece) -> Iterator[cairo.Context]:
    """The context of a surface with the font of a piece."""
    context, own = surface.context, surface.font_size
    surface.font_size = size(surface, piece.get("font-size", "12pt"))
    family = (piece.get("font-family") or "sans-serif").split(",")[0].strip("\"' ")
    slant = {"italic": cairo.FONT_SLANT_ITALIC, "oblique": cairo.FONT_SLANT_OBLIQUE}
    context.save()
    context.select_font_face(
        family,
        slant.get(piece.get("font-style"), cairo.FONT_SLANT_NORMAL),
        cairo.FONT_WEIGHT_BOLD if _bold(piece.get("font-weight")) else cairo.FONT_WEIGHT_NORMAL,
    )
    context.set_font_size(surface.font_size)
    try:
        yield context
    finally:
        context.restore()
        surface.font_size = own


def above_central(surface, piece) -> float:
    """How much lower CairoSVG puts a piece by its `middle`: it takes half of what the font rises and falls, which is
    `central`; the middle is at half the height of an x (CSS Inline 3, section 4.2)."""
    with font_of(surface, piece) as context:
        ascent, descent = context.font_extents()[:2]
        return (ascent - descent) / 2 - context.text_extents("x")[3] / 2


def _places(piece) -> int:
    return max(len(normalize(piece.get(key, "")).split()) for key in ("x", "y", "rotate"))


def _bold(weight: str | None) -> bool:
    return weight == "bold" or bool(weight and weight.isdigit() and int(weight) >= BOLD)
