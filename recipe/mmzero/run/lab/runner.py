"""Run what an experiment lacks: each run is `mmzero run` in a process of its own; finished ones are not touched."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
    (run.folder / NOTE).write_text(json.dumps(note) + "\n")
    print(f"{run.arm} seed {run.seed}: done in {seconds:.0f} s", flush=True)
    return False
