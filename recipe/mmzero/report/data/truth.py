"""Where truth is known (the tiny world): rates of every checkpoint of a run, and what is true of the rows between them.

    points = truth(run_dir, Skips())      # [] where nothing was measured
    print(rates_table(points, END))

`run/lab/measure.py` measures; the loop keeps the values in RUN_DIR/held_out.json. Two kinds of differences. *Paired*:
two checkpoints were asked the same items. *Unpaired*: rows of two iterations are different rows. The intervals are over
items or rows and say nothing about another seed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from recipe.mmzero.report.data.read import Skips, finite, read_mapping
from recipe.mmzero.report.data.stats import Number, Z
from recipe.mmzero.settings.folder import RunFolder

Line = tuple[str, str, str]
Values = Sequence[float | None]

# (role, name, label), in the order of the tables; what each is: tiny/rates.py, of rows: run/lab/rows.py
LINES: tuple[Line, ...] = (
    ("solver", "hard_right", "Solver: hard questions right"),
    ("solver", "easy_right", "Solver: easy questions right"),
    ("solver", "hard_answered", "Solver: hard questions answered"),
    ("solver", "text_hard_right", "Solver: hard, from the caption"),
    ("solver", "text_easy_right", "Solver: easy, from the caption"),
    ("solver", "text_hard_abstains", "Solver: calls a hard question unknown, from the caption"),
    ("solver", "text_ill_posed_abstains", "Solver: calls one without an answer unknown, from the caption"),
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
WHOLE: tuple[Line, ...] = (
    ("proposer", "distinct_captions", "Proposer: distinct captions"),
    ("proposer", "type_entropy", "Proposer: entropy of types (nats)"),
)
_SHORT = {
    ("solver", "hard_right"),
    ("solver", "easy_right"),
    ("coder", "draws"),
    ("coder", "faithful"),
    *(("proposer", name) for name in ("valid", "well_posed", "easy_true", "hard_true")),
    *(("rows", name) for name in ("well_posed", "faithful", "label_true")),
}
END: tuple[Line, ...] = tuple(line for line in LINES if line[:2] in _SHORT)
"""What the end of a run, its page and its card show."""
COLUMNS = 6
"""Checkpoints side by side; of more, the first two and the last ones."""


@dataclass
class Rates:
    """What was measured at one point of a run. iteration 0 is the base.

    values: per role, and `rows` for what the Solver was trained on: name -> one value an item (None: not applicable).
    whole: per role, numbers of the whole set of items.
    """

    iteration: int
    values: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    whole: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return "base" if self.iteration == 0 else f"it {self.iteration}"

    def of(self, role: str, name: str) -> list[float | None]:
        return self.values.get(role, {}).get(name, [])

    def mean(self, role: str, name: str) -> float:
        """Mean over the items that have a value; NaN if none has."""
        found = number(self.of(role, name))
        return math.nan if found is None else found.value


def number(values: Values) -> Number | None:
    """Mean over the items that have a value, with its 95% interval over items; None of nothing."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    mean = fmean(known)
    half = Z * stdev(known) / math.sqrt(len(known)) if len(known) > 1 else None
    return Number(mean, None if half is None else mean - half, None if half is None else mean + half, len(known))


def paired(before: Values, after: Values, z: float = Z) -> tuple[float, float, float]:
    """Mean difference over the items that both have, and its 95% interval over items (normal approximation)."""
    differences = [b - a for a, b in zip(before, after, strict=True) if a is not None and b is not None]
    if len(differences) < 2:
        return (fmean(differences) if differences else math.nan, math.nan, math.nan)
    mean, half = fmean(differences), z * stdev(differences) / math.sqrt(len(differences))
    return mean, mean - half, mean + half


def unpaired(before: Values, after: Values, z: float = Z) -> tuple[float, float, float]:
    """Difference of the shares of two sets of rows (values 0 or 1), and its 95% interval.

    The interval of Agresti and Caffo (2000): each side gets one row that is right and one that is wrong, so that it
    holds for few rows and for shares near 0 and 1.
    """
    sides = [[value for value in values if value is not None] for values in (before, after)]
    if not all(sides):
        return math.nan, math.nan, math.nan
    first, last = ((sum(values) + 1) / (len(values) + 2) for values in sides)
    half = z * math.sqrt(sum(p * (1 - p) / (len(side) + 2) for p, side in zip((first, last), sides, strict=True)))
    return fmean(sides[1]) - fmean(sides[0]), last - first - half, last - first + half


