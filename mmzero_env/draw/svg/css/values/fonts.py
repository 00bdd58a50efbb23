"""Which of a list of font families is drawn."""

from functools import lru_cache

import cairocffi as cairo

GENERIC = {
    "system-ui": "sans-serif",
    "-apple-system": "sans-serif",
    "blinkmacsystemfont": "sans-serif",
    "ui-sans-serif": "sans-serif",
    "ui-rounded": "sans-serif",
    "ui-serif": "serif",
    "ui-monospace": "monospace",
    "sans-serif": "sans-serif",
    "serif": "serif",
    "monospace": "monospace",
    "cursive": "cursive",
    "fantasy": "fantasy",
}
NOBODY = "no such family"
SAMPLE = "Wlim 0123 agQ"


def family(text: str) -> str | None:
    """The first family of a list that is installed or that fontconfig has a stand-in for; None for an empty list.

    CairoSVG takes the first one whatever it is, and fontconfig draws a name that it does not know in its usual font,
    also where the list ends in `monospace`.

    >>> family("no such font, monospace"), family("system-ui, Arial"), family("monospace")
    ('monospace', 'sans-serif', 'monospace')
    """
    names = [name for name in (part.strip().strip("\"'").strip() for part in text.split(",")) if name]
    for name in names:
        if name.lower() in GENERIC:
            return GENERIC[name.lower()]
        if len(names) == 1 or _width(name) != _width(NOBODY):
            return name
    return names[0] if names else None


@lru_cache(maxsize=256)
def _width(name: str) -> float:
    context = cairo.Context(cairo.ImageSurface(cairo.FORMAT_A8, 1, 1))
    context.select_font_face(name, cairo.FONT_SLANT_NORMAL, cairo.FONT_WEIGHT_NORMAL)
    context.set_font_size(100)
    return context.text_extents(SAMPLE)[4]
