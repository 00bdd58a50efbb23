"""Hours and money of a plan: the forecast of every step, as a table and for a program.

The journal of what was predicted before a step started is forecast.json of the run folder; the run card sets it beside
what was measured.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mmzero_env.process.replace import write
from recipe.mmzero.machine.forecast import measured
from recipe.mmzero.machine.forecast.constants import gpu_of
from recipe.mmzero.machine.forecast.layouts import Better, better, overlapped
from recipe.mmzero.machine.forecast.predict import Forecast, predict
from recipe.mmzero.report.data.read import Skips, read_mapping
from recipe.mmzero.run.plan import Step
from recipe.mmzero.settings.folder import RunFolder
from recipe.mmzero.settings.text import clock
from recipe.mmzero.settings.types.run import CARDS

NOTE = """\
Computed before the start, from config/gpus.yaml and mean lengths (forecast.*); forecast.run=RUN_DIR takes a run's own
measurements. The Coder's collection ends where forecast.coder_acceptance fills its target. Idle: share of a step in
which a GPU of the group has no work; of a collection, share of its most throughput that it does not need. Not counted:
retries, the blind check's share of answers, alarms, evaluation."""


@dataclass(frozen=True)
class Hours:
    """The forecasts of a plan by step id; `faster`: settings with less time, for the plan's last iteration; `card`: of
    config/gpus.yaml, None without GPUs."""

    forecasts: Mapping[str, Forecast]
    faster: Sequence[Better]
    price: float | None
    card: str | None

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.forecasts.values())

    @property
    def gpu_hours(self) -> float:
        return sum(one.gpu_hours for one in self.forecasts.values())

    def money(self, gpu_hours: float) -> float | None:
        return None if self.price is None else gpu_hours * self.price


def hours(config: DictConfig, steps: Sequence[Step]) -> Hours | None:
    """The forecasts of all steps; None where the model's sizes or the card are not known.

    Raises:
        ConfigError: forecast.run cannot be used.
    """
    known = measured.of_config(config)
    sized = known.applied(config)
    cache: dict[tuple[Any, ...], Forecast | None] = {}
    found: dict[str, Forecast] = {}
    for step in steps:
        # Which roles ask the same checkpoint decides, not which checkpoint it is.
        alike = tuple(tuple(role for role in step.inputs if step.inputs[role] == one) for one in step.inputs.values())
        first = step is steps[0]
        key = (step.stage, alike, first)
        if key not in cache:
            cache[key] = predict(sized, step.stage, step.inputs, known.of(step.stage), first=first)
        if cache[key] is None:
            return None
        found[step.id] = cache[key]
    last = [step for step in steps if step.iteration == steps[-1].iteration]
    others = [
        find(sized, step.stage, step.inputs, known.of(step.stage)) for step in last for find in (better, overlapped)
    ]
    card = gpu_of(config)
    faster = [one for one in others if one is not None]
    return Hours(found, faster, config.forecast.price_per_gpu_hour, card.name if card else None)


def table(found: Hours | None, steps: Sequence[Step]) -> str:
    """The forecasts as a plain table, with totals per iteration and of the run."""
    if found is None:
        return "No forecast: the model profile has no sizes (model.architecture), or no listed card has this memory."
    priced = found.price is not None
    head = ["step", "s per GRPO step", "start-up", "time", "GPU hours", *["money"] * priced, "idle", "most of it"]
    rows = [head]
    for step in steps:
        one = found.forecasts[step.id]
        rows.append(_row(found, step.id, one.seconds, one.gpu_hours, one))
    for iteration in sorted({step.iteration for step in steps}):
        mine = [found.forecasts[step.id] for step in steps if step.iteration == iteration]
        name = f"iteration {iteration}"
        rows.append(_row(found, name, sum(one.seconds for one in mine), sum(one.gpu_hours for one in mine)))
    rows.append(_row(found, "run", found.seconds, found.gpu_hours))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if found.forecasts and next(iter(found.forecasts.values())).gpus:
        lines += ["", *_layouts(found)]
    card = [f"Card: {found.card}; another one: forecast.gpu=NAME ({', '.join(CARDS)})."] if found.card else []
    return "\n".join([*lines, "", NOTE, *card])


