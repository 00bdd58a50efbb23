"""`textLength` and `text-decoration`, which CairoSVG 2.9 does not know (SVG 2, sections 11.6 and 11.13)."""

import cairosvg.surface
from cairosvg.helpers import paint, size

# Where a line runs, in em above the baseline, and how thick it is: those of most fonts.
LINES = {"underline": -0.14, "line-through": 0.26, "overline": 0.86}
THICK = 0.07


def stretch(surface, node, natural: float) -> None:
    """Give a text of one piece the length that it asks for; `natural`: what it has by itself."""
    wanted = size(surface, node["textLength"], "x")
    if wanted <= 0 or natural <= 0:
        return
    if node.get("lengthAdjust") == "spacingAndGlyphs":
        x = size(surface, (node.get("x") or "0").split()[0], "x")
        surface.context.translate(x, 0)
        surface.context.scale(wanted / natural, 1)
        surface.context.translate(-x, 0)
        return
    gaps = len(node.text.strip()) - 1
    if gaps > 0:
        node["letter-spacing"] = str(size(surface, node.get("letter-spacing")) + (wanted - natural) / gaps)
    del node["textLength"]  # the letters are measured and drawn in two calls


def decorate(surface, node) -> None:
    """Draw the lines of a piece of text that has just been drawn."""
    lines = [LINES[word] for word in str(node["text-decoration"]).lower().split() if word in LINES]
    text = node.text.rstrip()
    source, colour = paint(node.get("fill", "black"))
    if not lines or not text or "rotate" in node or (colour == "none" and not source):
        return
    # CairoSVG's box of a text lies between the right ends of its first and of its last letter, and that letter more.
    left, baseline, width, _ = node["text_bounding_box"]
    left -= surface.context.text_extents(text[0])[4]
    width -= surface.context.text_extents(node.text[-1])[4] - surface.context.text_extents(text[0])[4]
    outlines = surface.context.copy_path()  # to be stroked
    surface.context.save()
    surface.context.new_path()
    opacity = float(node.get("fill-opacity", 1)) * (1.0 if node.children else float(node.get("opacity", 1)))
    if not cairosvg.surface.gradient_or_pattern(surface, node, source, opacity):
        surface.context.set_source_rgba(*surface.map_color(colour, opacity))
    for up in lines:
        thick = THICK * surface.font_size
        surface.context.rectangle(left, baseline - up * surface.font_size - thick / 2, width, thick)
        surface.context.fill()
    surface.context.restore()
    surface.context.append_path(outlines)
