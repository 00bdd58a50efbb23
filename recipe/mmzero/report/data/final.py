"""The final table of a run: one line per stage, and where truth is known the rates of the three roles.

`terminal_table(run_dir)` prints it in plain text, the report and the run card show the same `StageRow`s. Works while a
run is going on (a number that is not there yet is a dash). Training rates are means over the stage's steps; those of a
collection are over all its proposals, before the filter.

Not covered: intervals and the iteration table (overview.py), the figures.
"""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from recipe.mmzero.report.data.read import COLLECTING, TITLES, Run, Step, finite, read_run
from recipe.mmzero.report.data.truth import END, asked, rates_table, truth

HEADS = ("it", "stage", "steps", "reward", "format ok", "draws", "solvable", "difficulty", "accuracy", "rows", "time")
MEANING = (
    "reward: first -> last training step.  format ok, draws, solvable, accuracy (answers equal to the label): shares.  "
    "difficulty: min(c, 1 - c) of the hard question, c: the share of answers that agree, with each other or, verified, "
    "with the Proposer's.  In training, solvable and difficulty count 0 where nothing was drawn.  "
    "rows: accepted / proposals."
)
WIDTH = 120


@dataclass(frozen=True)
class StageRow:
    """Numbers of one stage; None where it has none (yet). `rejected`: reason -> rows, most frequent first."""

    iteration: int
    name: str
    steps: int | None = None
    reward_first: float | None = None
    reward_last: float | None = None
    format_valid: float | None = None
    render_rate: float | None = None
    solvability: float | None = None
    difficulty: float | None = None
    accuracy: float | None = None
    accepted: int | None = None
    attempts: int | None = None
    dropped: int = 0
    wall_s: float | None = None
    rejected: dict[str, int] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return TITLES.get(self.name, self.name)


def stage_rows(run: Run) -> list[StageRow]:
    """One row per step folder that has numbers, in the order of the run."""
    rows = [_collection(step) if step.name in COLLECTING else _training(step) for step in run.steps]
    return [row for row in rows if row.steps is not None or row.attempts is not None]


def terminal_table(run_dir: Path | str) -> str:
    """The final table as plain text, at most 120 columns wide.

    Raises:
        ReportError: `run_dir` is not a run folder.
    """
    run = read_run(run_dir)
    rows = stage_rows(run)
    if not rows:
        return "no finished step yet"
    lines = aligned([HEADS, *(cells(row) for row in rows)])
    shown = [lines[0], "-" * max(map(len, lines))]
    before = rows[0].iteration
    for row, line in zip(rows, lines[1:], strict=True):
        if row.iteration != before:
            shown.append("")
        before = row.iteration
        shown.append(line)
        if row.rejected:
            shown += _wrapped("rejected: " + reasons(row), "      ")
    shown += ["", *_wrapped(MEANING, "")]
    if points := truth(run.folder, run.skips):
        shown += ["", f"Truth, {asked(points)}", *rates_table(points, END, ()).splitlines()]
    if run.skips.counts:
        shown += ["", *(line for text in run.skips.lines() for line in _wrapped(f"left out: {text}", ""))]
    return "\n".join(shown)


def cells(row: StageRow) -> tuple[str, ...]:
    """The texts of one row, in the order of HEADS."""
    reward = "-" if row.reward_first is None else f"{row.reward_first:z.3f} -> {row.reward_last:z.3f}"
    counts = "-" if row.attempts is None else f"{row.accepted:,} / {row.attempts:,}"
    return (
        str(row.iteration),
        row.title,
        "-" if row.steps is None else str(row.steps),
        reward,
        *("-" if v is None else f"{100 * v:.1f}%" for v in (row.format_valid, row.render_rate, row.solvability)),
        "-" if row.difficulty is None else f"{row.difficulty:.3f}",
        "-" if row.accuracy is None else f"{100 * row.accuracy:.1f}%",
        counts,
        "-" if row.wall_s is None else f"{row.wall_s / 60:.1f} min",
    )


def reasons(row: StageRow) -> str:
    """`too easy 300, easy accuracy 180, lost to failures 2`"""
    named = [f"{name.replace('_', ' ')} {count:,}" for name, count in row.rejected.items()]
    return ", ".join(named + ([f"lost to failures {row.dropped:,}"] if row.dropped else []))


def aligned(rows: Sequence[Sequence[str]], left: Iterable[int] = (0, 1)) -> list[str]:
    """Columns two spaces apart, numbers to the right; `left`: the columns of words."""
    words = set(left)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i in words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  " * bool(indent))


def _training(step: Step) -> StageRow:
    own = f"mmzero/{step.name}/"
    rewards = step.series.get(f"{own}reward/mean") or step.series.get("critic/score/mean") or []
    count = len({number for values in step.series.values() for number, _ in values})
    return StageRow(
        step.iteration,
        step.name,
        steps=count or None,
        reward_first=rewards[0][1] if rewards else None,
        reward_last=rewards[-1][1] if rewards else None,
        wall_s=step.wall_s,
        **{
            name: step.mean(own + name)
            for name in ("format_valid", "render_rate", "solvability", "difficulty", "accuracy")
        },
    )


def _collection(step: Step) -> StageRow:
    attempts, accepted = step.number("attempts"), step.number("accepted")
    return StageRow(
        step.iteration,
        step.name,
        format_valid=step.number("format_valid"),
        render_rate=step.number("render_rate"),
        accepted=int(accepted or 0),
        attempts=None if attempts is None else int(attempts),
        dropped=int(step.number("dropped") or 0),
        wall_s=step.wall_s,
        rejected=rejected(step),
    )


def rejected(step: Step) -> dict[str, int]:
    """Reason -> rows of a collection, most frequent first; a damaged summary has none."""
    found = step.summary.get("rejected")
    if not isinstance(found, dict):
        return {}
    counts = {str(name)[:80]: int(n) for name, raw in found.items() if (n := finite(raw)) and n > 0}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
