"""Results of `mmzero eval` by iteration: results.json of an evaluation folder as rows of texts.

The numbers are computed where the answers are (run/evaluate/results.py); here they are only read.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe.mmzero.report.data.read import ReportError

HEADS = ("checkpoint", "benchmark", "items", "accuracy", "difference to the base", "gained : lost", "can see")
MEANING = (
    "Accuracy and difference in percent with 95% bootstrap intervals over items, clustered where they share pictures; "
    "gained : lost: items better and worse than the base; can see: the smallest true difference that a comparison of "
    "this size finds four times in five."
)


@dataclass(frozen=True)
class EvaluatedRow:
    """One benchmark of one checkpoint. iteration: None for one that is not of a run. cells: texts in order of HEADS."""

    iteration: int | None
    label: str
    cells: tuple[str, ...]


def evaluated(folder: Path | None) -> list[EvaluatedRow]:
    """Rows in the order of the iterations, the base and others before them; [] without a folder.

    Raises:
        ReportError: the folder holds no results that can be read; one line.
    """
    if folder is None:
        return []
    path = Path(folder) / "results.json"
    try:
        found = json.loads(path.read_text("utf-8"))
        rows = [
            EvaluatedRow(found["iterations"].get(label), label, _cells(found, label, name, row))
            for label, benchmarks in found["checkpoints"].items()
            for name, row in benchmarks.items()
        ]
        return sorted(rows, key=lambda row: -1 if row.iteration is None else row.iteration)
    except OSError as error:
        raise ReportError(
            f"{path} cannot be read ({error.strerror}); --evaluation is the --out of mmzero eval"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReportError(f"{path} is damaged ({type(error).__name__}: {error}); run mmzero eval again") from None


def _cells(found: dict[str, Any], label: str, name: str, row: dict[str, Any]) -> tuple[str, ...]:
    iteration = found["iterations"].get(label)
    who = label if iteration is None else f"{label} (iteration {iteration})"
    accuracy = row["accuracy"]
    cells = (who, name, f"{accuracy['items']:,}", _interval(accuracy))
    if "difference" not in row:
        return (*cells, "-", "-", "-")
    test = row["mcnemar"]
    return (
        *cells,
        _interval(row["difference"], "+"),
        f"{test['gained']} : {test['lost']} (p {test['p']:.2g})",
        "-" if row["detectable"] is None else f"{100 * row['detectable']:.1f}",
    )


def _interval(one: dict[str, float], sign: str = "") -> str:
    return f"{100 * one['value']:{sign}.1f} [{100 * one['low']:{sign}.1f}, {100 * one['high']:{sign}.1f}]"
