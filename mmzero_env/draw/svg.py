"""SVG to pixels with CairoSVG, in a snippet's process.

The output size is decided before anything is rasterised (`output_size`). Texts are recorded where CairoSVG draws them,
so hidden, transparent and off-canvas texts don't count; text that another shape covers later, or in the colour of its
ground, does.

Not covered: filters beyond the few that CairoSVG knows, fonts that are not installed (fontconfig picks another).
"""

import math
import re

import cairosvg.surface
from cairosvg.helpers import UNITS
from cairosvg.parser import Tree

from mmzero_env import wire
from mmzero_env.config import RenderConfig
from mmzero_env.draw.errors import Refused
from mmzero_env.draw.svg_checks import check_svg
from mmzero_env.results import RenderStatus

DPI = 96
LENGTH = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Z%]*)\s*\Z")
MIN_FONT_PX = 1.0
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
<text x="30" y="39" font-family="monospace">a</text><text x="30" y="39" font-family="Arial, Helvetica">a</text></svg>"""


class SvgRenderer:
    """Draws one SVG after another; the template makes one, each child uses its copy once."""

    def __init__(self, config: RenderConfig):
        self.config = config
        self.background = "#{:02x}{:02x}{:02x}".format(*config.background_rgb())
        self.texts = TextRecorder()
        self(WARM_UP)

    def __call__(self, code: str) -> list[bytes]:
        """A packed result. Raises Refused, MemoryError, or whatever CairoSVG raises."""
        # A declared encoding is about bytes; the code is text.
        code = re.sub(r"\A\ufeff?\s*<\?xml\s[^>]*\?>", "", code).strip()
        check_svg(code, self.config)
        tree = Tree(bytestring=code.encode(), url_fetcher=refuse_fetch)
        view_box = _view_box(tree.get("viewBox"))
        if view_box is None:
            tree.pop("viewBox", None)
        user, pixels = output_size(tree.get("width"), tree.get("height"), view_box, self.config)
        # CairoSVG gets numbers only: the size in user units, and the pixels to fill.
        tree["width"], tree["height"] = str(user[0]), str(user[1])
        self.texts.start(pixels)
        surface = cairosvg.surface.PNGSurface(
            tree, None, DPI, None, None, None, 1, *pixels, background_color=self.background
        )
        # Kept until this process ends: cairo frees the pixels together with the surface, and they are sent later.
        self.drawn = surface.cairo
        self.drawn.flush()
        texts = tuple(self.texts.found())
        return wire.pack_result(
            RenderStatus.OK, "", texts, *pixels, memoryview(self.drawn.get_data()), self.config.max_text_chars
        )


class TextRecorder:
    """Stands in for CairoSVG's text drawing and notes what it really draws on the canvas."""

    def __init__(self):
        self.original = cairosvg.surface.text
        self.pieces: list[tuple[object, bool, str]] = []
        self.pixels = (0, 0)
        # CairoSVG compares the function with its own module's name for it, so both are replaced.
        for tag, drawer in list(cairosvg.surface.TAGS.items()):
            if drawer is self.original:
                cairosvg.surface.TAGS[tag] = self
        cairosvg.surface.text = self

    def start(self, pixels: tuple[int, int]) -> None:
        self.pieces, self.pixels = [], pixels

    def __call__(self, surface, node, draw_as_text: bool = False) -> None:
        self.original(surface, node, draw_as_text)
        if draw_as_text and node.text and node.text.strip() and self._readable(surface, node):
            moved = any(key in node for key in ("x", "y")) or node.get("dy", "0").strip() not in ("0", "")
            self.pieces.append((_text_root(node), moved, node.text))

    def found(self) -> list[str]:
        """One string per <text>, or per line where a <tspan> moves to a place of its own; in drawing order."""
        joined: list[tuple[object, str]] = []
        for root, moved, text in self.pieces:
            if joined and joined[-1][0] is root and not moved:
                joined[-1] = (root, joined[-1][1] + text)
            else:
                joined.append((root, text))
        return [text for text in (" ".join(text.split()) for _, text in joined) if text]

    def _readable(self, surface, node) -> bool:
        filled = node.get("fill", "black") != "none" and _number(node.get("fill-opacity", "1")) > 0
        stroked = node.get("stroke", "none") != "none" and _number(node.get("stroke-opacity", "1")) > 0
        if not (filled or stroked):
            return False
        while node is not None:
            if _number(node.get("opacity", "1")) <= 0:
                return False
            node, current = node.parent, node
            if current.get("text_bounding_box") and not self._on_canvas(surface, current["text_bounding_box"]):
                return False
        return True

    def _on_canvas(self, surface, box) -> bool:
        """True if the box of a text, in user units, touches the picture and is larger than a pixel there."""
        x, y, width, height = box
        rise = surface.font_size  # the box starts at the baseline
        corners = [(x, y - rise), (x + width, y - rise), (x, y + height), (x + width, y + height)]
        points = [surface.context.user_to_device(*corner) for corner in corners]
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        large = max(max(xs) - min(xs), max(ys) - min(ys)) >= MIN_FONT_PX
        return large and min(xs) < self.pixels[0] and max(xs) > 0 and min(ys) < self.pixels[1] and max(ys) > 0


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
    """A length in user units; None for a percentage, auto, or nothing."""
    if text is None or not text.strip() or text.strip() == "auto" or text.strip().endswith("%"):
        return None
    match = LENGTH.match(text.strip())
    if match is None:
        raise Refused(RenderStatus.BAD_SIZE, f"{text[:40]!r} is not a length")
    number, unit = float(match[1]), match[2].lower()
    if unit in ("em", "rem"):
        return 16.0 * number
    if unit and unit not in UNITS:
        raise Refused(RenderStatus.BAD_SIZE, f"{text[:40]!r}: unit {unit[:10]!r} is not known")
    return number * (DPI * UNITS[unit] if unit and UNITS[unit] else 1.0)


def _view_box(text: str | None) -> tuple[float, float] | None:
    """Width and height of a viewBox, None if there is none."""
    if text is None:
        return None
    try:
        numbers = [float(part) for part in re.split(r"[\s,]+", text.strip())]
    except ValueError:
        numbers = []
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or min(numbers[2:]) <= 0:
        raise Refused(RenderStatus.BAD_SIZE, f"viewBox {text[:60]!r} is not four numbers with a positive size")
    return numbers[2], numbers[3]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def _text_root(node):
    while node.parent is not None and node.parent.tag in ("text", "tspan", "textPath", "a"):
        node = node.parent
    return node