def interval(mean: float, low: float, high: float) -> str:
    """`+0.123 [+0.010, +0.236]`"""
    if math.isnan(mean):
        return "-"
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]" if not math.isnan(low) else f"{mean:+.3f} [no interval]"


def cells(points: Sequence[Rates], lines: Sequence[Line] = END) -> list[tuple[str, list[str], str]]:
    """(label, mean at each point, last - first) of the lines that have a value anywhere, as text.

    The change of checkpoints is paired and to the base, that of rows unpaired and to the first ones.
    """
    found = []
    for role, name, label in lines:
        means = [point.mean(role, name) for point in points]
        if all(math.isnan(mean) for mean in means):
            continue
        change = ""
        measured = [point.of(role, name) for point in points if point.of(role, name)]
        if len(measured) > 1:
            change = interval(*(unpaired if role == "rows" else paired)(measured[0], measured[-1]))
        found.append((label, ["-" if math.isnan(mean) else f"{mean:.3f}" for mean in means], change))
    return found


def row_counts(points: Sequence[Rates]) -> list[str]:
    """How many rows the Solver of each point was trained on, as text."""
    return [str(len(point.of("rows", "well_posed"))) if "rows" in point.values else "-" for point in points]


def shown(points: Sequence[Rates]) -> list[Rates]:
    """At most `COLUMNS` points: of more, the first two and the last ones."""
    return list(points) if len(points) <= COLUMNS else [*points[:2], *points[2 - COLUMNS :]]


def rates_table(
    points: Sequence[Rates],
    lines: Sequence[Line] = LINES,
    whole: Sequence[Line] = WHOLE,
    heads: Sequence[str] = (),
) -> str:
    """One run as text: a line per rate, a column per point, and the change to the first one. heads: other names."""
    points = shown(points)
    titles = "".join(f"{title:>8}" for title in heads or [point.title for point in points])
    text = [f"{'':<42}{titles}   last - first [95%]"]
    text += [
        f"{label:<42}{''.join(f'{mean:>8}' for mean in means)}{change and '   ' + change}"
        for label, means, change in cells(points, lines)
    ]
    for role, name, label in whole:
        numbers = [point.whole.get(role, {}).get(name, math.nan) for point in points]
        text.append(f"{label:<42}" + "".join(f"{'-' if math.isnan(n) else f'{n:.3f}':>8}" for n in numbers))
    if any("rows" in point.values for point in points):
        text.append(f"{'Rows the Solver was trained on':<42}" + "".join(f"{n:>8}" for n in row_counts(points)))
    return "\n".join(text)


def truth(run_dir: Path, skips: Skips) -> list[Rates]:
    """The points of RUN_DIR/held_out.json; [] where it is missing, damaged or of an earlier version."""
    path = RunFolder(run_dir).held_out
    found = read_mapping(path, skips).get("points")
    read = [_point(entry) for entry in found] if isinstance(found, list) else []
    points = sorted((p for p in read if p is not None and p.values), key=lambda point: point.iteration)
    sizes = {(role, name): len(points[0].of(role, name)) for role, name, _ in LINES if role != "rows" and points}
    if any(len(point.of(*line)) != size for point in points for line, size in sizes.items()):
        skips.add("checkpoints were not asked the same items", path.name)
        return []
    return points


def asked(points: Sequence[Rates]) -> str:
    """`held-out items: Solver 240, Coder 240, Proposer 960; 95% intervals over items`"""
    counts = {role: max(len(point.of(role, name)) for point in points) for role, name, _ in END if role != "rows"}
    said = ", ".join(f"{role.title()} {counts[role]}" for role in ("solver", "coder", "proposer"))
    return f"held-out items: {said}; 95% intervals over items"


def _point(entry: Any) -> Rates | None:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("iteration"), int):
        return None
    whole = {
        str(role): {str(name): n for name, raw in _mapping(names).items() if (n := finite(raw)) is not None}
        for role, names in _mapping(entry.get("whole")).items()
    }
    values = {str(role): values_in(names) for role, names in _mapping(entry.get("values")).items()}
    return Rates(entry["iteration"], values, whole)


def values_in(found: Any) -> dict[str, list[float | None]]:
    """Name -> one value an item, of what a JSON file holds; what is neither is left out."""
    return {str(name): [finite(v) for v in items] for name, items in _mapping(found).items() if isinstance(items, list)}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
