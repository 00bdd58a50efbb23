"""Boxes of texts (SVG 2, section 8.10: that of a text holds the cells of its letters, those of all its pieces).

CairoSVG 2.9 notes a box that begins behind the first letter of a piece and has no height.
"""

from cairosvg.helpers import size

from mmzero_env.draw.svg.boxes import Box, union

BOX, OF_ALL = "text_bounding_box", "bounding_box"
PLACES = ("x", "y", "dx", "dy")
ON_PATHS = "textPath"
TEXT_TAGS = ("text", "tspan", "textPath", "a")


def pieces(node):
    """A text and its pieces, in drawing order."""
    yield node
    for child in node.children:
        if child.tag in TEXT_TAGS:  # a title is none
            yield from pieces(child)


def on_path(piece) -> bool:
    return piece.tag == ON_PATHS or (piece.tag != "text" and piece.parent is not None and on_path(piece.parent))


def scattered(piece) -> bool:
    """True where letters of a piece have places of their own."""
    return any(key in piece and len(piece[key].replace(",", " ").split()) > 1 for key in PLACES)


def note_box(surface, piece) -> None:
    """Correct the box that CairoSVG has noted on a piece whose outlines it has just laid out."""
    if not piece.text or BOX not in piece:
        return
    context = surface.context
    if on_path(piece) or "rotate" in piece or scattered(piece):
        left, top, right, bottom = context.path_extents()  # the letters do not stand in a row
        piece[BOX] = left, top, right - left, bottom - top
        return
    behind_first, baseline, width, _ = piece[BOX]
    first, last = (context.text_extents(piece.text[index])[4] for index in (0, -1))
    ascent, descent = context.font_extents()[:2]
    piece[BOX] = behind_first - first, baseline - ascent, width + first - last, ascent + descent


def shifted(context, box: Box, back) -> Box:
    """A box of a context that has been moved or stretched, in the units that it has when `back` has been called."""
    left, top, width, height = box
    ends = context.user_to_device(left, top), context.user_to_device(left + width, top + height)
    back()
    (left, top), (right, bottom) = (context.device_to_user(*end) for end in ends)
    return left, top, right - left, bottom - top


def text_box(root) -> Box | None:
    """The box of a text whose pieces have been laid out; None for one without letters."""
    boxes = [piece[BOX] for piece in pieces(root) if piece.text and BOX in piece]
    boxes = [box for box in boxes if box[2] and box[3]]
    return union(boxes) if boxes else None


def share_box(surface, root, lay_out) -> None:
    """Lay out a text before it is drawn, where a paint of it goes by its box, which all its pieces share."""
    if not any("url(" in piece.get(paint, "") for piece in pieces(root) for paint in ("fill", "stroke")):
        return
    font_size, cursor, path = surface.font_size, _cursor(surface), surface.context.copy_path()
    surface.context.save()
    for piece in pieces(root):
        surface.font_size = size(surface, piece.get("font-size", "12pt"))
        surface.context.new_path()
        lay_out(surface, piece)
    surface.context.restore()
    surface.context.new_path()
    surface.context.append_path(path)
    surface.font_size = font_size
    surface.cursor_position, surface.cursor_d_position, surface.text_path_width = cursor
    box = text_box(root)
    for piece in pieces(root):
        if box is not None:
            piece[OF_ALL] = box


def _cursor(surface) -> tuple:
    return list(surface.cursor_position), list(surface.cursor_d_position), surface.text_path_width
