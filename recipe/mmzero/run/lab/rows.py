"""What is true of the rows that a Solver was trained on: silver labels against the caption and against the picture."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recipe.mmzero.run.record.journal import JournalError
from recipe.mmzero.settings.folder import StepFolder
from recipe.mmzero.settings.text import short
from recipe.mmzero.tiny.questions import answer
from recipe.mmzero.tiny.reading import load, shown_scene
from recipe.mmzero.tiny.world import Scene, parse_caption

Values = dict[str, list[float | None]]


def row_truth(step: StepFolder) -> Values:
    """Truth of the training rows that a collection for the Solver made, one value a row.

    * well_posed: the hard question has an answer in the scene of the caption
    * faithful: the picture shows the scene of the caption
    * label_true: the silver label is that answer (an ill-posed row's label is false)
    * label_true_of_picture: the label is the answer in the scene that the picture shows; None where it shows none
    * easy_true: the Proposer's easy answer is true of the caption

    Raises:
        OSError: a picture cannot be read.
        JournalError: the file cannot be read.
    """
    return _read(step.path, step.rows.stat().st_mtime_ns)


def table(path: Path, columns: list[str]) -> pd.DataFrame:
    """These columns of a parquet file.

    Raises:
        JournalError: the file is missing or damaged, or has other columns; one line.
    """
    try:
        return pd.read_parquet(path, columns=columns)
    except (OSError, ValueError) as error:
        reason = short(error, 200) if path.exists() else "it is missing"
        raise JournalError(f"{path} cannot be used ({reason}); restore it, or run its step again") from None


@cache
def _read(folder: Path, written_ns: int) -> Values:
    """Once for rows written at `written_ns`: a loop asks after every step, and a row takes 10 ms."""
    rows = table(StepFolder(folder).rows, ["extra_info"])["extra_info"]
    return truth(list(rows), [load(folder / row["image"]) for row in rows])


def truth(rows: Sequence[Mapping[str, Any]], pictures: Sequence[np.ndarray]) -> Values:
    """`row_truth` of rows in memory."""
    values: Values = {
        name: [] for name in ("well_posed", "faithful", "label_true", "label_true_of_picture", "easy_true")
    }
    for row, shown in zip(rows, pictures, strict=True):
        scene = parse_caption(row["caption"])
        drawn = shown_scene(shown, scene, row["content_type"])
        right = _answer(scene, row["hard_question"])
        values["well_posed"].append(float(right is not None))
        values["faithful"].append(float(scene is not None and drawn == scene))
        values["label_true"].append(float(right is not None and right == row["label"]))
        values["label_true_of_picture"].append(
            None if drawn is None else float(_answer(drawn, row["hard_question"]) == row["label"])
        )
        values["easy_true"].append(float(_answer(scene, row["easy_question"]) == row["easy_answer"]))
    return values


def _answer(scene: Scene | None, question: str) -> str | None:
    return answer(scene, question) if scene is not None else None
