"""What scripts take for granted on a desktop and what stands in for it here, so that the picture is not lost.

Fonts that Pillow does not find by their name (the letters are those of DejaVu), window backends (Agg draws), styles
under the names that they had before matplotlib 3.6, and films, saved or shown (their first frame). Each is said in the
result's note. Triangulations hide what they report by opening the null device, which is not there. Not LaTeX: it would
be another program, which a snippet may not start.
"""

import itertools
import os
from collections.abc import Callable
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import matplotlib.style
from matplotlib import _qhull
from matplotlib.animation import Animation
from PIL import ImageFont

FONTS = os.path.join(matplotlib.get_data_path(), "fonts", "ttf")
FONT_FILES = (".ttf", ".otf", ".ttc", ".pfb", "")
FACES = {
    "Mono": ("mono", "cour", "consol", "menlo", "code"),
    "Serif": ("times", "serif", "georgia", "cambria", "garamond", "roman"),
}
BOLD, SLANTED = ("bold", "bd", "black", "heavy"), ("italic", "oblique")
DRAWN = ("agg", "cairo", "pdf", "svg", "ps", "template", "pgf", "module://")
OLD, NEW = "seaborn", "seaborn-v0_8"


class Desktop:
    """The stand-ins, for the life of a snippet's process. `keep` takes a figure as the picture; `notes`: one line for
    each stand-in that was used."""

    def __init__(self, keep: Callable[..., None]):
        self.notes: list[str] = []
        self._films: list[Animation] = []
        self._keep = keep
        self._truetype = ImageFont.truetype

    def install(self) -> None:
        ImageFont.truetype = self.truetype
        matplotlib.use = self._without_windows(matplotlib.use)
        plt.switch_backend = self._without_windows(plt.switch_backend)
        library = matplotlib.style.library
        for name in [name for name in library if name.startswith(NEW)]:
            library.setdefault(name.replace(NEW, OLD), library[name])
        Animation.__init__ = self._noting(Animation.__init__)
        Animation.save = lambda animation, *_, dpi=None, **__: self.film(animation, dpi)
        Animation.to_jshtml = Animation.to_html5_video = lambda animation, *_, **__: self.film(animation) or ""
        show, delaunay = plt.show, _qhull.delaunay

        def show_films(*args: Any, **options: Any) -> None:
            self.start_films()
            show(*args, **options)

        plt.show = show_films
        _qhull.delaunay = lambda x, y, verbose: delaunay(x, y, True)

    def truetype(self, font: Any = None, *args: Any, **options: Any) -> Any:
        try:
            return self._truetype(font, *args, **options)
        except OSError:
            if not isinstance(font, (str, os.PathLike)) or os.path.splitext(font)[1].lower() not in FONT_FILES:
                raise
            self._note(f"font {os.path.basename(font)[:40]!r} is not here, DejaVu is drawn")
            return self._truetype(os.path.join(FONTS, face(os.path.basename(font))), *args, **options)

    def _without_windows(self, choose: Callable[..., None]) -> Callable[..., None]:
        """matplotlib's ways of choosing a backend, which leave the one that draws where windows are asked for."""

        def chosen(backend: str, *args: Any, **options: Any) -> None:
            if str(backend).lower().startswith(DRAWN):
                return choose(backend, *args, **options)
            return self._note(f"there are no windows, {str(backend)[:40]!r} is not used")

        return chosen

    def film(self, animation: Animation, dpi: float | None = None) -> None:
        """What saving an animation does: its first frame is the picture."""
        self._first_frame(animation)
        self._keep(animation._fig, **({} if dpi is None else {"dpi": dpi}))

    def start_films(self) -> None:
        """What showing the current figure does to the animations on it."""
        for animation in self._films:
            if plt.get_fignums() and animation._fig is plt.gcf() and not animation._draw_was_started:
                self._first_frame(animation)

    def _first_frame(self, animation: Animation) -> None:
        animation._init_draw()
        for frame in itertools.islice(animation.new_saved_frame_seq(), 1):
            animation._draw_frame(frame)
        self._note("of an animation the first frame is drawn")

    def _noting(self, original: Callable) -> Callable:
        def make(animation: Animation, *args: Any, **options: Any) -> None:
            self._films.append(animation)
            original(animation, *args, **options)

        return make

    def _note(self, line: str) -> None:
        if line not in self.notes:
            self.notes.append(line)


def face(name: str) -> str:
    """The file of DejaVu that is most like a font.

    >>> face("arial.ttf"), face("arialbd.ttf"), face("CourierNew-BoldItalic.ttf"), face("times.ttf")
    ('DejaVuSans.ttf', 'DejaVuSans-Bold.ttf', 'DejaVuSansMono-BoldOblique.ttf', 'DejaVuSerif.ttf')
    """
    low = os.path.splitext(name)[0].lower()
    kind = next((kind for kind, words in FACES.items() if "sans" not in low and any(word in low for word in words)), "")
    family = {"Mono": "DejaVuSansMono", "Serif": "DejaVuSerif", "": "DejaVuSans"}[kind]
    weight = "Bold" if any(word in low for word in BOLD) else ""
    slant = ("Italic" if kind == "Serif" else "Oblique") if any(word in low for word in SLANTED) else ""
    return f"{family}{'-' if weight or slant else ''}{weight}{slant}.ttf"
