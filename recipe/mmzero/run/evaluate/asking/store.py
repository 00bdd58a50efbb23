"""Answers on disk: parquet shards while a checkpoint is asked, one sorted file in the end.

A shard is written beside its name, synced and renamed, with checksums of its pages, so a kill at any point leaves only
whole shards; one that the disk damaged is set aside and its answers are asked again. `answers.parquet` holds the same
bytes whatever was interrupted: it has no times in it and is sorted by item and sample.

Not covered: two processes on one folder.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmzero_env.process import replace
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.record.bound import FILE, bind
from recipe.mmzero.settings.folder import DAMAGED

ROWS_PER_SHARD, FLUSH_S = 256, 5.0


@dataclass(frozen=True)
class Answer:
    """One response. item: place in items.parquet. finish: `stop`, or `length` where max_tokens cut it."""

    item: int
    sample: int
    seed: int
    text: str
    finish: str


def claim(folder: Path, identity: Mapping[str, Any]) -> None:
    """Bind a folder to what its answers depend on.

    Raises:
        EvaluationError: it holds answers to something else; names what differs.
    """
    try:
        differing = bind(folder, identity)
    except ValueError as damaged:
        raise EvaluationError(f"{damaged} is damaged; delete {folder} to ask again") from None
    if differing:
        raise EvaluationError(
            f"{folder} holds answers for another {', '.join(differing)}; use another --out, or delete that folder"
        )


def bound_to(folder: Path) -> dict[str, Any]:
    """What a folder was bound to; {} if it was not."""
    try:
        return json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


class AnswerStore:
    """Answers of one checkpoint under `folder`."""

    def __init__(self, folder: Path, rows_per_shard: int = ROWS_PER_SHARD, flush_s: float = FLUSH_S):
        self.folder, self.rows_per_shard, self.flush_s = folder, rows_per_shard, flush_s
        self.answers: dict[tuple[int, int], Answer] = {}
        self._waiting: list[Answer] = []
        self._since = 0.0

    @property
    def final(self) -> Path:
        return self.folder / "answers.parquet"

    @property
    def shards(self) -> Path:
        return self.folder / "shards"

    def load(self) -> None:
        """Read what earlier attempts stored; a finished folder has shards too where more verdicts were asked for."""
        if self.final.exists():
            self._take(self.final)
        self.shards.mkdir(parents=True, exist_ok=True)
        replace.remove_parts(self.shards)
        for path in sorted(self.shards.glob("*.parquet")):
            self._take(path)

    def _take(self, path: Path) -> None:
        import pyarrow.parquet as pq

        try:
            rows = pq.read_table(path, page_checksum_verification=True).to_pylist()
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:120]
            print(f"{path} is damaged ({reason}): set aside, asked again", flush=True)
            os.replace(path, path.with_suffix(DAMAGED))
            return
        for row in rows:
            self.answers.setdefault((row["item"], row["sample"]), Answer(**row))

    def add(self, answer: Answer) -> None:
        """Queue an answer; durable when its shard is full or its first row has waited `flush_s`."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(answer)
        self.answers[answer.item, answer.sample] = answer
        if len(self._waiting) >= self.rows_per_shard or time.monotonic() - self._since >= self.flush_s:
            self.flush()

    def flush(self) -> None:
        """Make queued answers durable, as one shard."""
        if self._waiting:
            self.shards.mkdir(parents=True, exist_ok=True)
            first = self._waiting[0]
            self._write(self.shards / f"{first.item:08d}-{first.sample:04d}.parquet", self._waiting)
            self._waiting = []

    def finish(self) -> None:
        """Write `answers.parquet` from all answers; the shards go."""
        self.flush()
        self._write(self.final, [self.answers[key] for key in sorted(self.answers)])
        for path in self.shards.glob("*.parquet"):
            path.unlink()

    def _write(self, path: Path, answers: list[Answer]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {
            "item": pa.int32(),
            "sample": pa.int32(),
            "seed": pa.int64(),
            "text": pa.string(),
            "finish": pa.string(),
        }
        schema = pa.schema(list(kinds.items()))
        rows = [asdict(one) | {"text": one.text.encode("utf-8", "replace").decode()} for one in answers]
        with replace.replacing(path, sync=True) as part:
            pq.write_table(pa.Table.from_pylist(rows, schema), part, write_page_checksum=True)
