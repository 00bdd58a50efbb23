"""The journal of a run: `state.json`, one record per step, written atomically (temporary file, fsync, rename).

A step is done when its record says so *and* its outputs still have the recorded hashes. What decides a step's result is
in its record: a hash of the config parts it depends on and the hashes of its inputs. The folder is locked while a run
works on it.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from recipe.mmzero.run.folder import RunFolder, write

FORMAT = 1


class JournalError(RuntimeError):
    """The run folder cannot be used as it is; one line with the ways out."""


@dataclass
class Record:
    """One step. `status`: running | failed | done; times in Unix seconds; `seconds`
    is the wall time of all attempts; `token` marks the step's processes."""

    status: str = "running"
    config_hash: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    attempts: int = 0
    started: float = 0.0
    ended: float = 0.0
    exit_cause: str = ""
    token: str = ""
    seconds: float = 0.0


class Journal:
    """`RUN_DIR/state.json`. Use as a context manager: it holds the folder's lock."""

    def __init__(self, run_dir: Path):
        self.run_dir, self.path = run_dir, RunFolder(run_dir).state
        self.records: dict[str, Record] = {}
        self.versions: dict[str, str] = {}
        self._lock = None

    def __enter__(self) -> "Journal":
        foreign = self.run_dir.exists() and any(self.run_dir.iterdir()) and not self.path.exists()
        lock = RunFolder(self.run_dir).lock
        if foreign and not lock.exists():
            raise JournalError(
                f"{self.run_dir} is not a run folder (no state.json) and not empty; choose another run_dir"
            )
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self._lock = lock.open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            owner = self._lock.read().strip() or "unknown"
            self._lock.close()
            raise JournalError(
                f"another run works on {self.run_dir} (process {owner}); wait for it or end it"
            ) from None
        self._lock.truncate(0)
        self._lock.write(f"{os.getpid()}\n")
        self._lock.flush()
        self.records = read(self.path)
        self.save()
        return self

    def __exit__(self, *exc) -> None:
        self._lock.close()

    def save(self) -> None:
        """Write `state.json`; a crash leaves the old or the new one, never half of one."""
        document = {
            "format": FORMAT,
            "written": time.time(),
            "versions": self.versions,
            "steps": {name: asdict(record) for name, record in self.records.items()},
        }
        write(self.path, json.dumps(document, indent=1), sync=True)


def read(path: Path) -> dict[str, Record]:
    """The records of a `state.json`; none if the file does not exist.

    Raises:
        JournalError: the file is damaged or from another format.
    """
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text())
        if document["format"] != FORMAT:
            raise JournalError(f"{path} has format {document['format']}, this version reads {FORMAT}")
        return {name: Record(**record) for name, record in document["steps"].items()}
    except (ValueError, KeyError, TypeError) as error:
        raise JournalError(f"{path} is damaged ({error}); restore it, or choose another run_dir") from None


def config_hash(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
