"""Tables of rates: one run over its iterations, several arms side by side with paired differences.

Two kinds of intervals, named where they stand: *over items* (one pair of checkpoints asked the same items: the
uncertainty of asking these items, nothing about another seed) and *over seeds* (the mean of a run's difference over
seeds: Student's t, so with two seeds it is wide, and with one there is none).
"""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from scipy.stats import t as student

from recipe.mmzero.run.lab.measure import Rates

# (role, name, label), in the order of the tables
LINES = (
    ("solver", "hard_right", "Solver: hard questions right"),
    ("solver", "easy_right", "Solver: easy questions right"),
    ("solver", "hard_answered", "Solver: hard questions answered"),
    ("solver", "text_hard_right", "Solver: hard, from the caption"),
    ("solver", "text_easy_right", "Solver: easy, from the caption"),
    ("coder", "draws", "Coder: draws"),
    ("coder", "draws_svg", "Coder: draws, of its SVG"),
    ("coder", "draws_python", "Coder: draws, of its Python"),
    ("coder", "faithful", "Coder: shows the caption, of all prompts"),
    ("coder", "leaks", "Coder: leak check finds an answer"),
    ("coder", "writes_answer", "Coder: writes an answer, also excused"),
    ("proposer", "valid", "Proposer: valid"),
    ("proposer", "well_posed", "Proposer: hard question well-posed"),
    ("proposer", "easy_true", "Proposer: easy answer true"),
    ("proposer", "hard_true", "Proposer: hard answer true"),
    ("rows", "well_posed", "Rows: well-posed"),
    ("rows", "faithful", "Rows: picture shows the caption"),
    ("rows", "label_true", "Rows: label true of the caption"),
    ("rows", "label_true_of_picture", "Rows: label true of the picture"),
)
WHOLE = (
    ("proposer", "distinct_captions", "Proposer: distinct captions"),
    ("proposer", "type_entropy", "Proposer: entropy of types (nats)"),
)


def paired(before: Sequence[float | None], after: Sequence[float | None]) -> tuple[float, float, float]:
    """Mean difference over the items that both have, and its 95% interval over items (normal approximation)."""
    differences = [b - a for a, b in zip(before, after, strict=True) if a is not None and b is not None]
    if len(differences) < 2:
        return (fmean(differences) if differences else math.nan, math.nan, math.nan)
    mean, half = fmean(differences), 1.96 * stdev(differences) / math.sqrt(len(differences))
    return mean, mean - half, mean + half


def over_seeds(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95% interval over seeds (Student's t); an interval needs two seeds."""
    mean = fmean(values)
    if len(values) < 2:
        return mean, math.nan, math.nan
    half = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def run_table(rates: Sequence[Rates]) -> str:
    """One run: a line per rate, a column per iteration, and the paired change of the last one to the base."""
    names = ["base" if r.iteration == 0 else f"it {r.iteration}" for r in rates]
    lines = [f"{'':<42}" + "".join(f"{name:>8}" for name in names) + "   last - base [95% over items]"]
    for role, name, label in LINES:
        means = [r.mean(role, name) for r in rates]
        if all(math.isnan(mean) for mean in means):
            continue
        cells = "".join(f"{'-' if math.isnan(mean) else f'{mean:.3f}':>8}" for mean in means)
        change = ""
        if role != "rows" and len(rates) > 1:
            change = "   " + interval(*paired(rates[0].values[role][name], rates[-1].values[role][name]))
        lines.append(f"{label:<42}{cells}{change}")
    for role, name, label in WHOLE:
        lines.append(f"{label:<42}" + "".join(f"{r.whole[role][name]:>8.3f}" for r in rates))
    counts = [str(len(r.values["rows"]["well_posed"])) if "rows" in r.values else "-" for r in rates]
    lines.append(f"{'Rows the Solver was trained on':<42}" + "".join(f"{count:>8}" for count in counts))
    return "\n".join(lines)


def interval(mean: float, low: float, high: float) -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]" if not math.isnan(low) else f"{mean:+.3f} [one seed]"
