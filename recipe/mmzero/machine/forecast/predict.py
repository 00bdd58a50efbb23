"""The forecast of a stage: seconds by phase, GPU hours, who waits, what dominates."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from omegaconf import DictConfig

from recipe.mmzero.machine.forecast import closed, pipeline, roofline
from recipe.mmzero.machine.forecast.constants import cpu
from recipe.mmzero.machine.forecast.workload import CAPTIONS, SHARED, TRAINED, VARIANCE, Stage, stage

GEN = "gen"  # roll-outs and their rewards: verl's timing_s/gen
STARTUP = "startup"
ROWS = "rows"  # a collection after its start-up, without its later passes
PASSES = (ROWS, VARIANCE, CAPTIONS)


@dataclass(frozen=True)
class Forecast:
    """One stage. `phases`: seconds of one GRPO step by verl's timing names (of a collection: its passes, all of
    them); `idle`: server group -> share of a step in which one of its GPUs has no work, on average."""

    stage: str
    steps: int
    startup_s: float
    phases: Mapping[str, float]
    idle: Mapping[str, float]
    gpus: int
    group_gpus: Mapping[str, int] = field(default_factory=dict)
    busiest: str = ""  # the server group that is busy longest during `gen` or `rows`

    @property
    def step_s(self) -> float:
        """Seconds of a GRPO step; of a collection without its start-up."""
        return sum(self.phases.values())

    @property
    def seconds(self) -> float:
        return self.startup_s + max(1, self.steps) * self.step_s

    @property
    def gpu_hours(self) -> float:
        """Of all GPUs of the profile."""
        return self.gpus * self.seconds / 3600

    @property
    def dominates(self) -> str:
        """The largest part of the stage's seconds, with its share."""
        parts = {name: max(1, self.steps) * seconds for name, seconds in self.phases.items()}
        parts[STARTUP] = self.startup_s
        name = max(parts, key=lambda part: parts[part])
        where = f" ({self.busiest})" if name in (GEN, ROWS) and self.busiest else ""
        return f"{name}{where} {parts[name] / self.seconds:.0%}"

    def plain(self) -> dict[str, Any]:
        """For a program: seconds rounded to milliseconds."""
        return {
            "stage": self.stage,
            "steps": self.steps,
            "startup_s": round(self.startup_s, 3),
            "step_s": round(self.step_s, 3),
            "seconds": round(self.seconds, 3),
            "gpu_hours": round(self.gpu_hours, 4),
            "phases_s": {name: round(value, 3) for name, value in self.phases.items()},
            "idle": {name: round(value, 4) for name, value in self.idle.items()},
            "dominates": self.dominates,
        }


def predict(
    config: DictConfig,
    name: str,
    inputs: Mapping[str, str],
    factors: Mapping[str, float] | None = None,
    counts: Mapping[str, int] | None = None,
    first: bool = False,
) -> Forecast | None:
    """The forecast of one stage.

    Args:
        inputs: role -> reference of the checkpoint it asks or starts from (plan.Step.inputs).
        factors: phase -> measured / predicted of an earlier run (measured.py).
        counts: GPU counts in place of the profile's.
        first: of the run; on a machine without GPUs it also waits for the warm server.
    Returns:
        None if the model's sizes or the card are not known.
    """
    described = stage(config, name, inputs, counts)
    if described is not None and first and config.hardware.kind == "cpu":
        described = replace(described, startup_s=described.startup_s + cpu().warm_s)
    return None if described is None else forecast(described, factors or {})


def forecast(described: Stage, factors: Mapping[str, float]) -> Forecast:
    """The forecast of a described stage."""
    startup = described.startup_s * factors.get(STARTUP, 1.0)
    group_gpus = {name: group.gpus for name, group in described.groups.items()}
    shared = {"gpus": described.gpus, "group_gpus": group_gpus}
    if not described.steps:
        return _collection(described, startup, factors, shared)
    resources = (described.work, described.groups, described.renderers, described.picture_s)
    run = pipeline.simulate(*resources)
    phases = roofline.scaled(described.phases, dict(factors))
    gen = waited(run.seconds + described.prepare_s, described.poll_s)
    if described.overlap:  # it looks twice, half an interval too late on average
        gen = pipeline.overlapped(*resources, phases.total + described.poll_s) - phases.total
    gen *= factors.get(GEN, 1.0)
    named = {GEN: gen} | vars(phases)
    whole = gen + phases.total
    own = TRAINED if TRAINED in described.groups else SHARED
    busy = {name: run.busy[name] * min(1.0, factors.get(GEN, 1.0)) for name in described.groups}
    busy[own] += phases.total
    idle = {name: max(0.0, 1 - seconds / whole) for name, seconds in busy.items()}
    busiest = max(run.busy, key=lambda name: run.busy[name])
    return Forecast(described.name, described.steps, startup, named, idle, busiest=_said(busiest), **shared)


def _collection(described: Stage, startup: float, factors: Mapping[str, float], shared: dict[str, Any]) -> Forecast:
    resources = (described.groups, described.renderers, described.picture_s)
    passes = {ROWS: closed.steady(described.work, *resources)}
    passes |= {name: closed.steady(work, *resources) for name, work in described.later.items()}
    seconds = {name: found.seconds * factors.get(name, 1.0) for name, found in passes.items()}
    whole = sum(seconds.values())
    used = {group: sum(seconds[name] * found.busy[group] for name, found in passes.items()) for group in resources[0]}
    idle = {group: max(0.0, 1 - share / whole) for group, share in used.items()}
    busiest = max(passes[ROWS].busy, key=lambda name: passes[ROWS].busy[name])
    return Forecast(described.name, 0, startup, seconds, idle, busiest=_said(busiest), **shared)


def waited(seconds: float, poll_s: float) -> float:
    """What verl waits: it looks every `poll_s` whether all roll-outs are there."""
    return math.ceil(seconds / poll_s) * poll_s if poll_s else seconds


def _said(group: str) -> str:
    return {TRAINED: "the trained role's servers", SHARED: "shared servers", "render": "renderer"}.get(
        group, f"{group} servers"
    )
