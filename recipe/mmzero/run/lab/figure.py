"""Curves of all arms of an experiment: mean over seeds, each seed thin."""

import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe.mmzero.report.data.truth import paired
from recipe.mmzero.report.figures.style import CYCLE, LIGHT, MARKERS, drawing, figure, nothing, share_axis
from recipe.mmzero.report.figures.truth import checkpoint_axis
from recipe.mmzero.run.lab.compare import AGAIN, Measured, means
from recipe.mmzero.run.lab.experiment import ExperimentError

PANELS = (
    ("solver", "hard_right", "Solver: hard questions right"),
    ("coder", "faithful", "Coder: shows the caption"),
    ("proposer", "well_posed", "Proposer: well-posed"),
    ("proposer", "hard_true", "Proposer: hard answer true"),
    ("rows", "label_true", "Rows: label true"),
)
FORMATS = (".png", ".svg")


def check(path: Path) -> None:
    """
    Raises:
        ExperimentError: neither a PNG nor an SVG, or there is no such folder.
    """
    if path.suffix not in FORMATS:
        raise ExperimentError(f"--figure {path}: the name ends in {' or '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise ExperimentError(f"--figure {path}: there is no folder {path.parent}")


def save(found: Measured, path: Path) -> None:
    with drawing(LIGHT):
        curves(found).savefig(path, dpi=150)


def curves(found: Measured) -> Figure:
    """A panel for each of `PANELS`. Grey: what the base may differ from itself, sampled once more (95%)."""
    canvas = figure(15, 3.6)
    panels = canvas.subplots(1, len(PANELS))
    for axes, (role, name, title) in zip(panels, PANELS, strict=True):
        axes.set_title(title)
        _panel(axes, found, role, name)
    panels[0].set_ylabel("share (%)")
    handles, labels = panels[0].get_legend_handles_labels()
    if handles:
        canvas.legend(handles, labels, loc="outside upper center", ncols=min(8, len(handles)))
    return canvas


def _panel(axes: Axes, found: Measured, role: str, name: str) -> None:
    points = max((len(one.points) for one in found.measured.values()), default=0)
    if found.base is not None and role != "rows":
        once, again = (rates.of(role, name) for rates in found.base)
        _, low, high = paired(once, again)
        middle, half = 100 * found.base[0].mean(role, name), 50 * (high - low)
        axes.axhspan(middle - half, middle + half, color="#8C8C8C", alpha=0.18, lw=0, label=AGAIN)
    for k, arm in enumerate(found.arms):
        runs = list(found.of(arm).values())
        if not runs:
            continue
        color = CYCLE[k % len(CYCLE)]
        for run in runs if len(runs) > 1 else ():
            axes.plot(range(len(run)), [100 * point.mean(role, name) for point in run], color=color, lw=0.7, alpha=0.55)
        mean = [100 * value for value in means(runs, role, name)]
        style = {"color": color, "marker": MARKERS[k % len(MARKERS)]}
        axes.plot(range(len(mean)), mean, label=f"{arm} ({_seeds(len(runs))})", **style)
    if not any(not math.isnan(y) for line in axes.get_lines() for y in line.get_ydata()):
        nothing(axes, "not measured")
        return
    share_axis(axes, "")
    axes.set_ylabel("")
    checkpoint_axis(axes, range(points))


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"
