"""Where truth is known: what the loop measures after a step, kept in the run folder for its report and its alarms.

    keep(step_folder, base)     # after a collection for the Solver, and after the last trained role of an iteration

Reads and measures only; a run's result does not depend on it.
"""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

from mmzero_env.process.replace import write
from recipe.mmzero.run.lab.measure import PLAIN, Python, last_trained, rates_of
from recipe.mmzero.run.lab.rows import row_truth
from recipe.mmzero.settings.folder import StepFolder
from recipe.mmzero.settings.types.run import ROLES

ITEMS = 120
"""Held-out items of a rate (480 of the Proposer): half of what the laboratory asks, to keep the end of a run short."""


def keep(step: StepFolder, base: Path, python: Python = PLAIN) -> bool:
    """Measure what a finished step made; False if there is nothing to measure or it is known already.

    Raises:
        OSError: a measurement failed, or the disk refuses.
    """
    if step.path.name == "collect_solver":
        return _replaced(step.truth, row_truth(step))
    if step.path.name not in ROLES or step.path.name != last_trained(step.run.path):
        return False
    began, jobs = time.monotonic(), max(1, min(2, len(os.sched_getaffinity(0))))
    points = [asdict(point) for point in rates_of(step.run.path, base, jobs, ITEMS, python=python)]
    new = _replaced(step.run.held_out, {"items": ITEMS, "points": points})
    if new:
        print(f"{ITEMS} held-out items asked of each role in {time.monotonic() - began:.0f} s", flush=True)
    return new


def _replaced(path: Path, content: object) -> bool:
    text = json.dumps(content) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    write(path, text)
    return True
