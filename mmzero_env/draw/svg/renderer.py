"""SVG to pixels with CairoSVG, in a snippet's process.

Checked (checks.py), read, styled (css/), weighed (weight.py), and only then drawn. The output size is decided
before anything is rasterised (`output_size`). What is left out of a drawing is said in the result's note.

Not covered: some filters (effects/__init__.py), HTML in `<foreignObject>`, fonts that are not installed (fontconfig
picks another), right-to-left text (its letters are drawn one by one; a note says so), a clip on a clip;
css/__init__.py lists what of CSS is not. XML that is not well-formed (`&deg;`, a bare `&`, a prefix that is not
declared, `--` in a comment) stays an error, as in every reader of files.
"""

import math
import re
from xml.etree.ElementTree import Element, ParseError

import cairocffi as cairo
import cairosvg.defs
import cairosvg.surface
import cssselect2
from cairosvg.colors import color
from cairosvg.parser import Node, Tree
from defusedxml import ElementTree

from mmzero_env import wire
from mmzero_env.config import RenderConfig
from mmzero_env.draw.errors import Refused
from mmzero_env.draw.svg import quicker
from mmzero_env.draw.svg.canvas import USED, Canvas
from mmzero_env.draw.svg.checks import check_svg
from mmzero_env.draw.svg.css import Page, apply_css
from mmzero_env.draw.svg.css.geometry.viewports import view_box
from mmzero_env.draw.svg.css.values.lengths import Units, length_px
from mmzero_env.draw.svg.effects import Effects
from mmzero_env.draw.svg.elements import settle
from mmzero_env.draw.svg.gradients import draw_gradient
from mmzero_env.draw.svg.markers import MarkerPaints
from mmzero_env.draw.svg.masks import paint_mask
from mmzero_env.draw.svg.patterns import Patterns
from mmzero_env.draw.svg.texts import TextRecorder
from mmzero_env.draw.svg.weight import check_weight
from mmzero_env.results import RenderStatus

