"""Samples of a training step as JSON lines: `samples/{step:06d}.jsonl`, pictures beside them in `samples/images`.

Pictures are written by the process that rendered them (the reward manager); records hold their relative paths. Once a
step's records are written, the pictures that none of them shows are deleted; those of a step that a kill cut short go
when the next attempt begins.
Not-a-number values become null, which every JSON reader accepts.
"""

import hashlib
import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mmzero_env.process.replace import remove_parts, write
from mmzero_rewards.managers.rows import json_safe

PICTURES = "images"  # beside the records: StepFolder.sample_pictures
RowT = TypeVar("RowT")


class SampleWriter:
    """Keeps `per_step` roll-outs of each step: whole groups first, so that a reader can compare siblings.

    To be made before anything is rendered: it removes what a killed attempt left in `folder`.
    """

    def __init__(self, folder: Path, per_step: int):
        self.folder, self.per_step = folder, per_step
        self._forget_killed()
        self._since = time.time()

    def choose(self, rows: Sequence[RowT], step: int) -> list[RowT]:
        """At most `per_step` rows, group by group, in a pseudo-random order of groups fixed by step and group id."""
        order = sorted(rows, key=lambda row: (_rank(step, row.group), row.group, row.session))
        return order[: self.per_step]

    def write(self, step: int, records: Sequence[Mapping[str, Any]]) -> None:
        """Write the step's file in one atomic rename; an earlier attempt of the same step is replaced."""
        if not self.per_step:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / f"{step:06d}.jsonl"
        write(target, "".join(json.dumps(json_safe(record), ensure_ascii=False) + "\n" for record in records))
        self._forget_pictures({drawing["image"] for record in records for drawing in record.get("drawings") or ()})

    def _forget_killed(self) -> None:
        """Half-written files, and pictures of a step whose records were never written."""
        pictures = self.folder / PICTURES
        for folder in (self.folder, pictures):
            remove_parts(folder)
        try:
            shown = {name for file in self.folder.glob("*.jsonl") for name in _pictures_of(file)}
        except ValueError:  # a damaged file may show any of them: all stay
            return
        for picture in pictures.glob("*.png"):
            if f"{PICTURES}/{picture.name}" not in shown:
                picture.unlink()

    def _forget_pictures(self, shown: Collection[str | None]) -> None:
        """Delete this step's pictures that no record shows: a Coder step of the method draws more than a thousand."""
        since, self._since = self._since, time.time()
        for picture in (self.folder / PICTURES).glob("*.png"):
            if f"{PICTURES}/{picture.name}" not in shown and picture.stat().st_mtime >= since:
                picture.unlink()


def _pictures_of(file: Path) -> Iterator[str]:
    """Names of the pictures in a step's records."""
    for line in file.read_text(encoding="utf-8").splitlines():
        for drawing in json.loads(line).get("drawings") or ():
            if drawing["image"]:
                yield drawing["image"]


def _rank(step: int, group: str) -> str:
    return hashlib.sha256(f"{step}:{group}".encode()).hexdigest()
