"""Figures over training steps: rewards and KL per role, time per phase, failure classes."""

from collections import Counter

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recipe.mmzero.report.data.final import rejected
from recipe.mmzero.report.data.overview import reward_series
from recipe.mmzero.report.data.read import COLLECTING, TITLES, TRAINING, Run, Step
from recipe.mmzero.report.data.stats import wilson
from recipe.mmzero.report.data.survey import Survey
from recipe.mmzero.report.figures.style import CYCLE, ROLES, figure, nothing

PHASES = (
    ("gen", "generation + rewards"),
    ("reward", "rewards"),
    ("old_log_prob", "log-probabilities"),
    ("ref", "reference model"),
    ("adv", "advantages"),
    ("update_actor", "update"),
    ("update_weights", "weight transfer"),
    ("save_checkpoint", "checkpoint"),
)
"""verl's `timing_s/*` that add up to a step, and what they are called here."""


def rewards(run: Run, found: Survey) -> Figure:
    """Reward with its 95% interval (top), KL to the start of the stage (bottom); iterations follow each other."""
    canvas = figure(12, 5.2)
    panels = canvas.subplots(2, 3, sharex="col")
    for column, role in enumerate(TRAINING):
        top_axes, bottom_axes = panels[0, column], panels[1, column]
        top_axes.set_title(TITLES[role])
        steps = [step for step in run.steps if step.name == role and step.series]
        if not steps:
            nothing(top_axes)
            nothing(bottom_axes)
            continue
        offset = 0
        for step in steps:
            offset = _stage(top_axes, bottom_axes, step, offset, ROLES[role])
        bottom_axes.set_xlabel("training step, all iterations")
        bottom_axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        bottom_axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 4))
    panels[0, 0].set_ylabel("mean reward per step")
    panels[1, 0].set_ylabel("KL to stage start (nat per token)")
    return canvas


def _stage(top_axes, bottom_axes, step: Step, offset: int, color: str) -> int:
    """Draw one stage after `offset` earlier steps; returns where the next one starts."""
    points = reward_series(step)
    xs = np.array([number for number, _ in points]) + offset
    if len(points):
        low = [p.value if p.low is None else p.low for _, p in points]
        high = [p.value if p.high is None else p.high for _, p in points]
        top_axes.fill_between(xs, low, high, color=color, alpha=0.22, lw=0)
        top_axes.plot(xs, [p.value for _, p in points], color=color, marker="o", ms=2.5)
    divergence = step.series.get("actor/kl_loss", [])
    if divergence:
        bottom_axes.plot(
            [number + offset for number, _ in divergence], [v for _, v in divergence], color=color, marker="o", ms=2.5
        )
    last = max([number for number, _ in points] + [number for number, _ in divergence], default=0)
    for axes in (top_axes, bottom_axes):
        if offset:
            axes.axvline(offset + 0.5, color=axes.xaxis.label.get_color(), lw=0.7, ls=":")
    top_axes.annotate(
        f"it {step.iteration}", (offset + 1, 0.98), xycoords=("data", "axes fraction"), fontsize=7.5, va="top"
    )
    return offset + last


def time(run: Run, found: Survey) -> Figure:
    """Where the time of each step went; a collection is one block."""
    steps = [step for step in run.steps if step.wall_s]
    canvas = figure(9, 1.5 + 0.26 * max(3, len(steps)))
    axes = canvas.subplots()
    if not steps:
        nothing(axes)
        return canvas
    unit, name = (3600.0, "hours") if max(step.wall_s for step in steps) > 7200 else (60.0, "minutes")
    rows = np.arange(len(steps))[::-1]
    left = np.zeros(len(steps))
    for k, (phase, title) in enumerate([*PHASES, ("rest", "start-up, peers, other"), ("collect", "collection")]):
        widths = np.array([_seconds(step, phase) for step in steps]) / unit
        if widths.any():
            color = (*CYCLE, "#B8C0CC", "#4C6A92")[k]
            axes.barh(rows, widths, 0.72, left=left, color=color, label=title)
            left += widths
    axes.set_yticks(rows, [f"{step.iteration} {TITLES[step.name]}" for step in steps])
    axes.set_xlabel(f"wall time ({name})")
    axes.grid(axis="y", visible=False)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return canvas


