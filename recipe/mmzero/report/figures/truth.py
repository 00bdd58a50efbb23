"""Where truth is known: rates of the checkpoints on held-out items, and the truth of the rows, by iteration."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe.mmzero.report.data.truth import Rates, number
from recipe.mmzero.report.figures.style import CYCLE, MARKERS, figure, nothing, share_axis

PANELS = (
    ("Solver: right", "solver", (("hard_right", "hard questions"), ("easy_right", "easy questions"))),
    ("Coder: of all prompts", "coder", (("draws", "draws"), ("faithful", "shows the caption"))),
    (
        "Proposer",
        "proposer",
        (
            ("valid", "valid"),
            ("well_posed", "hard question well-posed"),
            ("easy_true", "easy answer true"),
            ("hard_true", "hard answer true"),
        ),
    ),
    (
        "Rows the Solver was trained on",
        "rows",
        (
            ("well_posed", "hard question well-posed"),
            ("faithful", "picture shows the caption"),
            ("label_true", "label true of the caption"),
        ),
    ),
)
"""(title, role, lines); a line is (name, what it says)."""


def truth_figure(points: Sequence[Rates]) -> Figure:
    """A panel for each role and one for the rows; whiskers are 95% intervals over items."""
    canvas = figure(12, 3.9)
    for axes, (title, role, lines) in zip(canvas.subplots(1, len(PANELS)), PANELS, strict=True):
        _panel(axes, points, title, role, lines)
    canvas.axes[0].set_ylabel("share of the items (%)")
    return canvas


def _panel(axes: Axes, points: Sequence[Rates], title: str, role: str, lines: Sequence[tuple[str, str]]) -> None:
    axes.set_title(title)
    drawn = False
    for k, (name, label) in enumerate(lines):
        known = [(point.iteration, found) for point in points if (found := number(point.of(role, name))) is not None]
        if not known:
            continue
        x = [iteration + 0.07 * (k - (len(lines) - 1) / 2) for iteration, _ in known]
        y = [100 * found.value for _, found in known]
        # An interval of a mean may leave [0, 1]; what is beyond is no share.
        low = [0.0 if one.low is None else 100 * (one.value - max(0.0, one.low)) for _, one in known]
        high = [0.0 if one.high is None else 100 * (min(1.0, one.high) - one.value) for _, one in known]
        style = {"color": CYCLE[k], "marker": MARKERS[k], "capsize": 2.5, "elinewidth": 1.1}
        axes.errorbar(x, y, [low, high], label=label, **style)
        drawn = True
    if not drawn:
        nothing(axes)
        return
    share_axis(axes, "")
    axes.set_ylabel("")
    checkpoint_axis(axes, [point.iteration for point in points])
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=8, handlelength=1.6)


def checkpoint_axis(axes: Axes, iterations: Sequence[int]) -> None:
    """Checkpoints by the iteration that made them; 0 is the base."""
    axes.set_xlabel("iteration")
    axes.set_xticks(list(iterations), ["base" if iteration == 0 else str(iteration) for iteration in iterations])
    axes.set_xlim(min(iterations) - 0.4, max(iterations) + 0.4)