def _layouts(found: Hours) -> list[str]:
    if not found.faster:
        return ["No other split of the GPUs gains 2% in any stage of the last iteration."]
    lines = ["Faster in the last iteration:"]
    for one in sorted(found.faster, key=lambda one: -one.gain):
        saved = one.forecast.seconds * (one.gain - 1)
        price = "" if one.counts else "; its roll-outs are one version stale"
        lines.append(f"  {one.overrides}   {one.stage} {one.gain:.2f} x as fast, {clock(saved)} less{price}")
    return lines


def _row(found: Hours, name: str, seconds: float, gpu_hours: float, one: Forecast | None = None) -> list[str]:
    money = found.money(gpu_hours)
    cells = [
        name,
        f"{one.step_s:.1f}" if one and one.steps else "",
        clock(one.startup_s) if one else "",
        clock(seconds),
    ]
    cells += [f"{gpu_hours:.1f}" if gpu_hours else "-"] + ([] if money is None else [f"{money:,.2f}"])
    idle = ", ".join(f"{group} {share:.0%}" for group, share in one.idle.items()) if one and one.gpus else ""
    return [*cells, idle, one.dominates if one else ""]


def plain(found: Hours | None, steps: Sequence[Step]) -> dict[str, Any] | None:
    """For a program; seconds, GPU hours, money in the unit of forecast.price_per_gpu_hour."""
    if found is None:
        return None
    listed = []
    for step in steps:
        one = found.forecasts[step.id]
        listed.append({"step": step.id} | one.plain() | {"money": found.money(one.gpu_hours)})
    faster = [
        {"stage": one.stage, "settings": one.overrides, "layout": dict(one.counts)}
        | {"gain": round(one.gain, 4), "seconds": one.forecast.seconds}
        for one in found.faster
    ]
    total = {"seconds": found.seconds, "gpu_hours": found.gpu_hours, "money": found.money(found.gpu_hours)}
    return {"card": found.card, "steps": listed, "run": total, "faster_layouts": faster}


def note(config: DictConfig, step: Step, run_dir: Path) -> Forecast | None:
    """Write down what is predicted of a step before it starts; this run's own finished steps correct it.

    Returns:
        The forecast; None where there is none.
    """
    known = measured.of_run(run_dir, config, own=True)
    first = not known.factors
    if first and config.forecast.run is not None:
        known = measured.of_config(config)
    found = predict(known.applied(config), step.stage, step.inputs, known.of(step.stage), first=first)
    if found is None:
        return None
    target = RunFolder(run_dir).forecast
    write(target, json.dumps(read_mapping(target, Skips()) | {step.id: found.plain()}, indent=1) + "\n")
    return found


PATIENCE = 3
"""A training step that takes this many times its forecast is not slow but stuck."""


def patience(config: DictConfig, step: Step, run_dir: Path) -> tuple[float, float]:
    """Seconds that a step may give no sign of life: until the first one, and between two later ones.

    `watchdog.startup_s` and `watchdog.step_s`; on GPUs `PATIENCE` times the forecast where that is more: a Solver stage
    draws nothing, so its only signs are finished GRPO steps, and on one small card one takes an hour.
    """
    startup_s, step_s = float(config.watchdog.startup_s), float(config.watchdog.step_s)
    predicted = read_mapping(RunFolder(run_dir).forecast, Skips()).get(step.id)
    if predicted is None or step.kind != "train" or config.hardware.kind != "gpu":
        return startup_s, step_s
    first_s = predicted["startup_s"] + predicted["step_s"]
    return max(startup_s, PATIENCE * first_s), max(step_s, PATIENCE * predicted["step_s"])