def _seconds(step: Step, phase: str) -> float:
    if step.name in COLLECTING:
        return (step.wall_s or 0.0) if phase == "collect" else 0.0
    spent = {name: sum(v for _, v in step.series.get(f"timing_s/{name}", [])) for name, _ in PHASES}
    if phase == "rest":
        return max(0.0, (step.wall_s or 0.0) - sum(spent.values()))
    return spent.get(phase, 0.0)


def outcomes(run: Run, found: Survey, iteration: int, role: str) -> tuple[dict[str, int], int]:
    """(failure class -> count, of how many): a finished collection counted all its rows, else the dumped samples."""
    step = run.step(iteration, role)
    attempts = step.number("attempts") if step is not None and role in COLLECTING else None
    if step is not None and attempts:
        return rejected(step), int(attempts)
    tally = found.tally(iteration, role)
    return {name: count for name, count in tally.outcomes.items() if name not in ("ok", "kept")}, tally.samples


def failures(run: Run, found: Survey) -> Figure:
    """Failure classes of roll-outs and rows (share of all, 95% Wilson intervals), one panel per role."""
    roles = [role for role in (*TRAINING, *COLLECTING) if any(key[1] == role for key in found.tallies)]
    canvas = figure(max(4.5, 3.1 * len(roles)), 3.6)
    if not roles:
        nothing(canvas.subplots())
        return canvas
    for axes, role in zip(np.atleast_1d(canvas.subplots(1, len(roles))), roles, strict=True):
        iterations = sorted(iteration for iteration, name in found.tallies if name == role)
        shown = iterations if len(iterations) <= 2 else [iterations[0], iterations[-1]]
        total: Counter[str] = Counter()
        counted = {iteration: outcomes(run, found, iteration, role) for iteration in shown}
        for counts, _ in counted.values():
            total.update(counts)
        names = [name for name, _ in total.most_common(8)]
        axes.set_title(TITLES[role])
        if not names:
            nothing(axes, "no failures")
            continue
        height = 0.8 / len(shown)
        for k, iteration in enumerate(shown):
            counts, n = counted[iteration]
            ys = np.arange(len(names)) + (k - (len(shown) - 1) / 2) * height
            shares = [counts.get(name, 0) / max(1, n) for name in names]
            bounds = [wilson(counts.get(name, 0), n) for name in names]
            low = [max(0.0, 100 * (s - b[0])) for s, b in zip(shares, bounds, strict=True)]
            high = [max(0.0, 100 * (b[1] - s)) for s, b in zip(shares, bounds, strict=True)]
            color = ROLES[role] if k == len(shown) - 1 else "#9AA5B1"
            label = f"it {iteration} (n={n:,})"
            axes.barh(ys, [100 * s for s in shares], height * 0.92, color=color, label=label)
            ink = axes.xaxis.label.get_color()
            axes.errorbar([100 * s for s in shares], ys, xerr=[low, high], fmt="none", ecolor=ink, lw=0.8, capsize=1.5)
        axes.set_yticks(range(len(names)), [_wrapped(name) for name in names], fontsize=7)
        axes.set_ylim(max(3.6, len(names) - 0.5), -0.5)
        axes.set_xlim(left=0)
        axes.set_xlabel("share of all (%)")
        axes.grid(axis="y", visible=False)
        axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.45, -0.2), ncols=2)
    return canvas


def _wrapped(name: str) -> str:
    words = name.replace("_", " ")[:40]
    if len(words) <= 16:
        return words
    cut = words.rfind(" ", 0, 18)
    return words if cut < 1 else words[:cut] + "\n" + words[cut + 1 :]
