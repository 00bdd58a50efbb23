"""Pictures of scenes without a renderer: warm-up needs tens of thousands. A test compares them with CairoSVG's."""

import io
from functools import cache

import numpy as np

from recipe.mmzero.tiny.world import CELLS, COLOURS, SIDE, SVG_OPEN, UNIT, Scene, elements


def rasterise(code: str) -> np.ndarray:
    """CairoSVG's picture of our own SVG on white, uint8 (112, 112, 3). Never called on model output."""
    import cairosvg
    from PIL import Image

    png = cairosvg.svg2png(bytestring=code.encode(), background_color="white")
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@cache
def _sprite(shape: str, colour: str) -> np.ndarray:
    if shape == "dot":
        return rasterise(f'{SVG_OPEN}<circle cx="14" cy="14" r="9" fill="{colour}"/></svg>')[:28, :28].copy()
    element = elements(Scene("shapes", ((colour, shape, "nw"),)))[0]
    return rasterise(f"{SVG_OPEN}{element}</svg>")[:56, :56].copy()


def draw(scene: Scene) -> np.ndarray:
    """The scene's picture, uint8 (112, 112, 3)."""
    picture = np.full((SIDE, SIDE, 3), 255, np.uint8)
    if scene.kind == "bars":
        for i, (colour, value) in enumerate(scene.items):
            picture[SIDE - UNIT * value :, 28 * i + 4 : 28 * i + 24] = COLOURS[colour]
    elif scene.kind == "dots":
        colours = [colour for colour, count in scene.items for _ in range(count)]
        for cell, colour in enumerate(colours):
            top, left = 28 * (cell // 4), 28 * (cell % 4)
            picture[top : top + 28, left : left + 28] = _sprite("dot", colour)
    else:
        for colour, shape, cell in scene.items:
            top, left = 56 * (CELLS.index(cell) // 2), 56 * (CELLS.index(cell) % 2)
            picture[top : top + 56, left : left + 56] = _sprite(shape, colour)
    return picture


def same_picture(picture: np.ndarray, scene: Scene) -> bool:
    """Does a picture show the scene? At most 0.5% of the pixels may differ (anti-aliasing)."""
    if picture.shape != (SIDE, SIDE, 3):
        return False
    difference = np.abs(picture.astype(int) - draw(scene).astype(int)).max(-1)
    return float((difference > 32).mean()) < 0.005
