"""The journal of a run: `state.json`, one record per step, written atomically (temporary file, fsync, rename).

A step is done when its record says so *and* its outputs still have the recorded hashes. What decides a step's result is
in its record: the settings it depends on, the hashes of its inputs, and the versions of the packages that made it. The
folder is locked while a run works on it; opening a journal changes nothing that stands in it.
"""

import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_origin

from mmzero_env.process.replace import write
from recipe.mmzero.run.record.lock import Lock, Locked
from recipe.mmzero.settings.folder import RunFolder
from recipe.mmzero.settings.text import short

FORMAT = 1
STATUSES = ("running", "failed", "done")


class JournalError(RuntimeError):
    """The run folder cannot be used as it is; one line with the ways out."""


@dataclass
class Record:
    """One step. `status`: running | failed | done; times in Unix seconds; `seconds` is the wall time of all attempts;
    `began`: of the newest attempt, 0 if its time is in `seconds` although it is "running"; `token` marks the step's
    processes; `versions`: package -> version."""

    status: str = "running"
    config_hash: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    attempts: int = 0
    started: float = 0.0
    began: float = 0.0
    ended: float = 0.0
    exit_cause: str = ""
    token: str = ""
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)


class Journal:
    """`RUN_DIR/state.json`. Use as a context manager: it holds the folder's lock."""

    def __init__(self, run_dir: Path):
        self.folder = RunFolder(run_dir)
        self.records: dict[str, Record] = {}
        self._lock = Lock(self.folder.lock)

    @property
    def run_dir(self) -> Path:
        return self.folder.path

    def __enter__(self) -> "Journal":
        foreign = self.run_dir.exists() and any(self.run_dir.iterdir()) and not self.folder.state.exists()
        if foreign and not self.folder.lock.exists():
            raise JournalError(
                f"{self.run_dir} is not a run folder (no state.json) and not empty; choose another run_dir"
            )
        self.run_dir.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.take()
        except Locked as owner:
            raise JournalError(
                f"another run works on {self.run_dir} (process {owner}); wait for it or end it"
            ) from None
        try:
            self.records = read(self.folder.state)
            if not self.folder.state.exists():
                self.save()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exc) -> None:
        self._lock.release()

    def save(self) -> None:
        """Write `state.json`; a crash leaves the old or the new one, never half of one."""
        document = {
            "format": FORMAT,
            "written": time.time(),
            "steps": {name: asdict(record) for name, record in self.records.items()},
        }
        write(self.folder.state, json.dumps(document, indent=1), sync=True)


def read(path: Path) -> dict[str, Record]:
    """The records of a `state.json`; none if the file does not exist.

    Raises:
        JournalError: the file is damaged, cannot be read or is from another format.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise JournalError(f"{path} has format {document['format']}, this version reads {FORMAT}")
        records = {name: _record(name, record) for name, record in document["steps"].items()}
        for record in records.values():  # earlier journals have one entry for the whole run
            record.versions = record.versions or dict(document.get("versions") or {})
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise JournalError(f"{path} cannot be read ({error.strerror}); restore it, or choose another run_dir") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise JournalError(f"{path} is damaged ({error}); restore it, or choose another run_dir") from None
    return records


def _record(name: str, plain: Mapping[str, Any]) -> Record:
    """
    Raises:
        ValueError: a value is not of its field's type. Whoever reads a record reckons with it.
    """
    record = Record(**plain)
    for one in fields(Record):
        value, kind = getattr(record, one.name), get_origin(one.type) or one.type
        good = isinstance(value, int | float) and math.isfinite(value) if kind is float else isinstance(value, kind)
        if not good or (one.name == "status" and value not in STATUSES):
            raise ValueError(f"{name}: {one.name} is {short(repr(value))}")
    return record


def seconds_of_killed(record: Record, log: Path) -> float:
    """Seconds that an attempt ran whose loop was killed: to the last line of its log."""
    return max(0.0, log.stat().st_mtime - record.began) if record.began and log.exists() else 0.0


def config_hash(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
