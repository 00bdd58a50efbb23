"""Where wrong labels come from: the labels of a collection for the Solver, kept or not, by how many answers give them.

A label counts if nothing but its difficulty decided about its row: the window of the Solver's agreement with itself, or
how many of its answers to the picture are the label. Rows that fail for other reasons are left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe.mmzero.run.lab.rows import table as read
from recipe.mmzero.run.lab.rows import truth
from recipe.mmzero.run.record.journal import JournalError
from recipe.mmzero.settings.folder import RunFolder, StepFolder, iteration_of, stage_of
from recipe.mmzero.tiny.reading import load

BY_DIFFICULTY = ("", "too_easy", "too_hard", "label_not_seen")  # reasons for a rejection; "": kept
BOUNDS = (0.0, 0.25, 0.5, 0.75, 0.99)  # of the share; above the last one it is all
NAMES = ("none", *(f"up to {bound:g}" for bound in BOUNDS[1:-1]), "more, not all", "all")
ROW = "{:<28}{:>8}{:>8}{:>22}{:>22}{:>24}"
_OF_PROPOSAL = ("caption", "content_type", "easy_question", "easy_answer", "hard_question", "reject_reason")
COLUMNS = {
    "labels": ["proposal_id", "code_id", "label", "label_share"],
    "proposals": ["proposal_id", *_OF_PROPOSAL],
    "drawings": ["code_id", "image"],
}
"""File of a collection -> what is read of it."""
HEAD = (
    "answers that are the label",
    "labels",
    "kept",
    "true of the caption",
    "true of the picture",
    "picture shows caption",
)


@dataclass(frozen=True)
class Label:
    """One label. `share`: of the answers to the picture. The rest as rows.py has it: 1 or 0; `of_picture` is None where
    the picture shows no scene."""

    share: float
    kept: bool
    of_caption: float
    of_picture: float | None
    faithful: float


def labels_of(step: StepFolder) -> list[Label]:
    """The labels of one finished collection.

    Raises:
        OSError: a file or a picture cannot be read.
    """
    made, proposals, drawings = (read(getattr(step, name), columns) for name, columns in COLUMNS.items())
    rows = made.merge(proposals, on="proposal_id").merge(drawings, on="code_id")
    rows = rows[rows["reject_reason"].isin(BY_DIFFICULTY) & rows["label"].map(bool)].to_dict("records")
    true = truth(rows, [load(step.path / row["image"]) for row in rows])
    columns = zip(true["label_true"], true["label_true_of_picture"], true["faithful"], strict=True)
    return [Label(row["label_share"], not row["reject_reason"], *own) for row, own in zip(rows, columns, strict=True)]


def by_share(labels: Iterable[Label]) -> list[tuple[str, list[Label]]]:
    """(name, labels) by the share of answers that are the label: 0, up to .25, ..., all."""
    groups: list[tuple[str, list[Label]]] = [(name, []) for name in NAMES]
    for label in labels:
        groups[sum(label.share > bound + 1e-9 for bound in BOUNDS)][1].append(label)
    return groups


def table(runs: Sequence[Path]) -> str:
    """By iteration, the labels of all runs together.

    Raises:
        OSError: a file or a picture cannot be read.
        JournalError: a file is damaged, or there are no labels; one line.
    """
    found: dict[int, list[Label]] = {}
    for run in runs:
        for step in RunFolder(run).steps():
            if stage_of(step.id) == "collect_solver" and step.rows.exists():
                found.setdefault(iteration_of(step.id), []).extend(labels_of(step))
    if not found:
        raise JournalError(f"no labels in {', '.join(map(str, runs))}: no collection for the Solver is finished there")
    lines = []
    for iteration in sorted(found):
        lines += [f"iteration {iteration}", ROW.format(*HEAD)]
        lines += [_line(name, own) for name, own in [*by_share(found[iteration]), ("together", found[iteration])]]
    return "\n".join(lines)


def _line(name: str, labels: Sequence[Label]) -> str:
    kept = sum(label.kept for label in labels)
    of_picture = [label.of_picture for label in labels if label.of_picture is not None]
    means = (_mean([label.of_caption for label in labels]), _mean(of_picture), _mean([x.faithful for x in labels]))
    return ROW.format(name, len(labels), kept, *means)


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.2f}" if values else "-"
