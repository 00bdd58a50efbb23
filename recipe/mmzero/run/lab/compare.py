"""Arms of an experiment side by side, paired with its control, over a noise floor: `mmzero lab table`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from recipe.mmzero.report.data.read import finite
from recipe.mmzero.report.data.stats import over_seeds
from recipe.mmzero.report.data.truth import LINES, Rates, interval, paired
from recipe.mmzero.run.lab.experiment import Experiment, Run
from recipe.mmzero.run.lab.measure import base_rates, coder_form, rates_of
from recipe.mmzero.run.lab.measurements import Measurements, find
from recipe.mmzero.run.lab.runner import finished, read_note
from recipe.mmzero.run.lab.spent import generations
from recipe.mmzero.settings.types.run import ROLES
from recipe.mmzero.tiny.cache import ensure_base

AGAIN = "base_again"
"""Name of the line that compares the base with itself, sampled once more."""


SOLVER_TIMES = 3
"""How many times as many items the Solver is asked: what it gains is the smallest of the differences."""


@dataclass(frozen=True)
class Measured:
    """runs: all that were asked for; measured: of the finished ones."""

    experiment: Experiment
    runs: Sequence[Run]
    measured: Mapping[Run, Measurements]

    @property
    def arms(self) -> list[str]:
        return list(dict.fromkeys(run.arm for run in self.runs))

    @property
    def base(self) -> tuple[Rates, Rates] | None:
        """The base, and the base once more, as the control's runs ask its Coder; None while no run is finished."""
        known = [one for one in self.measured.values() if one.again is not None]
        return (known[0].points[0], known[0].again) if known else None

    def of(self, arm: str) -> dict[int, list[Rates]]:
        """Seed -> rates of an arm's finished runs."""
        return {run.seed: one.points for run, one in self.measured.items() if run.arm == arm}


def measure(
    experiment: Experiment,
    runs: Sequence[Run],
    jobs: int = 2,
    items: int = 240,
    roles: Sequence[str] = ROLES,
    saved: Path | None = None,
) -> Measured:
    """Rates of the runs that are finished, of these roles and of the rows. saved: a folder with measurements of runs
    that are not here (measurements.py)."""
    here = [run for run in runs if finished(run)]
    measured = {run: one for run in runs if saved and run not in here and (one := find(run, saved))}
    if not here:
        return Measured(experiment, runs, measured)
    base, asked = ensure_base(), {"jobs": jobs, "items": items, "roles": roles, "solver_items": SOLVER_TIMES * items}
    of_control = [run for run in here if run.arm == experiment.control]
    for run in here:
        points, again = rates_of(run.folder, base, **asked), None
        if run in (of_control or here[:1]):
            again = base_rates(base, coder_form(run.folder), again=1, **asked)
        seconds, busy = _spent(run)
        made = generations(run.folder)
        measured[run] = Measurements(run.words, points, made, seconds, busy, again, run.taken_from)
    return Measured(experiment, runs, {run: measured[run] for run in runs if run in measured})


def table(found: Measured) -> str:
    """Per arm the rates of each iteration (means over seeds) and, against the control, the paired difference. An arm
    that was not run is shown as not run."""
    experiment = found.experiment
    lines = [f"experiment {experiment.name}: {' '.join(experiment.settings)}", f"control: {experiment.control}", ""]
    lines += [_told(found, arm) for arm in found.arms]
    for role, name, label in LINES:
        points = [point for one in found.measured.values() for point in one.points]
        if points and all(math.isnan(point.mean(role, name)) for point in points):
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
    done = {run.seed: found.measured[run] for run in runs if run in found.measured}
    absent = [run.seed for run in runs if run not in found.measured]
    told = [f"seeds {', '.join(map(str, done))}" if done else "not run"]
    if done and absent:
        told.append(f"not run: seeds {', '.join(map(str, absent))}")
    if taken := [f"{seed} is {one.taken_from}" for seed, one in done.items() if one.taken_from]:
        told.append(f"seed {', '.join(taken)}")
    control = found.of(found.experiment.control)
    if other := [seed for seed, one in done.items() if seed in control and not _paired(one.points, control[seed])]:
        told.append(
            f"not compared with the control, of another base or other items: seeds {', '.join(map(str, other))}"
        )
    measured = list(done.values())
    return f"{arm}: {'; '.join(filter(None, [*told, _rows(measured), _generations(measured), _times(measured)]))}"


def _paired(points: Sequence[Rates], control: Sequence[Rates]) -> bool:
    """Are these runs of one base, asked the same items? Then it gave the same answers."""
    roles = set(points[0].values) & set(control[0].values)
    return all(points[0].values[role] == control[0].values[role] for role in roles if role != "coder")


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
        if seed in control and _paired(points, control[seed])
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


def _rows(measured: Sequence[Measurements]) -> str:
    points = [point for one in measured for point in one.points if "rows" in point.values]
    counts = [len(point.of("rows", "well_posed")) for point in points]
    return f"{min(counts)} to {max(counts)} rows for the Solver" if counts else ""


def _generations(measured: Sequence[Measurements]) -> str:
    return f"at most {fmean(one.generations for one in measured):,.0f} generations a run" if measured else ""


def _times(measured: Sequence[Measurements]) -> str:
    noted = [one for one in measured if one.seconds is not None]
    if not noted:
        return ""
    spent = ", ".join(f"{one.seconds / 60:.0f}" for one in noted)
    busy = any(one.busy for one in noted)
    return f"{spent} min" + (" (shared machine: no measurement of speed)" if busy else "")


def _spent(run: Run) -> tuple[float | None, bool | None]:
    """Seconds of a run, and whether the machine did more than it has cores for, as runner.py noted it."""
    note = read_note(run.folder)
    seconds, before, after, cores = (finite(note.get(key)) for key in ("seconds", "load_before", "load_after", "cores"))
    busy = None if None in (before, after, cores) else max(before, after) > cores
    return seconds, busy
