"""Finished rows on disk: immutable shards that survive a kill at any point.

A shard is a JSON-lines file with a last line `{"rows": n, "sha256": ...}` over the lines before it. It is written
beside its name, synced, and renamed, so a file under a shard's name is complete unless the disk damaged it. Such a file
is set aside (`*.damaged`) and its rows are missing, which means that they are collected again.

`identity.json` holds the settings that the rows depend on; other settings on the same folder are refused.

Not covered: two writers on one folder (the loop locks the run folder).
"""

import hashlib
import json
import os
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmzero_env.process import replace
from recipe.mmzero.engine.collect.flow.errors import CollectError
from recipe.mmzero.run.record.bound import bind
from recipe.mmzero.settings.folder import DAMAGED
from recipe.mmzero.settings.text import short

Record = dict[str, Any]


class ShardStore:
    """Records by `record["index"]`, each index at most once.

    Memory is 16 bytes per index plus the records that wait for the next shard; reading goes to the file.

    Args:
        folder: `OUT_DIR/shards`.
        prefix: separates passes that share the folder, such as "rows" and "judged".
        rows_per_shard, flush_s: a shard is written when it has so many rows or its first row waited so many seconds.
    """

    def __init__(self, folder: Path, prefix: str, rows_per_shard: int = 64, flush_s: float = 10.0):
        self.folder, self.prefix = folder, prefix
        self.rows_per_shard, self.flush_s = rows_per_shard, flush_s
        self.damaged: list[str] = []
        self._shards: list[Path] = []
        self._shard_of, self._offset_of = array("q"), array("q")  # by index; shard -1: not there
        self._buffer: list[tuple[int, bytes]] = []
        self._buffer_since = 0.0
        self._open: tuple[int, Any] | None = None
        self._count = 0

    def load(self, intact: Callable[[Record], bool] = lambda record: True) -> Iterator[Record]:
        """Read what earlier attempts finished, shard by shard; call once, before `add`.

        Args:
            intact: False for a record whose files are gone; it then counts as missing.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        replace.remove_parts(self.folder)
        for path in sorted(self.folder.glob(f"{self.prefix}_*.jsonl")):
            lines = _verified_lines(path)
            if lines is None:
                os.replace(path, path.with_suffix(DAMAGED))
                self.damaged.append(path.name)
                continue
            self._shards.append(path)
            offset = 0
            for line in lines:
                record = json.loads(line)
                if record["index"] not in self and intact(record):
                    self._place(record["index"], len(self._shards) - 1, offset)
                    yield record
                offset += len(line)

    def __contains__(self, index: int) -> bool:
        return index < len(self._shard_of) and self._shard_of[index] >= 0

    def __len__(self) -> int:
        """Records that are safe on disk."""
        return self._count

    def add(self, record: Record) -> None:
        """Queue a record; it is durable after the next `flush`, at the latest when the shard is full."""
        if not self._buffer:
            self._buffer_since = time.monotonic()
        line = json.dumps(record, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"
        self._buffer.append((record["index"], line.encode()))
        if len(self._buffer) >= self.rows_per_shard or time.monotonic() - self._buffer_since >= self.flush_s:
            self.flush()

    def flush(self) -> None:
        """Make all queued records durable, as one shard."""
        if not self._buffer:
            return
        path = self._free_name(self._buffer[0][0])
        body = b"".join(line for _, line in self._buffer)
        footer = json.dumps({"rows": len(self._buffer), "sha256": hashlib.sha256(body).hexdigest()}) + "\n"
        replace.write(path, body + footer.encode(), sync=True)
        self._shards.append(path)
        offset = 0
        for index, line in self._buffer:
            self._place(index, len(self._shards) - 1, offset)
            offset += len(line)
        self._buffer.clear()

    def read(self, index: int) -> Record:
        """One record from disk; cheap when called in ascending order.

        Raises:
            KeyError: not stored, or not flushed yet.
        """
        if index not in self:
            raise KeyError(index)
        shard = self._shard_of[index]
        if self._open is None or self._open[0] != shard:
            self.close()
            self._open = (shard, self._shards[shard].open("rb"))
        handle = self._open[1]
        handle.seek(self._offset_of[index])
        return json.loads(handle.readline())

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _place(self, index: int, shard: int, offset: int) -> None:
        grow = index + 1 - len(self._shard_of)
        if grow > 0:
            self._shard_of.extend([-1] * grow)
            self._offset_of.extend([0] * grow)
        self._count += self._shard_of[index] < 0
        self._shard_of[index], self._offset_of[index] = shard, offset

    def _free_name(self, index: int) -> Path:
        """A new name: a row whose picture was lost leaves its old shard in place."""
        path, attempt = self.folder / f"{self.prefix}_{index:08d}.jsonl", 0
        while path.exists():
            attempt += 1
            path = self.folder / f"{self.prefix}_{index:08d}.{attempt}.jsonl"
        return path


def claim(folder: Path, identity: Mapping[str, Any]) -> None:
    """Bind a shard folder to the settings its rows depend on.

    Raises:
        CollectError: the folder belongs to other settings; names the first that differ.
    """
    try:
        differing = bind(folder, identity)
    except ValueError as damaged:
        raise CollectError(f"{damaged} is damaged; delete {folder} to collect again") from None
    if differing:
        shown = "; ".join(
            f"{key}: {short(json.dumps(found))} -> {short(json.dumps(wanted))}"
            for key, (found, wanted) in list(differing.items())[:3]
        )
        raise CollectError(f"{folder} was collected with other settings ({shown}); restore them or delete the folder")


def _verified_lines(path: Path) -> list[bytes] | None:
    """The record lines of a shard, or None if its bytes are not what was written."""
    lines = path.read_bytes().splitlines(keepends=True)
    if not lines:
        return None
    try:
        footer = json.loads(lines[-1])
        matches = footer["sha256"] == hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    except (ValueError, KeyError, TypeError):
        return None
    return lines[:-1] if matches else None
