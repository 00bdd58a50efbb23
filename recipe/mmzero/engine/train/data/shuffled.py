"""A control, not a method: silver labels dealt out anew, so that nothing about a picture can be learned from them.

`solver.label_mode: shuffled` permutes the labels among rows whose labels are of the same kind (numbers, yes or no,
other words). Every row keeps its picture and question, and the label looks like an answer. What a Solver gains from
such rows it gains from format and from which answers are common.
"""

import random
from collections import defaultdict

import pandas as pd

from mmzero_rewards import canonical


def kind_of(label: str) -> str:
    """
    >>> [kind_of(text) for text in ("12", "Yes", "red")]
    ['number', 'yes or no', 'word']
    """
    text = canonical(label)
    if text in ("yes", "no"):
        return "yes or no"
    return "number" if any(character.isdigit() for character in text) else "word"


def shuffled_labels(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Rows with `reward_model.ground_truth` permuted within each kind; the rest is untouched."""
    groups: dict[str, list[int]] = defaultdict(list)
    labels = [model["ground_truth"] for model in rows["reward_model"]]
    for position, label in enumerate(labels):
        groups[kind_of(label)].append(position)
    dealt = list(labels)
    for kind, positions in sorted(groups.items()):
        values = [labels[position] for position in positions]
        random.Random(f"{seed}:{kind}").shuffle(values)
        for position, value in zip(positions, values, strict=True):
            dealt[position] = value
    changed = rows.copy()
    changed["reward_model"] = [
        dict(model) | {"ground_truth": label} for model, label in zip(rows["reward_model"], dealt, strict=True)
    ]
    return changed
