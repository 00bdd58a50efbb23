"""Where truth is known: shares that fell since the start of a run, so far that chance does not explain it.

Two sources. After a collection for the Solver: its training rows against those of the run's first iteration, which are
other rows (unpaired). After a trained Solver: the checkpoints against the base on the same held-out items (paired).
Where nothing was measured (every real model) there is nothing to compare, and the rules are silent.

Only falls count, so the bound is one-sided, at 99%. A run of three iterations compares its rows six times. Where
nothing changes, 5% of such runs raise an alarm, and 12% with the two-sided 95% (simulated, 48 rows). A fall of 0.1
between two checkpoints on 120 items or more is beyond chance anyhow.
"""

from recipe.mmzero.report.alarms.measures import Measure, Numbers
from recipe.mmzero.report.data.read import Skips, Step, read_mapping
from recipe.mmzero.report.data.truth import Rates, paired, truth, unpaired, values_in
from recipe.mmzero.settings.folder import RunFolder, StepFolder, step_id
from recipe.mmzero.settings.types.alarms import AlarmConfig

Z99 = 2.326348
"""99% point of the normal distribution: the bound of a one-sided interval."""
HELD_OUT = {"well_posed": "proposer", "faithful": "coder"}
"""Name of a share -> the role whose held-out rate it is; a label has no rate, only rows have labels."""


def measured_truth(step: Step) -> tuple[Rates, Rates] | None:
    """(start, now) of what a step is compared by; None where it is the start itself, or nothing was measured."""
    folder = StepFolder(step.folder)
    if step.name == "solver":
        points = {point.iteration: point for point in truth(folder.run.path, Skips())}
        return (points[0], points[step.iteration]) if {0, step.iteration} <= points.keys() else None
    if step.name != "collect_solver" or step.iteration == 1:
        return None
    sides = [
        Rates(iteration, {"rows": values_in(read_mapping(_collected(folder.run, iteration).truth, Skips()))})
        for iteration in (1, step.iteration)
    ]
    return (sides[0], sides[1]) if all(side.values["rows"] for side in sides) else None


def _collected(run: RunFolder, iteration: int) -> StepFolder:
    return run.step(step_id(iteration, "collect_solver"))


def fell(name: str) -> Measure:
    """How far the share fell; None if the bound holds "not at all", or of fewer than `min_count` values."""

    def measure(numbers: Numbers, config: AlarmConfig) -> float | None:
        role = "rows" if numbers.collects else HELD_OUT.get(name)
        if numbers.truth is None or role is None:
            return None
        before, now = (side.of(role, name) for side in numbers.truth)
        if min(sum(value is not None for value in side) for side in (before, now)) < max(2, config.min_count):
            return None
        mean, _, high = (unpaired if numbers.collects else paired)(before, now, Z99)
        return -mean if high < 0 else None

    return measure
