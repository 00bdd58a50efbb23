"""The report of one run: read, survey, draw, write (page.py, card.py, figures_*.py do the parts)."""

import io
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from matplotlib.figure import Figure

from recipe.mmzero.report.alarms.check import evaluate, numbers_of
from recipe.mmzero.report.data import overview
from recipe.mmzero.report.data.costs import costs
from recipe.mmzero.report.data.evaluated import evaluated
from recipe.mmzero.report.data.final import stage_rows
from recipe.mmzero.report.data.read import Run, finite, read_run
from recipe.mmzero.report.data.survey import Survey, survey
from recipe.mmzero.report.data.truth import truth
from recipe.mmzero.report.figures import evolution as figures_evolution
from recipe.mmzero.report.figures import steps as figures_steps
from recipe.mmzero.report.figures import truth as figures_truth
from recipe.mmzero.report.figures.style import DARK, LIGHT, drawing, recolour
from recipe.mmzero.report.output import Output
from recipe.mmzero.report.page.card import card
from recipe.mmzero.report.page.gallery import PICTURE_BYTES, gallery
from recipe.mmzero.report.page.page import page
from recipe.mmzero.report.page.pictures import Album
from recipe.mmzero.settings.types.alarms import AlarmConfig

Draw = Callable[[Run, Survey], Figure]
FIGURES: tuple[tuple[str, Draw, str], ...] = (
    (
        "coevolution",
        figures_evolution.coevolution,
        "Co-evolution of the three roles by iteration. Whiskers are 95% intervals; difficulty is the trained one, "
        "entropy is taken over the fixed list of seven types.",
    ),
    (
        "rewards",
        figures_steps.rewards,
        "Mean reward per training step with its 95% interval over roll-outs, and the KL loss estimate against the "
        "checkpoint that the stage started from. Dotted lines separate iterations.",
    ),
    ("content", figures_evolution.content, "Content types of all valid proposals and their entropy, 1 = all equal."),
    (
        "consistency",
        figures_evolution.consistency,
        "How often the Solver agrees with itself on hard questions, before any filter. The green band is kept for "
        "training; whiskers are 95% Wilson intervals.",
    ),
    (
        "failures",
        figures_steps.failures,
        "Failure classes per role, as shares of all samples; whiskers are 95% Wilson intervals. Grey: first iteration.",
    ),
    ("time", figures_steps.time, "Wall time of each step by phase."),
)
TRUTH = "truth"
TRUTH_CAPTION = (
    "What the reward cannot see: every checkpoint of every role on the same held-out items with true labels, and the "
    "truth of the rows between. Whiskers are 95% intervals over items."
)


def build(folder: Path, out: Path | None = None, evaluation: Path | None = None) -> Path:
    """Write report.html, figures/*.png and RUN.md into `out` (default: the run folder); returns the page.

    Args:
        evaluation: `--out` of `mmzero eval`, whose results are shown by iteration.
    """
    benchmarks = evaluated(evaluation)
    run = read_run(folder)
    output = Output(Path(out or run.folder).resolve(), [*(name for name, _, _ in FIGURES), TRUTH])
    found = survey(run)
    rows = {iteration: overview.numbers(run, found, iteration) for iteration in run.iterations}
    alarms = [asdict(alarm) for alarm in all_alarms(run)]
    used = costs(run)
    stages, points = stage_rows(run), truth(run.folder, run.skips)
    album = Album(run)
    shown = gallery(run, found, album)
    figures = []
    with ThreadPoolExecutor(1) as beside:  # encoding pictures releases the interpreter's lock, drawing figures does not
        filling = beside.submit(album.fill, PICTURE_BYTES)
        for name, draw, caption in FIGURES:
            light, dark = both(lambda draw=draw: draw(run, found))
            figures.append((name, caption, light, dark))
        if points:  # in the middle: first what was trained, then whether it is true, then failures and time
            figures.insert(2, (TRUTH, TRUTH_CAPTION, *both(lambda: figures_truth.truth_figure(points))))
        filling.result()
    captions = [(name, caption) for name, caption, _, _ in figures]
    return output.write(
        page(run, rows, stages, points, alarms, used, figures, shown, album, benchmarks),
        card(run, rows, stages, points, alarms, used, captions, benchmarks),
        {name: light for name, _, light, _ in figures},
    )


def all_alarms(run: Run) -> list:
    """Alarms of every finished step, newest step first, computed anew with the run's thresholds."""
    thresholds = AlarmConfig()
    block = run.setting("alarms")
    for key, value in block.items() if isinstance(block, Mapping) else ():
        number = finite(value)
        if hasattr(thresholds, str(key)) and number is not None:
            setattr(thresholds, str(key), type(getattr(thresholds, str(key)))(number))
    found = []
    for step in run.steps:
        found.append(evaluate(numbers_of(step), thresholds))
    return [alarm for alarms in reversed(found) for alarm in alarms]


def both(draw: Callable[[], Figure]) -> tuple[bytes, bytes]:
    """A figure as PNG in the light and in the dark theme; drawn and laid out once."""
    images = []
    with drawing(LIGHT):
        canvas = draw()
        for theme in (LIGHT, DARK):
            if theme is DARK:
                canvas.set_layout_engine("none")
                recolour(canvas, LIGHT, DARK)
            target = io.BytesIO()
            canvas.savefig(target, format="png", facecolor=theme.ground)
            images.append(target.getvalue())
    return images[0], images[1]