DPI = 96
NO_SIZE = ("auto", "inherit", "initial", "unset", "none", "intrinsic", "fit-content", "max-content", "min-content")
WINDOW = re.compile(r"\d\s*[sld]?v(?:w|h|i|b|min|max)\b")
WARM_UP = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 40"><style>.a{fill:red}</style><defs>
<linearGradient id="g"><stop offset="0" stop-color="#fff"/><stop offset="1" stop-color="navy"/></linearGradient>
<radialGradient id="h"><stop offset="0" stop-color="rgb(1,2,3)"/></radialGradient>
<marker id="m" markerWidth="4" markerHeight="4"><path d="M0,0 L4,2 L0,4 z"/></marker>
<clipPath id="c"><rect width="30" height="30"/></clipPath></defs>
<rect class="a" x="1" y="1" width="9" height="9" rx="2" stroke="black" stroke-dasharray="2 1"/>
<g transform="translate(5 5) rotate(10)" opacity="0.5"><circle cx="9" cy="9" r="5" fill="url(#g)"/>
<ellipse cx="9" cy="9" rx="5" ry="2" style="fill:url(#h)"/></g>
<path d="M1 1 C 2 2 3 3 4 1 S 5 5 6 6 Q 7 7 8 8 T 9 9 A 3 3 0 0 1 12 12 h1 v1 z" marker-end="url(#m)" fill="none"/>
<polyline points="1,1 5,5 9,1" clip-path="url(#c)"/><polygon points="20,20 25,25 20,30"/>
<line x1="0" y1="39" x2="60" y2="39" stroke="#123456" stroke-width="1.5"/>
<text x="2" y="30" font-size="12">Ag1<tspan font-weight="bold" font-style="italic">b</tspan></text>
<text x="30" y="30" font-family="serif" text-anchor="middle">a</text>
<text x="30" y="39" font-family="monospace">a</text>
<text x="30" y="39" font-family="Arial, Helvetica">a\u2082</text></svg>"""


class SvgRenderer:
    """Draws one SVG after another; the template makes one, each child uses its copy once."""

    def __init__(self, config: RenderConfig):
        self.config = config
        quicker.install()
        self.texts = TextRecorder()
        self.markers = MarkerPaints()
        self.patterns = Patterns()
        Canvas.effects = Effects()
        cairosvg.surface.paint_mask = paint_mask
        cairosvg.defs.draw_gradient = draw_gradient
        self(WARM_UP)

    def __call__(self, code: str) -> list[bytes]:
        """A packed result. Raises Refused, MemoryError, or whatever CairoSVG raises."""
        # A declared encoding is about bytes; the code is text.
        code = re.sub(r"\A\ufeff?\s*<\?xml\s[^>]*\?>", "", code).strip()
        notes = check_svg(code, self.config)
        root = read(code, notes)
        page, user, pixels = style(root, self.config)
        check_weight(root, self.config)
        # CairoSVG gets numbers only: the size in user units, and the pixels to fill.
        root.set("width", str(user[0]))
        root.set("height", str(user[1]))
        self.texts.start(pixels)
        self.markers.start()
        background, below = ground(page.background, self.config.background_rgb()), None
        if "mix-blend-mode" in code:  # elements blend with what the document paints, not with what lies below it
            background, below = page.background, background
        canvas = Canvas if USED.search(code) else cairosvg.surface.PNGSurface
        Canvas.stretch = pixels[0] / user[0]
        Canvas.effects.start(root if canvas is Canvas else None)
        surface = canvas(_Document(root), None, DPI, None, None, None, 1, *pixels, background_color=background)
        # Kept until this process ends: cairo frees the pixels together with the surface, and they are sent later.
        self.drawn = surface.cairo
        if below is not None:
            paint_below(self.drawn, below)
        self.drawn.flush()
        note = "; ".join([*notes, *page.notes, *Canvas.effects.notes, *self.texts.notes()])
        texts = tuple(self.texts.found())
        return wire.pack_result(
            RenderStatus.OK, note, texts, *pixels, memoryview(self.drawn.get_data()), self.config.max_text_chars
        )


class NoRules:
    """Stands in for the matchers of style sheets, which have been applied before."""

    def match(self, element: object) -> tuple[()]:
        return ()


class _Document(Tree):
    """CairoSVG's tree over a document that has been read; its own constructor takes bytes only."""

    def __new__(cls, root: Element):
        return Node.__new__(cls)

    def __init__(self, root: Element):
        self.url, self.url_fetcher, self.xml_tree = None, refuse_fetch, root
        Node.__init__(self, cssselect2.ElementWrapper.from_xml_root(root), (NoRules(), NoRules()), refuse_fetch)
        self.root = True


def read(code: str, notes: list[str]) -> Element:
    """The document without what is not drawn; adds to `notes`. Raises Refused where it is not well-formed."""
    try:
        root = ElementTree.fromstring(code.encode())
    except ParseError as error:
        raise Refused(RenderStatus.SYNTAX_ERROR, f"not well-formed XML: {error}") from None
    settle(root, notes)
    return root


def style(root: Element, config: RenderConfig) -> tuple[Page, tuple[float, float], tuple[int, int]]:
    """Apply the styles of a document and decide its size.

    Returns:
        What the styles say of the page, the size in user units, and in pixels.

    Raises:
        Refused: the size is outside the policy.
    """
    note = None
    try:
        view_size = _view_size(root.get("viewBox"))
    except Refused as problem:
        if "%" in root.get("width", "%") + root.get("height", "%"):
            raise
        view_size, note = None, f"{problem.message}: ignored"
    if view_size is None:
        root.attrib.pop("viewBox", None)
    else:
        root.set("viewBox", root.get("viewBox").replace("px", ""))
    try:
        window, _ = output_size(root.get("width"), root.get("height"), view_size, config)
    except Refused:
        window = view_size  # a style may still give it a size
    try:
        page = apply_css(root, window)
    except RecursionError:
        raise Refused(RenderStatus.TOO_LARGE, "styles are nested too deep") from None
    page.note(note)
    return page, *output_size(root.get("width"), root.get("height"), view_size, config)


