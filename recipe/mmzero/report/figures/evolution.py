"""Figures over iterations: the co-evolution panel, content types, consistency of the Solver's answers."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmzero_rewards.config import CONTENT_TYPES
from recipe.mmzero.report.data.final import rejected
from recipe.mmzero.report.data.overview import numbers, source
from recipe.mmzero.report.data.read import TITLES, Run
from recipe.mmzero.report.data.stats import Number, content_entropy, content_shares, histogram, share
from recipe.mmzero.report.data.survey import Survey
from recipe.mmzero.report.figures.style import BLUE, CYCLE, GREEN, ORANGE, figure, iteration_axis, nothing, share_axis


def coevolution(run: Run, found: Survey) -> Figure:
    """Eight panels by iteration; bars and whiskers are 95% intervals."""
    canvas = figure(12, 6.2)
    panels = canvas.subplots(2, 4)
    iterations = run.iterations
    rows = [numbers(run, found, i) for i in iterations]
    lengths = [source(found, i, lambda t: t.code_length.n > 0)[1].code_length.mean() for i in iterations]
    series(panels[0, 0], iterations, [row["render"] for row in rows], "Codes that draw", "share of codes", True, BLUE)
    series(
        panels[0, 1], iterations, [row["solvability"] for row in rows], "Solvability", "easy answers right", True, GREEN
    )
    series(
        panels[0, 2],
        iterations,
        [row["difficulty"] for row in rows],
        "Difficulty",
        "min(c, 1 - c), c: answers that agree",
        False,
        ORANGE,
    )
    panels[0, 2].set_ylim(0, 0.52)
    series(
        panels[0, 3], iterations, [row["gap"] for row in rows], "Easy minus hard", "consistency gap", False, CYCLE[3]
    )
    _content(panels[1, 0], found, iterations)
    _entropy(panels[1, 1], found, iterations)
    series(panels[1, 2], iterations, lengths, "Length of code", "characters, mean", False, CYCLE[4])
    for axes in (panels[0, 3], panels[1, 2]):  # a difference and a length are read from zero
        low, high = axes.get_ylim()
        axes.set_ylim(min(0.0, low), max(0.0, high) * 1.05 or 1.0)
    _accepted(panels[1, 3], run, iterations)
    return canvas


def content(run: Run, found: Survey) -> Figure:
    """Shares of the fixed list of content types, and their entropy."""
    canvas = figure(9, 3.6)
    left, right = canvas.subplots(1, 2, width_ratios=(3, 2))
    _content(left, found, run.iterations, legend=True)
    _entropy(right, found, run.iterations)
    return canvas


def consistency(run: Run, found: Survey) -> Figure:
    """Distribution of the self-consistency c of hard questions before any filter, one panel per iteration."""
    known = [(i, *source(found, i, lambda t: bool(t.consistency))) for i in run.iterations]
    known = [entry for entry in known if entry[1]]
    shown = known[:3] + known[-3:] if len(known) > 6 else known
    canvas = figure(max(4.5, 2.6 * len(shown)), 3.2)
    if not shown:
        nothing(canvas.subplots())
        return canvas
    window = run.setting("solver.filter.hard_consistency", [0.25, 0.75])
    panels = np.atleast_1d(canvas.subplots(1, len(shown), sharey=True))
    edges = [k / 10 - 0.05 for k in range(12)]
    for axes, (iteration, name, tally) in zip(panels, shown, strict=True):
        counts = histogram(tally.consistency, edges)
        total = sum(counts)
        shares = [share(count, total) for count in counts]
        middles = [k / 10 for k in range(11)]
        heights = [100 * one.value for one in shares]
        axes.bar(middles, heights, width=0.085, color=BLUE)
        low = [100 * (one.value - one.low) for one in shares]
        high = [100 * (one.high - one.value) for one in shares]
        axes.errorbar(middles, heights, [low, high], fmt="none", ecolor=axes.xaxis.label.get_color(), lw=0.9, capsize=2)
        if isinstance(window, list) and len(window) == 2:
            axes.axvspan(float(window[0]), float(window[1]), color=GREEN, alpha=0.12, lw=0)
        axes.set_title(f"iteration {iteration} (n={total})")
        axes.set_xlabel(f"self-consistency c ({TITLES[name]})")
        axes.set_xlim(-0.07, 1.07)
    panels[0].set_ylabel("questions (%)")
    return canvas


def series(
    axes: Axes, xs: Sequence[int], values: Sequence[Number | None], title: str, label: str, percent: bool, color: str
) -> None:
    """One line over iterations with 95% intervals as whiskers."""
    axes.set_title(title)
    points = [(x, value) for x, value in zip(xs, values, strict=True) if value is not None]
    if not points:
        nothing(axes)
        return
    scale = 100 if percent else 1
    x = [point[0] for point in points]
    y = [scale * value.value for _, value in points]
    low = [scale * max(0.0, value.value - value.low) if value.low is not None else 0 for _, value in points]
    high = [scale * max(0.0, value.high - value.value) if value.high is not None else 0 for _, value in points]
    axes.errorbar(x, y, [low, high], color=color, marker="o", capsize=3, elinewidth=1.2)
    iteration_axis(axes, list(xs))
    if percent:
        share_axis(axes, label)
    else:
        axes.set_ylabel(label)


def _content(axes: Axes, found: Survey, iterations: list[int], legend: bool = False) -> None:
    axes.set_title("Content types")
    tallies = [source(found, i, lambda t: bool(t.content))[1] for i in iterations]
    if not any(tally.content for tally in tallies):
        nothing(axes)
        return
    bottom = np.zeros(len(iterations))
    hatches = ("", "///", "", "...", "", "xx", "")
    for k, name in enumerate(CONTENT_TYPES):
        heights = [100 * content_shares(t.content)[name] if t.content else 0.0 for t in tallies]
        bars = {"color": CYCLE[k], "hatch": hatches[k], "edgecolor": axes.get_facecolor(), "linewidth": 0.4}
        if any(heights):
            axes.bar(iterations, heights, 0.7, bottom=bottom, label=name.replace("_", " "), **bars)
            bottom += heights
    iteration_axis(axes, iterations)
    share_axis(axes, "proposals")
    axes.legend(
        loc="center left" if legend else "upper center",
        bbox_to_anchor=(1.01, 0.5) if legend else (0.5, -0.24),
        ncols=1 if legend else 3,
        fontsize=8 if legend else 6.5,
        handlelength=1.2,
        columnspacing=0.8,
    )


def _entropy(axes: Axes, found: Survey, iterations: list[int]) -> None:
    """Entropy over the fixed list, with a 95% interval by resampling the counts.

    Small samples look less diverse than what they are drawn from, and samples of the sample once more: the interval is
    the reflected one (basic bootstrap, Davison and Hinkley 1997, section 5.2), which lies on the other side.
    """
    values: list[Number | None] = []
    generator = np.random.default_rng(0)
    for iteration in iterations:
        counts = source(found, iteration, lambda t: bool(t.content))[1].content
        entropy = content_entropy(counts)
        if entropy is None:
            values.append(None)
            continue
        total = sum(counts.values())
        shares = list(content_shares(counts).values())
        draws = generator.multinomial(total, np.array(shares) / sum(shares), size=200)
        entropies = [content_entropy(dict(zip(CONTENT_TYPES, row.tolist(), strict=True))) for row in draws]
        low, high = np.quantile(entropies, (0.025, 0.975))
        reflected = 2 * entropy - float(high), min(1.0, 2 * entropy - float(low))
        values.append(Number(entropy, min(entropy, reflected[0]), max(entropy, reflected[1]), total))
    series(axes, iterations, values, "Content entropy", "entropy over 7 types, 0 to 1", False, BLUE)
    axes.set_ylim(0, 1.04)


def _accepted(axes: Axes, run: Run, iterations: list[int]) -> None:
    """Accepted rows per collection, and above them the rejected ones by reason."""
    axes.set_title("Rows: accepted, rejected why")
    steps = [(i, name, run.step(i, name)) for i in iterations for name in ("collect_coder", "collect_solver")]
    steps = [(i, name, step) for i, name, step in steps if step is not None and step.summary]
    if not steps:
        nothing(axes)
        return
    reasons: dict[str, int] = {}
    for _, _, step in steps:
        for reason, count in rejected(step).items():
            reasons[reason] = reasons.get(reason, 0) + count
    named = [name for name, _ in sorted(reasons.items(), key=lambda item: -item[1])[:5]]
    xs = [i + (-0.19 if name == "collect_coder" else 0.19) for i, name, _ in steps]
    accepted = [step.number("accepted") or 0.0 for _, _, step in steps]
    axes.bar(xs, accepted, 0.34, color=GREEN, label="accepted")
    bottom = np.array(accepted)
    for k, reason in enumerate([*named, "other reasons"]):
        heights = []
        for _, _, step in steps:
            counts = rejected(step)
            rest = sum(count for name, count in counts.items() if name not in named)
            heights.append(rest if reason == "other reasons" else counts.get(reason, 0))
        if any(heights):
            color = ("#8C8C8C", ORANGE, CYCLE[3], CYCLE[5], CYCLE[4], "#C9C9C9")[k]
            axes.bar(xs, heights, 0.34, bottom=bottom, color=color, label=reason.replace("_", " "), alpha=0.85)
            bottom = bottom + np.array(heights)
    iteration_axis(axes, iterations)
    axes.set_xlabel("iteration (bars: Coder data, Solver data)", fontsize=8)
    axes.set_ylabel("proposals")
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.24),
        ncols=2,
        fontsize=6.5,
        handlelength=1.2,
        columnspacing=0.8,
    )
