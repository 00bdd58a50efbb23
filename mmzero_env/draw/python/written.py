"""What is written in a snippet's pictures: noted where matplotlib draws a text and where Pillow is asked to.

Noted is what lies on the picture, is not clipped and, in figures, not transparent. Letters that are made into shapes
(TextPath, markers such as "$A$") count as written in every figure drawn later. Once Pillow was given a picture from
elsewhere (a file, a buffer, an array), its pictures may hold any figure that was drawn before. Pillow's own texts are
those of the picture that counts, and of all pictures where it is made of others. Letters that a font lacks are noted,
too: in their place a box is drawn, and none is taken from another font.
"""

import contextlib
import inspect
import io
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from matplotlib import _text_helpers
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.textpath import TextPath
from PIL import Image, ImageDraw, ImageFile

BOX = frozenset(inspect.signature(ImageDraw.ImageDraw.textbbox).parameters) - {"self"}
WITHOUT_SHAPE = ("C", "M", "Z")  # kinds of letters (Unicode Standard, table 4-4) that may draw nothing of their own
SHOWN_LETTERS = 20
PAINTED, MIXED = "_mmzero_texts", "_mmzero_mixed"  # names on a Pillow image, which its copies don't have


class Written:
    """Texts in drawing order. `busy`: what happens is a part of another call and no snippet's wish."""

    def __init__(self):
        self.busy = False
        self._drawn: list[list[str]] = []  # one list for each figure, also of those that are gone
        self._of_figure: WeakKeyDictionary[Figure, list[str]] = WeakKeyDictionary()
        self._below: list[list[str]] = []  # those of `_drawn` that Pillow may have been given
        self._shaped: dict[str, None] = {}
        self._painted: list[str] = []
        self._lacking: dict[str, None] = {}

    def install(self) -> None:
        """For the life of this process."""
        self._note_figures()
        _text_helpers.warn_on_missing_glyph = lambda letter, *_: self._lacking.setdefault(chr(letter))
        TextPath.__init__ = self._shaping(TextPath.__init__)
        ImageFile.ImageFile.__init__ = self._taking(ImageFile.ImageFile.__init__)
        Image.frombuffer, Image.frombytes = self._taking(Image.frombuffer), self._taking(Image.frombytes)
        for name in ("paste", "alpha_composite"):
            setattr(Image.Image, name, self._mixing(getattr(Image.Image, name)))
        for name in ("text", "multiline_text"):
            setattr(ImageDraw.ImageDraw, name, self._painting(getattr(ImageDraw.ImageDraw, name)))

    def figure(self, figure: Figure) -> list[str]:
        """Of a figure as it was drawn last."""
        return list(self._of_figure.get(figure, ()))

    def picture(self, image: Image.Image) -> list[str]:
        """Of a Pillow image as it is now."""
        known = vars(image)
        painted = known[PAINTED] if PAINTED in known and MIXED not in known else self._painted
        return [text for texts in self._below for text in texts] + painted

    def notes(self) -> list[str]:
        """A line for letters that came out as boxes."""
        letters = [letter for letter in self._lacking if unicodedata.category(letter)[0] not in WITHOUT_SHAPE]
        shown = " ".join(letters[:SHOWN_LETTERS])
        return [f"the font lacks these letters, boxes are drawn: {shown}"] if shown else []

    def _note_figures(self) -> None:
        draw_text, draw_canvas = Text.draw, FigureCanvasAgg.draw
        here: list[str] = []

        def text_draw(text: Text, renderer: Any, *args: Any, **kwargs: Any) -> Any:
            drawn = draw_text(text, renderer, *args, **kwargs)
            if readable(text, renderer):
                here.append(text.get_text())
            return drawn

        def canvas_draw(canvas: FigureCanvasAgg) -> None:
            here.clear()  # earlier passes only measured
            draw_canvas(canvas)
            figure = canvas.figure
            if figure not in self._of_figure:
                self._of_figure[figure] = []
                self._drawn.append(self._of_figure[figure])
            texts = self._of_figure[figure]
            shows_pictures = figure.images or any(axes.images for axes in figure.axes)
            below = [one for drawn in self._below if drawn is not texts for one in drawn] if shows_pictures else []
            texts[:] = [*below, *here, *self._shaped]

        Text.draw, FigureCanvasAgg.draw = text_draw, canvas_draw

    def _shaping(self, original: Callable) -> Callable:
        def make(path: TextPath, xy: Any, s: Any, *args: Any, **options: Any) -> None:
            original(path, xy, s, *args, **options)
            if str(s).strip():
                self._shaped[str(s)] = None

        return make

    def _taking(self, original: Callable) -> Callable:
        def take(*args: Any, **options: Any) -> Any:
            if not self.busy:
                self._below = list(self._drawn)
            return original(*args, **options)

        return take

    def _mixing(self, original: Callable) -> Callable:
        def mix(image: Image.Image, *args: Any, **options: Any) -> Any:
            setattr(image, MIXED, True)
            return original(image, *args, **options)

        return mix

    def _painting(self, original: Callable) -> Callable:
        signature = inspect.signature(original)

        def paint(canvas: ImageDraw.ImageDraw, *args: Any, **options: Any) -> Any:
            outermost, self.busy = not self.busy, True
            try:
                drawn = original(canvas, *args, **options)
                given = signature.bind(canvas, *args, **options).arguments
                if outermost and on_picture(canvas, given):
                    self._painted += (lines := lines_of(given["text"]))
                    vars(canvas._image).setdefault(PAINTED, []).extend(lines)
                    self._lacking |= dict.fromkeys(lacking(given.get("font") or canvas.getfont(), "".join(lines)))
            finally:
                self.busy = not outermost
            return drawn

        return paint