def ground(colour: str | None, below: tuple[int, int, int]) -> str:
    """The colour of the canvas, where a document's background covers `below`.

    >>> ground(None, (255, 255, 255)), ground("rgba(0,0,0,0.5)", (255, 255, 255)), ground("navy", (255, 255, 255))
    ('#ffffff', '#808080', '#000080')
    """
    *channels, alpha = color(colour) if colour else (0, 0, 0, 0)
    mixed = (round(255 * above * alpha + under * (1 - alpha)) for above, under in zip(channels, below, strict=True))
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def paint_below(pixels: cairo.ImageSurface, colour: str) -> None:
    """Paint what is still transparent."""
    context = cairo.Context(pixels)
    context.set_operator(cairo.OPERATOR_DEST_OVER)
    context.set_source_rgba(*color(colour))
    context.paint()


def output_size(
    width: str | None, height: str | None, view_box: tuple[float, float] | None, config: RenderConfig
) -> tuple[tuple[float, float], tuple[int, int]]:
    """Size in user units and in pixels.

    As browsers do, a side that is missing or a percentage follows from the viewBox. Drawings larger than max_side are
    scaled down to it; drawings that declare no size of their own (viewBox only) are also scaled up to min_side.

    Raises:
        Refused: BAD_SIZE: no size, not a number, or outside the policy.

    >>> output_size("640", None, (100.0, 50.0), RenderConfig())
    ((640.0, 320.0), (640, 320))
    >>> output_size(None, None, (4096.0, 2048.0), RenderConfig())
    ((4096.0, 2048.0), (1024, 512))
    """
    declared = (_length(width), _length(height))
    if None in declared and view_box is None:
        raise Refused(RenderStatus.BAD_SIZE, "no size: give width and height, or a viewBox")
    if declared == (None, None):
        user = view_box
    elif declared[0] is None:
        user = (declared[1] * view_box[0] / view_box[1], declared[1])
    elif declared[1] is None:
        user = (declared[0], declared[0] * view_box[1] / view_box[0])
    else:
        user = declared
    shorter, longer = min(user), max(user)
    shown = f"{user[0]:g} x {user[1]:g}"
    if not (shorter > 0 and math.isfinite(longer)):
        raise Refused(RenderStatus.BAD_SIZE, f"size {shown} is not positive")
    if longer > config.max_declared_side:
        raise Refused(
            RenderStatus.BAD_SIZE, f"size {shown} is over render.max_declared_side={config.max_declared_side}"
        )
    if longer > config.max_aspect * shorter:
        raise Refused(
            RenderStatus.BAD_SIZE, f"size {shown} is longer than render.max_aspect={config.max_aspect:g} allows"
        )
    scale = min(1.0, config.max_side / longer)
    if declared == (None, None):
        scale = min(max(scale, config.min_side / shorter), config.max_side / longer)
    pixels = tuple(min(config.max_side, max(1, round(side * scale))) for side in user)
    if min(pixels) < config.min_side:
        raise Refused(
            RenderStatus.BAD_SIZE,
            f"size {shown} gives {pixels[0]} x {pixels[1]} pixels, under render.min_side={config.min_side}",
        )
    return user, pixels


def refuse_fetch(url: str, resource_type: str) -> bytes:
    raise Refused(RenderStatus.FORBIDDEN, f"external reference: {str(url)[:60]!r}")


def _length(text: str | None) -> float | None:
    """A length in user units; None for one that depends on where the picture is shown (a percentage, `auto`, `vw`), or
    for nothing."""
    word = (text or "").strip().lower()
    if not word or word in NO_SIZE or "%" in word or WINDOW.search(word):
        return None
    value = length_px(word, Units())
    if value is None:
        raise Refused(RenderStatus.BAD_SIZE, f"{text[:40]!r} is not a length")
    return value


def _view_size(text: str | None) -> tuple[float, float] | None:
    """Width and height of the document's viewBox, None if there is none."""
    if text is None:
        return None
    view = view_box(text)
    if view is None:
        raise Refused(RenderStatus.BAD_SIZE, f"viewBox {text[:60]!r} is not four numbers with a positive size")
    return view[2:]
