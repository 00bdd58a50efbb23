"""Pictures of scenes without a renderer: warm-up needs tens of thousands. A test compares them with CairoSVG's.

A scene has two pictures, one as its SVG draws it and one as its Python program does: edges and letters differ.
"""

import io
from functools import cache

import numpy as np
from PIL import Image

from recipe.mmzero.tiny import programs
from recipe.mmzero.tiny.world import CELLS, COLOURS, NOTES, SIDE, SVG_OPEN, TOP, UNIT, Scene, elements, svg

LANGUAGES = ("svg", "python")
FAR = 32  # of 255: pixels of one drawing differ by less
NOTE_PIXELS = 8  # as many may differ in the strip for writing; two notes differ in more


def rasterise(code: str) -> np.ndarray:
    """CairoSVG's picture of our own SVG on white, uint8 (112, 112, 3). Never called on model output."""
    import cairosvg

    png = cairosvg.svg2png(bytestring=code.encode(), background_color="white")
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def run(scene: Scene) -> np.ndarray:
    """What our own program of the scene draws, uint8 (112, 112, 3). Never called on model output."""
    names: dict = {}
    exec("".join(programs.parts(scene)[:-1]), names)  # all but the saving
    return np.asarray(names["i"])


@cache
def _sprite(shape: str, colour: str) -> np.ndarray:
    if shape == "dot":
        return rasterise(f'{SVG_OPEN}<circle cx="14" cy="14" r="9" fill="{colour}"/></svg>')[:28, :28].copy()
    element = elements(Scene("shapes", ((colour, shape, "nw"),)))[0]
    return rasterise(f"{SVG_OPEN}{element}</svg>")[TOP : TOP + 42, :56].copy()


@cache
def strip(note: str, language: str) -> np.ndarray:
    """The writing above the items as a language draws it, uint8 (28, 112, 3); white for the note \"\"."""
    scene = Scene("dots", (), note)
    return (rasterise(svg(scene)) if language == "svg" else run(scene))[:TOP].copy()


def draw(scene: Scene, language: str = "svg") -> np.ndarray:
    """The scene's picture, uint8 (112, 112, 3), as its code in a language draws it."""
    if language == "python":
        return run(scene)
    picture = np.full((SIDE, SIDE, 3), 255, np.uint8)
    picture[:TOP] = strip(scene.note, "svg")
    if scene.kind == "bars":
        for i, (colour, value) in enumerate(scene.items):
            picture[SIDE - UNIT * value :, 28 * i + 4 : 28 * i + 24] = COLOURS[colour]
    elif scene.kind == "dots":
        colours = [colour for colour, count in scene.items for _ in range(count)]
        for cell, colour in enumerate(colours):
            top, left = TOP + 28 * (cell // 4), 28 * (cell % 4)
            picture[top : top + 28, left : left + 28] = _sprite("dot", colour)
    else:
        for colour, shape, cell in scene.items:
            top, left = TOP + 42 * (CELLS.index(cell) // 2), 56 * (CELLS.index(cell) % 2)
            picture[top : top + 42, left : left + 56] = _sprite(shape, colour)
    return picture


def same_picture(picture: np.ndarray, scene: Scene) -> bool:
    """Does a picture show the scene, as either language draws it? Below the writing at most 0.5% of the pixels may
    differ (anti-aliasing)."""
    if picture.shape != (SIDE, SIDE, 3) or read_note(picture) != scene.note:
        return False
    return any(_far(picture[TOP:], draw(scene, language)[TOP:]).mean() < 0.005 for language in LANGUAGES)


def read_note(picture: np.ndarray) -> str | None:
    """What is written above the items, "" for nothing, None for something else than a note of this world."""
    known = [(note, language) for note in ("", *NOTES) for language in LANGUAGES]
    differing = [int(_far(picture[:TOP], strip(*one)).sum()) for one in known]
    nearest = min(range(len(known)), key=differing.__getitem__)
    return known[nearest][0] if differing[nearest] <= NOTE_PIXELS else None


def _far(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(int) - other.astype(int)).max(-1) > FAR
