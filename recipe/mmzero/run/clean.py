"""What of a run folder can go: `mmzero clean RUN_DIR`. Finds and removes; asking is for the caller.

    for path, size, why in removable(run_dir): ...
    remove(run_dir, [path, ...])

Nothing that a resumed run reads is offered: of a stage that is not finished, the checkpoints that it may continue from
and all shards stay. The journal decides what is finished.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from mmzero_env.process.replace import PART
from recipe.mmzero.run.record.checkpoints import superseded
from recipe.mmzero.run.record.journal import Journal, JournalError, read
from recipe.mmzero.run.record.lock import owner
from recipe.mmzero.settings.folder import DAMAGED, RunFolder, StepFolder

Found = tuple[Path, int, str]


def removable(run_dir: Path) -> list[Found]:
    """(path, bytes on disk, why it can go), in the order of the plan; no path lies inside another one.

    Raises:
        JournalError: no run folder, a damaged journal, or a loop that works on it; one line.
    """
    run = _run(run_dir)
    holder = owner(run.lock)
    if holder is not None and holder.alive:
        raise JournalError(f"another run works on {run.path} (process {holder.pid}); wait for it or end it")
    return _found(run)


def _run(run_dir: Path) -> RunFolder:
    run = RunFolder(Path(run_dir).resolve())
    if not run.state.exists():
        raise JournalError(f"{run.path} has no state.json: it is not a run folder")
    return run


def _found(run: RunFolder) -> list[Found]:
    records = read(run.state)
    found: list[tuple[Path, str]] = []
    for step in run.steps():
        record = records.get(step.id)
        found += _of_step(step, finished=record is not None and record.status == "done")
    if run.all_replaced.is_dir():
        found += [(path, "a step that was run again") for path in sorted(run.all_replaced.iterdir())]
    found += [(path, "half a file of a killed process") for path in sorted(run.path.glob(f"*{PART}"))]
    return [(path, size_of(path), why) for path, why in found]


def _of_step(step: StepFolder, finished: bool) -> Iterator[tuple[Path, str]]:
    if finished and step.checkpoints.is_dir():
        yield step.checkpoints, "checkpoints of a finished stage; its model is in hf/ or adapter/"
    elif step.checkpoints.is_dir():
        for path in superseded(step.checkpoints):
            yield path, "a checkpoint that is older than the one to continue from"
        for path in sorted(step.checkpoints.glob(f"*{DAMAGED}*")):
            yield path, "a damaged checkpoint"
    for folder in (step.path, step.samples, step.sample_pictures, step.pictures, step.shards, step.judged):
        for path in sorted(folder.glob(f"*{PART}")):
            yield path, "half a file of a killed process"
        if folder in (step.shards, step.judged):
            for path in sorted(folder.glob(f"*{DAMAGED}")):
                yield path, "a damaged shard; its rows were collected again"


def remove(run_dir: Path, paths: Iterable[Path]) -> int:
    """Remove what `removable` has named, under the run's lock; returns the bytes that were freed.

    Raises:
        JournalError: as `removable`.
        ValueError: a path is not among what can go now.
    """
    run, wanted = _run(run_dir), [Path(path) for path in paths]
    with Journal(run.path):
        allowed = {path: size for path, size, _ in _found(run)}
        for path in wanted:
            if path not in allowed:
                raise ValueError(f"{path} is not among what can go; nothing was removed")
        for path in wanted:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    return sum(allowed[path] for path in wanted)


def size_of(path: Path) -> int:
    """Bytes on disk of a file, or of everything below a folder; a file with two names counts once."""
    seen: dict[tuple[int, int], int] = {}
    for each in [path, *(path.rglob("*") if path.is_dir() and not path.is_symlink() else ())]:
        status = os.lstat(each)
        seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())
