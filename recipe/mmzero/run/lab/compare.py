"""Arms of an experiment side by side, paired with its control."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from recipe.mmzero.run.lab.experiment import Experiment, Run
from recipe.mmzero.run.lab.measure import Rates, rates_of
from recipe.mmzero.run.lab.runner import NOTE, finished
from recipe.mmzero.run.lab.table import LINES, interval, over_seeds, paired
from recipe.mmzero.tiny.cache import ensure_base


def compare(experiment: Experiment, runs: Sequence[Run], jobs: int = 2, items: int = 240) -> str:
    """The table as text: per arm the rates of the last iteration (means over seeds) and, against the control, the
    paired difference. An arm that was not run is shown as not run."""
    base = ensure_base()
    rates = {run: rates_of(run.folder, base, jobs, items) for run in runs if finished(run)}
    lines = [f"experiment {experiment.name}: {' '.join(experiment.settings)}", f"control: {experiment.control}", ""]
    arms = list(dict.fromkeys(run.arm for run in runs))
    for arm in arms:
        done = [run for run in runs if run.arm == arm and run in rates]
        absent = [run.seed for run in runs if run.arm == arm and run not in rates]
        told = f"seeds {', '.join(str(run.seed) for run in done)}" if done else "not run"
        if done and absent:
            told += f"; not run: seeds {', '.join(map(str, absent))}"
        lines.append(f"{arm}: {told}; {_rows([rates[run] for run in done])}{_times(done)}")
    for role, name, label in LINES:
        if rates and all(math.isnan(point.mean(role, name)) for found in rates.values() for point in found):
            continue  # of a language that no arm writes
        lines += ["", label]
        for arm in arms:
            lines.append(_line(experiment, arm, role, name, rates))
    lines += [
        "",
        "last - base and last - control: mean of the seeds' differences; [95% over seeds (Student's t)], with one",
    ]
    lines += ["seed [95% over items]: what asking these items leaves open, nothing about another seed."]
    return "\n".join(lines)


def _line(experiment: Experiment, arm: str, role: str, name: str, rates: dict[Run, list[Rates]]) -> str:
    done = {run.seed: found for run, found in rates.items() if run.arm == arm}
    if not done:
        return f"  {arm:<24}not run"
    points = max(len(found) for found in done.values())
    means = []
    for index in range(points):
        known = [found[index].mean(role, name) for found in done.values() if index < len(found)]
        known = [value for value in known if not math.isnan(value)]
        means.append(f"{sum(known) / len(known):.3f}" if known else "-")
    cells = "".join(f"{value:>7}" for value in means)
    if role == "rows":
        return f"  {arm:<24}{cells}"
    control = {run.seed: found for run, found in rates.items() if run.arm == experiment.control}
    own = [(found[0].values[role][name], found[-1].values[role][name]) for found in done.values()]
    both = [
        (control[seed][-1].values[role][name], found[-1].values[role][name])
        for seed, found in done.items()
        if seed in control
    ]
    text = f"  {arm:<24}{cells}   last - base {_difference(own)}"
    return text + (f"   last - control {_difference(both)}" if both and arm != experiment.control else "")


def _difference(pairs: Sequence[tuple[list[float | None], list[float | None]]]) -> str:
    if len(pairs) == 1:
        return interval(*paired(*pairs[0])) + " over items"
    return interval(*over_seeds([paired(*pair)[0] for pair in pairs])) + " over seeds"


def _rows(found: Sequence[Sequence[Rates]]) -> str:
    if not found:
        return ""
    counts = [len(point.values["rows"]["well_posed"]) for points in found for point in points if "rows" in point.values]
    return f"{min(counts)} to {max(counts)} rows for the Solver" if counts else ""


def _times(done: Sequence[Run]) -> str:
    notes = [json.loads(path.read_text()) for run in done if (path := Path(run.folder) / NOTE).exists()]
    if not notes:
        return ""
    busy = any(max(note["load_before"], note["load_after"]) > note["cores"] for note in notes)
    spent = ", ".join(f"{note['seconds'] / 60:.0f}" for note in notes)
    return f"; {spent} min" + (" (shared machine: no measurement of speed)" if busy else "")
