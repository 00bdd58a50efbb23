"""Two shortcuts to look for: items that are answered without their picture, and pictures that training already showed.

Blind: the base is asked the same words without pictures (`blind: true`); what it gets right then says nothing about
seeing. Duplicates: a picture of an item that is, up to size and compression, one of the training pictures.

Two steps find a duplicate: a difference hash of 16 x 16 brightness steps (Krawetz 2013) selects, and thumbnails in
colour decide, because a hash alone takes flat drawings of one style for each other. The limits were measured on 240
scenes of the tiny world: the same picture as JPEG of quality 50 or at 2.3 times its size differs by at most 51 in the
99th percentile of its thumbnail, different scenes by 64 or more, and its hash by at most 20 bits.

Not covered: crops, rotations, redrawn pictures, and the texts of questions.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.settings.folder import RunFolder

SIDE, BITS, THUMBNAIL = 16, 256, 32
HASH_LIMIT, COLOUR_LIMIT = 24, 56.0
ROWS = 512
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")


def look_of(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(256,) hash bits as -1 and 1, and the (3072,) thumbnail of 32 x 32 colours.

    Raises:
        EvaluationError: the file is no picture.
    """
    from PIL import Image

    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise EvaluationError(f"{path} cannot be read as a picture ({error})") from None
    grey = np.asarray(picture.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.LANCZOS), np.float32)
    bits = np.where(grey[:, 1:] > grey[:, :-1], 1, -1).astype(np.float32).ravel()
    return bits, np.asarray(picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX), np.uint8).ravel()


def duplicates(pictures: Sequence[Path], training: Sequence[Path]) -> dict[Path, Path]:
    """Picture -> the first training picture that it is a copy of, for those that are one."""
    if not pictures or not training:
        return {}
    bits, thumbnails = map(np.array, zip(*map(look_of, training), strict=True))
    found: dict[Path, Path] = {}
    for start in range(0, len(pictures), ROWS):
        part = pictures[start : start + ROWS]
        mine, colours = map(np.array, zip(*map(look_of, part), strict=True))
        near = (BITS - mine @ bits.T) / 2 <= HASH_LIMIT
        for k, path in enumerate(part):
            for other in np.flatnonzero(near[k]):
                difference = np.abs(colours[k].astype(int) - thumbnails[other])
                if np.percentile(difference, 99) <= COLOUR_LIMIT:
                    found[path] = training[other]
                    break
    return found


def training_pictures(folders: Sequence[Path]) -> list[Path]:
    """Pictures that runs trained on (what their Coders drew), or all pictures of other folders.

    Raises:
        EvaluationError: a folder holds none.
    """
    found: list[Path] = []
    for folder in folders:
        here = sorted(_pictures(folder))
        if not here:
            raise EvaluationError(f"{folder} holds no pictures; give a run folder or a folder of pictures")
        found += here
    return found


def _pictures(folder: Path) -> Iterator[Path]:
    run = RunFolder(folder)
    roots = [step.pictures for step in run.steps()] if run.state.exists() else [folder]
    for root in roots:
        yield from (path for path in root.rglob("*") if path.suffix.lower() in ENDINGS)
