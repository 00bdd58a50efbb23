"""The rows of a training stage in the order in which they are trained.

verl drops incomplete batches and, with fewer rows than a batch, trains on nothing at all. So the stage writes its rows
once per use: whole epochs, cut to steps x prompts_per_step. Resume is then exact (no epoch boundary inside), and a
small dataset repeats instead of shrinking the batch (method.md §6.1 `small_data`). The Coder's and the Solver's epochs
are shuffled, each with its own seed; the Proposer's rows are round-robin over the topics and stay so (§2.1).
"""

import random

import pandas as pd


def training_order(count: int, needed: int, seed: int | None) -> list[int]:
    """Indices of rows, epoch after epoch; `needed` of them.

    Args:
        seed: with the number of the epoch it decides that epoch's order; None: every epoch as the rows stand.
    Raises:
        ValueError: there are no rows.
    """
    if count < 1:
        raise ValueError("no training rows")
    order: list[int] = []
    epoch = 0
    while len(order) < needed:
        indices = list(range(count))
        if seed is not None:
            random.Random(f"{seed}:{epoch}").shuffle(indices)
        order += indices
        epoch += 1
    return order[:needed]


def training_rows(rows: pd.DataFrame, steps: int, prompts_per_step: int, seed: int | None) -> pd.DataFrame:
    """`steps * prompts_per_step` rows; `extra_info.index` becomes the position, which seeds each roll-out.

    Args:
        seed: as in `training_order`.
    """
    order = training_order(len(rows), steps * prompts_per_step, seed)
    chosen = rows.iloc[order].reset_index(drop=True)
    chosen["extra_info"] = [dict(info) | {"index": position} for position, info in enumerate(chosen["extra_info"])]
    return chosen
