"""Thumbnails under a budget: every picture is decoded, checked, shrunk and written anew, never copied.

Which file a dumped name means is decided here and only inside the run folder: names come from records that may be
damaged or hostile. Missing and damaged pictures are counted. Re-encoding runs in threads (Pillow releases the GIL).
"""

import base64
import io
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from PIL import Image

from recipe.mmzero.report.data.read import Run, Step
from recipe.mmzero.settings.folder import StepFolder

SIDES = ((24_000, 640), (10_000, 480), (5_000, 320), (2_500, 256), (0, 208))
"""(bytes per picture from which on, longest side in pixels)."""
SMALLEST_SHARE = 2_200
"""Bytes below which a thumbnail shows nothing; with more pictures than fit at this size the last ones are left out."""
MAX_PIXELS = 2**26


class Album:
    """Pictures of the page, by slot: a slot is given out first (`slot`) and filled later (`fill`), in rank order.

    `data[k]` is the picture of slot k as base64 WebP, "" if it is not on the page.
    """

    def __init__(self, run: Run):
        self.run = run
        self.data: list[str] = []
        self.left_out = 0
        self._slots: dict[Path, int] = {}
        self._ranks: dict[Path, int] = {}

    def find(self, name: str | None, step: Step | None) -> Path | None:
        """The file that `name` means in a record of `step`, or None; never outside the run folder."""
        if not name or "\0" in name:
            return None
        given = Path(name)
        places = []
        if step is not None:
            collected = self.run.folder / step.folder.parent.name / "collect_solver"
            places = [StepFolder(step.folder).samples, step.folder, collected]
        candidates = [place / given for place in [*places, self.run.folder]]
        if given.is_absolute() and places:  # a run folder that was moved: the name below it still says which file
            candidates += [StepFolder(collected).pictures / given.name, places[0] / "images" / given.name]
        for candidate in candidates:
            try:
                resolved = candidate.resolve()
                if resolved.is_file() and resolved.is_relative_to(self.run.folder):
                    return resolved
            except (OSError, RuntimeError):
                continue
        self.run.skips.add("picture missing", name[-80:])
        return None

    def slot(self, path: Path | None, rank: int) -> int:
        """The slot of a picture, -1 for none. rank: pictures of a lower rank are encoded first."""
        if path is None:
            return -1
        self._ranks[path] = min(rank, self._ranks.get(path, rank))
        return self._slots.setdefault(path, len(self._slots))

    def fill(self, budget: int) -> None:
        """Encode pictures until `budget` bytes of base64 are spent; what does not fit is counted in `left_out`."""
        left = budget * 3 // 4
        self.data = [""] * len(self._slots)
        order = sorted(self._slots, key=lambda path: (self._ranks[path], self._slots[path]))
        first = sum(rank == 0 for rank in self._ranks.values())
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for start in range(0, len(order), 64):
                # Lead pictures share the budget equally; further drawings share what they leave.
                sharing = first - start if start < first else len(order) - start
                share = min(40_000, max(SMALLEST_SHARE, left // sharing))
                part = order[start : start + 64]
                if left < share:
                    self.left_out += len(part)
                    continue
                for path, result in zip(part, pool.map(partial(encode, share=share), part), strict=True):
                    if isinstance(result, str):
                        self.run.skips.add(result, path.name)
                    elif len(result) > left:
                        self.left_out += 1
                    else:
                        left -= len(result)
                        self.data[self._slots[path]] = base64.b64encode(result).decode()


def encode(path: Path, share: int) -> "bytes | str":
    """A picture as WebP of about `share` bytes, on white; or the reason why not."""
    side = next(side for least, side in SIDES if share >= least)
    try:
        with Image.open(path, formats=("PNG",)) as source:
            if source.width * source.height > MAX_PIXELS:
                return "picture too large"
            source.load()
            picture = source.convert("RGBA") if source.mode in ("RGBA", "LA", "P") else source.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "picture damaged"
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    best = b""
    for scale, quality in ((1.0, 78), (1.0, 50), (0.7, 45), (0.5, 40)):
        small = picture.copy()
        small.thumbnail((max(32, int(side * scale)),) * 2, Image.Resampling.LANCZOS, reducing_gap=1.0)
        target = io.BytesIO()
        small.save(target, "WEBP", quality=quality, method=2)
        best = target.getvalue()
        if len(best) <= 1.3 * share:
            break
    return best
