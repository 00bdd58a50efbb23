"""Several runs in one page: curves over iterations, with intervals over runs that differ in their seed only."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recipe.mmzero.report.data import overview
from recipe.mmzero.report.data.overview import COLUMNS
from recipe.mmzero.report.data.read import ReportError, Run, read_run
from recipe.mmzero.report.data.stats import Number, over_seeds
from recipe.mmzero.report.data.survey import survey
from recipe.mmzero.report.figures.style import CYCLE, MARKERS, figure, iteration_axis, nothing
from recipe.mmzero.report.output import Output
from recipe.mmzero.report.page.card import flat, results
from recipe.mmzero.report.page.page import fill
from recipe.mmzero.report.page.tables import escape, figure_list, skip_list, table
from recipe.mmzero.report.single import both

Rows = dict[int, dict[str, Number | None]]
SEED_KEYS = ("seed", "run_dir")
SHOWN = ("render", "solvability", "difficulty", "gap", "entropy", "leak", "coder_rows", "solver_rows")
REWARDS = ("proposer_reward", "coder_reward", "solver_reward")
FIGURES = (
    ("compare", SHOWN, "Runs over iterations."),
    ("compare_rewards", REWARDS, "Reward at the end of each stage; rewards of different presets do not compare."),
)


def build(folders: Sequence[Path], out: Path | None = None) -> Path:
    """Write report.html, COMPARISON.md and figures/*.png of a comparison; returns the page."""
    runs = [read_run(folder) for folder in folders]
    for number, run in enumerate(runs):
        if run.folder in [other.folder for other in runs[:number]]:
            raise ReportError(f"{run.folder} is given twice: it would count as two seeds")
    folder = Path(out or runs[0].folder / "compare").resolve()
    output = Output(folder, [name for name, _, _ in FIGURES], compares=True)
    rows = {}
    for run in runs:
        found = survey(run)
        rows[run.folder] = {iteration: overview.numbers(run, found, iteration) for iteration in run.iterations}
    groups = grouped(runs)
    curves = {titled(name, runs): pooled([rows[run.folder] for run in runs]) for name, runs in groups.items()}
    figures = []
    for name, keys, caption in FIGURES:
        caption += " Whiskers: 95% interval, over seeds (Student) where a group has several runs, else within the run."
        light, dark = both(lambda keys=keys: overlay(curves, keys))
        figures.append((name, caption, light, dark))
    last = {f"{name}, iteration {max(curve)}": curve[max(curve)] for name, curve in curves.items() if curve}
    listed = "".join(
        f"<li><b>{escape(titled(name, runs))}</b>: {escape(', '.join(_label(run) for run in runs))}</li>"
        for name, runs in groups.items()
    )
    skipped = [f"{run.name}: {line}" for run in runs for line in run.skips.lines()]
    parts = {
        "KIND": "comparison",
        "TITLE": escape(" / ".join(groups)),
        "GROUPS": f"<ul>{listed}</ul>",
        "TABLE": table(last, "runs"),
        "FIGURES": figure_list(figures),
        "SKIPPED": skip_list(skipped),
    }
    text = f"# Comparison\n\n{results(last, 'runs')}\n\n"
    for name, members in groups.items():
        text += f"* {titled(name, members)}: {', '.join(_label(run) for run in members)}\n"
    return output.write(fill("compare.html", parts, ()), text, {name: light for name, _, light, _ in figures})


def grouped(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs whose configs differ in the seed only, by the name of the first; a run without config stands alone, and so
    does a copy of one with the same seed."""
    keys: list[object] = []
    groups: dict[str, list[Run]] = {}
    names: list[str] = []
    for run in runs:
        settings = {key: value for key, value in flat(run.config).items() if key not in SEED_KEYS}
        key: object = repr(sorted(settings.items(), key=lambda item: item[0])) if settings else run.folder
        if key in keys and run.setting("seed") in [one.setting("seed") for one in groups[names[keys.index(key)]]]:
            key = run.folder
        if key not in keys:
            keys.append(key)
            name = run.name if run.name not in names else f"{run.folder.parent.name}/{run.name}"
            while name in names:
                name += "'"
            names.append(name)
        groups.setdefault(names[keys.index(key)], []).append(run)
    return groups


def titled(name: str, runs: Sequence[Run]) -> str:
    """The group's name, with the number of seeds where there are several."""
    return name if len(runs) == 1 else f"{name} and {len(runs) - 1} other seed{'s' if len(runs) > 2 else ''}"


def pooled(rows: Sequence[Rows]) -> Rows:
    """One run as it is; several as mean over seeds with Student's interval, iteration by iteration."""
    if len(rows) == 1:
        return rows[0]
    merged: Rows = {}
    for iteration in sorted({iteration for row in rows for iteration in row}):
        merged[iteration] = {}
        for column in COLUMNS:
            values = [n.value for row in rows if iteration in row and (n := row[iteration].get(column.key)) is not None]
            merged[iteration][column.key] = over_seeds(values, column.top)
    return merged


def overlay(curves: dict[str, Rows], keys: Sequence[str]) -> Figure:
    """One panel per column, one line with whiskers per group."""
    columns = [column for column in COLUMNS if column.key in keys]
    width = min(4, len(columns))
    height = -(-len(columns) // width)
    canvas = figure(3.1 * width, 2.8 * height + 0.5)
    panels = np.atleast_1d(canvas.subplots(height, width)).ravel()
    iterations = sorted({iteration for curve in curves.values() for iteration in curve})
    for axes, column in zip(panels, columns, strict=True):
        axes.set_title(column.title)
        scale = 100 if column.percent else 1
        drawn = False
        for k, (name, curve) in enumerate(curves.items()):
            points = [(i, row[column.key]) for i, row in curve.items() if row.get(column.key) is not None]
            if not points:
                continue
            x = [i + 0.06 * (k - (len(curves) - 1) / 2) for i, _ in points]
            y = [scale * n.value for _, n in points]
            low = [scale * max(0.0, n.value - n.low) if n.low is not None else 0 for _, n in points]
            high = [scale * max(0.0, n.high - n.value) if n.high is not None else 0 for _, n in points]
            style = {"color": CYCLE[k % len(CYCLE)], "marker": MARKERS[k % len(MARKERS)]}
            axes.errorbar(x, y, [low, high], capsize=2.5, elinewidth=1.1, label=_legend(name), **style)
            drawn = True
        if not drawn:
            nothing(axes)
            continue
        iteration_axis(axes, iterations)
        axes.set_ylabel("percent (%)" if column.percent else "rows" if column.digits == 0 else "value")
        if column.digits == 0 and not column.percent:
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_ylim(0, axes.get_ylim()[1])
    handles = {}
    for axes in panels:
        found = axes.get_legend_handles_labels()
        handles |= dict(zip(found[1], found[0], strict=True))
    if handles:
        canvas.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=min(5, len(handles)))
    return canvas


def _legend(name: str) -> str:
    """Matplotlib reads `$` as mathematics and hides labels that begin with an underscore."""
    return name.replace("$", r"\$").lstrip("_") or "run"


def _label(run: Run) -> str:
    return f"{run.name} (seed {run.setting('seed', 'unknown')})"
