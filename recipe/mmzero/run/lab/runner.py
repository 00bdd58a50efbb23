"""Run what an experiment lacks: each run is `mmzero run` in a process of its own; finished ones are not touched."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mmzero_env.process.replace import write
from recipe.mmzero.report.data.read import Skips, read_mapping
from recipe.mmzero.run.lab.experiment import Run
from recipe.mmzero.run.record.journal import JournalError
from recipe.mmzero.run.status.snapshot import look
from recipe.mmzero.settings.folder import RunFolder

NOTE = "lab.json"


def finished(run: Run) -> bool:
    if not RunFolder(run.folder).state.exists():
        return False
    try:
        return look(run.folder).finished
    except JournalError:
        return False


def unreadable(run: Run) -> str | None:
    """Why a run that is there cannot be told to be finished or not; None for one that can, or is not there."""
    if not RunFolder(run.folder).state.exists():
        return None
    try:
        shown = look(run.folder)
    except JournalError as error:
        return str(error)
    return None if shown.planned else f"{run.folder}: {shown.notes[0]}"


def read_note(folder: Path) -> dict[str, Any]:
    """What was noted beside a run; {} if nothing was, or only half of it."""
    return read_mapping(folder / NOTE, Skips())


def run_all(runs: Sequence[Run], parallel: int = 1) -> int:
    """Run or resume what is not finished; returns the number of runs that failed. Output: FOLDER.log."""
    for run in runs:
        if run.taken_from:
            print(f"{run.arm} seed {run.seed}: {run.taken_from} has made it, with the same settings", flush=True)
    missing = [run for run in runs if not finished(run)]
    print(f"{len(runs) - len(missing)} of {len(runs)} runs are there, {len(missing)} to do", flush=True)
    with ThreadPoolExecutor(max(1, parallel)) as pool:
        return sum(pool.map(_run, missing))


def _run(run: Run) -> bool:
    """One run; True if it failed. What the machine was doing meanwhile is written beside it: a time taken on a busy
    machine is no measurement."""
    run.folder.parent.mkdir(parents=True, exist_ok=True)
    log = Path(f"{run.folder}.log")
    began, load = time.monotonic(), os.getloadavg()[1]
    print(f"{run.arm} seed {run.seed}: starting, log {log}", flush=True)
    command = [sys.executable, "-m", "recipe.mmzero.cli", "run", *run.words, f"run_dir={run.folder}"]
    with log.open("ab") as out:
        code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False).returncode
    seconds = time.monotonic() - began
    if code:
        print(f"{run.arm} seed {run.seed}: failed with exit code {code}, see {log}", flush=True)
        return True
    note = {"seconds": seconds, "load_before": load, "load_after": os.getloadavg()[1], "cores": os.cpu_count()}
    note["words"] = list(run.words)
    write(run.folder / NOTE, json.dumps(note) + "\n")
    print(f"{run.arm} seed {run.seed}: done in {seconds:.0f} s", flush=True)
    return False