def lines_of(text: Any) -> list[str]:
    """Of what Pillow takes for a text: also an ImageText.

    >>> lines_of("a\\n \\nb"), lines_of(b"a")
    (['a', 'b'], ['a'])
    """
    text = getattr(text, "text", text)
    text = text.decode("latin-1") if isinstance(text, bytes) else str(text)
    return [line for line in text.splitlines() if line.strip()]


def lacking(font: Any, text: str) -> list[str]:
    """Letters of a text that Pillow's font has no shape for; none where it cannot be asked."""
    if text.isascii():
        return []
    with contextlib.suppress(AttributeError, TypeError, OSError, RuntimeError):
        face = face_of(font.path)
        return [letter for letter in text if not face.get_char_index(ord(letter))]
    return []


@lru_cache(maxsize=64)
def face_of(path: Any) -> FT2Font:
    """Of a file, or of a buffer, which is how Pillow has its default font."""
    return FT2Font(io.BytesIO(path.getvalue()) if isinstance(path, io.BytesIO) else path)


def on_picture(canvas: ImageDraw.ImageDraw, given: dict[str, Any]) -> bool:
    """Some of the box of a text lies on its picture; what Pillow cannot measure does."""
    width, height = canvas.im.size
    with contextlib.suppress(Exception):
        left, top, right, bottom = canvas.textbbox(**{name: given[name] for name in BOX & given.keys()})
        return right > 0 and bottom > 0 and left < width and top < height
    return True


def readable(text: Text, renderer: Any) -> bool:
    """Drawn, not transparent, on the canvas and not clipped."""
    if not text.get_visible() or not text.get_text().strip() or text.get_alpha() == 0:
        return False
    if not text.get_path_effects() and to_rgba(text.get_color(), text.get_alpha())[3] == 0:
        return False
    left, bottom, (right, top) = 0, 0, renderer.get_canvas_width_height()
    clip = text.get_clip_box() if text.get_clip_on() else None
    if clip is not None:
        left, bottom, right, top = max(left, clip.x0), max(bottom, clip.y0), min(right, clip.x1), min(top, clip.y1)
    x, y = text.get_transform().transform(text.get_unitless_position())
    if left < x < right and bottom < y < top:
        return True  # its anchor lies within or on the edge of its box, which takes twenty times as long to find
    box = text.get_window_extent(renderer)
    return box.x1 > left and box.y1 > bottom and box.x0 < right and box.y0 < top
