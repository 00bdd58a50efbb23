"""What scripts take for granted on a desktop and what stands in for it here, so that the picture is not lost.

Fonts that Pillow does not find by their name (the letters are those of DejaVu), window backends (Agg draws), styles
under the names that they had before matplotlib 3.6, and films (their first frame). Each is said in the result's note.
Not LaTeX: it would be another program, which a snippet may not start.
"""

import os
from collections.abc import Callable
from typing import Any

import matplotlib
import matplotlib.animation
import matplotlib.pyplot as plt
import matplotlib.style
from matplotlib.figure import Figure
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
    """The stand-ins, for the life of a snippet's process. `notes`: one line for each that was used."""

    def __init__(self, keep: Callable[[Figure], None]):
        self.notes: list[str] = []
        self._keep = keep
        self._truetype = ImageFont.truetype

    def install(self) -> None:
        ImageFont.truetype = self.truetype
        matplotlib.use = self._without_windows(matplotlib.use)
        plt.switch_backend = self._without_windows(plt.switch_backend)
        library = matplotlib.style.library
        for name in [name for name in library if name.startswith(NEW)]:
            library.setdefault(name.replace(NEW, OLD), library[name])
        matplotlib.animation.Animation.save = lambda animation, *_, **__: self.film(animation)

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

    def film(self, animation: Any) -> None:
        """What saving an animation does: its first frame is the picture."""
        animation._init_draw()
        self._note("of an animation the first frame is drawn")
        self._keep(animation._fig)

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
