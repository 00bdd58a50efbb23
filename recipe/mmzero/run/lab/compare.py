"""Arms of an experiment side by side, paired with its control, over a noise floor: `mmzero lab table`."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from recipe.mmzero.report.data.stats import over_seeds
from recipe.mmzero.report.data.truth import LINES, Rates, interval, paired
from recipe.mmzero.run.lab.experiment import Experiment, Run
from recipe.mmzero.run.lab.measure import base_rates, coder_form, rates_of
from recipe.mmzero.run.lab.runner import NOTE, finished
from recipe.mmzero.run.lab.spent import generations
from recipe.mmzero.settings.types import ROLES
from recipe.mmzero.tiny.cache import ensure_base

AGAIN = "base_again"
"""Name of the line that compares the base with itself, sampled once more."""


@dataclass(frozen=True)
class Measured:
    """runs: all that were asked for, rates: of the finished ones. base: the base (and once more), as the control's runs
    ask its Coder; None while no run is finished."""

    experiment: Experiment
    runs: Sequence[Run]
    rates: Mapping[Run, list[Rates]]
    base: tuple[Rates, Rates] | None

    @property
    def arms(self) -> list[str]:
        return list(dict.fromkeys(run.arm for run in self.runs))

    def of(self, arm: str) -> dict[int, list[Rates]]:
        """Seed -> rates of an arm's finished runs."""
        return {run.seed: found for run, found in self.rates.items() if run.arm == arm}


def measure(
    experiment: Experiment, runs: Sequence[Run], jobs: int = 2, items: int = 240, roles: Sequence[str] = ROLES
) -> Measured:
    """Rates of the runs that are finished, of these roles and of the rows."""
    base = ensure_base()
    rates = {run: rates_of(run.folder, base, jobs, items, roles) for run in runs if finished(run)}
    if not rates:
        return Measured(experiment, runs, rates, None)
    of_control = [run for run in rates if run.arm == experiment.control]
    form = coder_form((of_control or list(rates))[0].folder)
    once, again = (base_rates(base, form, items, jobs, number, roles) for number in (0, 1))
    return Measured(experiment, runs, rates, (once, again))


def table(found: Measured) -> str:
    """Per arm the rates of each iteration (means over seeds) and, against the control, the paired difference. An arm
    that was not run is shown as not run."""
    experiment, rates = found.experiment, found.rates
    lines = [f"experiment {experiment.name}: {' '.join(experiment.settings)}", f"control: {experiment.control}", ""]
    lines += [_told(found, arm) for arm in found.arms]
    for role, name, label in LINES:
        if rates and all(math.isnan(point.mean(role, name)) for run in rates.values() for point in run):
            continue  # of a language that no arm writes
        lines += ["", label]
        lines += [_line(found, arm, role, name) for arm in found.arms]
        if found.base is not None and role != "rows":
            lines.append(_again(*found.base, role, name))
    lines += [
        "",
        "last - base and last - control: mean of the seeds' differences; [95% over seeds (Student's t)], with one",
        "seed [95% over items]: what asking these items leaves open, nothing about another seed.",
    ]
    if found.base is not None:
        lines.append(f"{AGAIN}: the base against itself, other samples of the same items: the noise of sampling.")
    return "\n".join(lines)


def _told(found: Measured, arm: str) -> str:
    """What of an arm was run, where it comes from, how many rows it had, what it asked for and how long it took."""
    runs = [run for run in found.runs if run.arm == arm]
    done = [run for run in runs if run in found.rates]
    absent = [run.seed for run in runs if run not in found.rates]
    told = [f"seeds {', '.join(str(run.seed) for run in done)}" if done else "not run"]
    if done and absent:
        told.append(f"not run: seeds {', '.join(map(str, absent))}")
    if taken := [f"{run.seed} is {run.taken_from}" for run in done if run.taken_from]:
        told.append(f"seed {', '.join(taken)}")
    told += [_rows([found.rates[run] for run in done]), _generations(done), _times(done)]
    return f"{arm}: {'; '.join(filter(None, told))}"


def _line(found: Measured, arm: str, role: str, name: str) -> str:
    done = found.of(arm)
    if not done:
        return f"  {arm:<24}not run"
    cells = _cells(means(list(done.values()), role, name))
    if role == "rows":
        return f"  {arm:<24}{cells}"
    control = found.of(found.experiment.control)
    own = [(points[0].of(role, name), points[-1].of(role, name)) for points in done.values()]
    both = [
        (control[seed][-1].of(role, name), points[-1].of(role, name))
        for seed, points in done.items()
        if seed in control
    ]
    text = f"  {arm:<24}{cells}   last - base {_difference(own)}"
    return text + (f"   last - control {_difference(both)}" if both and arm != found.experiment.control else "")


def means(runs: Sequence[Sequence[Rates]], role: str, name: str) -> list[float]:
    """Mean over the runs that have it, at the base and each iteration; NaN where none has."""
    found = []
    for index in range(max(map(len, runs), default=0)):
        known = [points[index].mean(role, name) for points in runs if index < len(points)]
        known = [value for value in known if not math.isnan(value)]
        found.append(sum(known) / len(known) if known else math.nan)
    return found


def _cells(values: Sequence[float]) -> str:
    return "".join(f"{'-' if math.isnan(value) else f'{value:.3f}':>7}" for value in values)


def _again(once: Rates, again: Rates, role: str, name: str) -> str:
    cells = _cells([once.mean(role, name), again.mean(role, name)])
    return f"  {AGAIN:<24}{cells}   again - base {_difference([(once.of(role, name), again.of(role, name))])}"


def _difference(pairs: Sequence[tuple[list[float | None], list[float | None]]]) -> str:
    if len(pairs) == 1:
        return interval(*paired(*pairs[0])) + " over items"
    known = [mean for pair in pairs if not math.isnan(mean := paired(*pair)[0])]
    number = over_seeds(known)
    if number is None:
        return "-"
    low, high = (math.nan if end is None else end for end in (number.low, number.high))
    return interval(number.value, low, high) + " over seeds"


def _rows(found: Sequence[Sequence[Rates]]) -> str:
    if not found:
        return ""
    counts = [len(point.values["rows"]["well_posed"]) for points in found for point in points if "rows" in point.values]
    return f"{min(counts)} to {max(counts)} rows for the Solver" if counts else ""


def _generations(done: Sequence[Run]) -> str:
    return f"at most {fmean(generations(run.folder) for run in done):,.0f} generations a run" if done else ""


def _times(done: Sequence[Run]) -> str:
    notes = [json.loads(path.read_text()) for run in done if (path := Path(run.folder) / NOTE).exists()]
    if not notes:
        return ""
    busy = any(max(note["load_before"], note["load_after"]) > note["cores"] for note in notes)
    spent = ", ".join(f"{note['seconds'] / 60:.0f}" for note in notes)
    return f"{spent} min" + (" (shared machine: no measurement of speed)" if busy else "")
