"""A control, not a method: true labels, which only the tiny world knows (recipe/mmzero/tiny).

`solver.label_mode: truth` gives every row the answer that its question has in the scene which the picture shows. Rows
whose picture shows no scene, or whose question has no answer there, are left out. What a Solver gains from the others
is what these pictures and questions could teach; the distance to silver labels is the labels' fault.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from recipe.mmzero.tiny.questions import answer
from recipe.mmzero.tiny.reading import load, shown_scene
from recipe.mmzero.tiny.world import parse_caption


def true_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of a collection for the Solver with true `reward_model.ground_truth`, without those that have none.

    Raises:
        OSError: a picture cannot be read.
    """
    truths = [true_answer(info, images[0]) for info, images in zip(rows["extra_info"], rows["images"], strict=True)]
    known = rows[[truth is not None for truth in truths]].reset_index(drop=True)
    known["reward_model"] = [
        dict(model) | {"ground_truth": truth}
        for model, truth in zip(known["reward_model"], filter(None, truths), strict=True)
    ]
    return known


def true_answer(info: Mapping[str, Any], picture: str) -> str | None:
    """The answer of the row's hard question in the scene that the picture shows, None if it has none."""
    shown = shown_scene(load(picture), parse_caption(info["caption"]), info["content_type"])
    return answer(shown, info["hard_question"]) if shown else None
