"""What a picture of the micro-world shows: the scene read back from pixels, whatever drew it.

    scene = read_picture(picture, "bars")      # None if the picture shows no scene of that kind

Truth about drawings needs no parser of the code: a picture is decoded cell by cell and accepted only if drawing the
decoded scene gives the same picture, as SVG or as Python draws it (`pixels.same_picture`). A picture with a shape too
much, or one out of place, shows no scene, and neither do two bars of one colour: no caption of this world describes
them.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from recipe.mmzero.tiny.pixels import draw, read_note, same_picture
from recipe.mmzero.tiny.world import (
    CELLS,
    COLOURS,
    CONTENT_TYPE,
    MOST_DOTS,
    MOST_VALUE,
    SHAPES,
    SIDE,
    TOP,
    UNIT,
    Scene,
    parse_caption,
)

KIND_OF_TYPE = {content_type: kind for kind, content_type in CONTENT_TYPE.items()}


def load(path: Path | str) -> np.ndarray:
    """A picture file as `read_picture` takes it.

    Raises:
        OSError: it cannot be read, or is damaged.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # Pillow names no file
        raise OSError(0, "the picture is damaged", str(path)) from None


def shown_scene(picture: np.ndarray, captioned: Scene | None, content_type: str) -> Scene | None:
    """The scene that a proposal's picture shows, or None. Its kind is that of the `captioned` scene; where the caption
    names none, that of the content type."""
    kind = captioned.kind if captioned is not None else KIND_OF_TYPE.get(content_type)
    return read_picture(picture, kind) if kind else None


def read_picture(picture: np.ndarray, kind: str) -> Scene | None:
    """The scene of a kind that a picture shows, or None.

    Args:
        picture: uint8 (112, 112, 3).
        kind: `bars`, `shapes` or `dots`.
    """
    if picture.shape != (SIDE, SIDE, 3):
        return None
    note = read_note(picture)
    items = {"bars": _bars, "shapes": _shapes, "dots": _dots}[kind](picture)
    scene = Scene(kind, tuple(items), note) if items and note is not None else None
    if scene is None or parse_caption(scene.caption) is None or not same_picture(picture, scene):
        return None
    return scene


def _colour_at(picture: np.ndarray, y: int, x: int) -> str | None:
    """The colour of one pixel, or None where it is none of the world's (white, an edge)."""
    pixel = picture[y, x].astype(int)
    return next((name for name, value in COLOURS.items() if np.abs(pixel - value).max() <= 32), None)


def _bars(picture: np.ndarray) -> list[tuple]:
    items = []
    for column in range(4):
        x = 28 * column + 14
        colour = _colour_at(picture, SIDE - 4, x)
        if colour is None:
            break
        height = next((v for v in range(MOST_VALUE, 0, -1) if _colour_at(picture, SIDE - UNIT * v + 4, x) == colour), 1)
        items.append((colour, height))
    return items


def _dots(picture: np.ndarray) -> list[tuple]:
    runs: list[tuple[str, int]] = []
    for cell in range(MOST_DOTS):
        colour = _colour_at(picture, TOP + 14 + 28 * (cell // 4), 14 + 28 * (cell % 4))
        if colour is None:
            break
        if runs and runs[-1][0] == colour:
            runs[-1] = (colour, runs[-1][1] + 1)
        else:
            runs.append((colour, 1))
    return runs if len({colour for colour, _ in runs}) == len(runs) else []


def _shapes(picture: np.ndarray) -> list[tuple]:
    items = []
    for number, cell in enumerate(CELLS):
        top, left = TOP + 42 * (number // 2), 56 * (number % 2)
        colour = _colour_at(picture, top + 21, left + 28)
        if colour is None:
            continue
        part = picture[top : top + 42, left : left + 56].astype(int)
        differences = {
            shape: np.abs(part - draw(Scene("shapes", ((colour, shape, "nw"),)))[TOP : TOP + 42, :56].astype(int)).sum()
            for shape in SHAPES
        }
        items.append((colour, min(differences, key=differences.get), cell))
    return items
