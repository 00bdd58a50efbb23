"""What was predicted of each stage before it started, and what it took (forecast.json; recipe/mmzero/run/hours.py)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recipe.mmzero.report.data.read import TITLES, Run, Step, finite, read_mapping
from recipe.mmzero.settings.folder import RunFolder

HEADS = ("step", "predicted", "measured", "predicted / measured", "a step predicted", "a step measured", "most of it")


@dataclass(frozen=True)
class Pair:
    """Seconds of one stage, start-up included; `step_s` of one GRPO step; None: not known."""

    name: str
    predicted_s: float | None
    measured_s: float | None
    predicted_step_s: float | None
    measured_step_s: float | None
    dominates: str

    @property
    def ratio(self) -> float | None:
        if self.predicted_s is None or not self.measured_s:
            return None
        return self.predicted_s / self.measured_s

    def cells(self) -> tuple[str, ...]:
        """The texts of one row, in the order of HEADS."""
        seconds = (self.predicted_s, self.measured_s)
        each = (self.predicted_step_s, self.measured_step_s)
        ratio = "–" if self.ratio is None else f"{self.ratio:.2f}"
        return (self.name, *map(_seconds, seconds), ratio, *map(_seconds, each), self.dominates or "–")


def pairs(run: Run) -> list[Pair]:
    """One per step that has a prediction, in the order of the run."""
    known = read_mapping(RunFolder(run.folder).forecast, run.skips)
    return [_pair(step, known[step.id]) for step in run.steps if isinstance(known.get(step.id), Mapping)]


def _pair(step: Step, predicted: Mapping[str, Any]) -> Pair:
    training = bool(finite(predicted.get("steps")))
    dominates = predicted.get("dominates")
    return Pair(
        f"{step.iteration} {TITLES.get(step.name, step.name)}",
        finite(predicted.get("seconds")),
        step.wall_s,
        finite(predicted.get("step_s")) if training else None,
        step.mean("timing_s/step") if training else None,
        dominates if isinstance(dominates, str) else "",
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f} s"
