"""The rows of a training stage in the order in which they are trained.

verl drops incomplete batches and, with fewer rows than a batch, trains on nothing at all. So the stage writes its rows
once per use: whole epochs, cut to steps x prompts_per_step. Resume is then exact (no epoch boundary inside), and a
small dataset repeats instead of shrinking the batch (method.md §6.1 `small_data`). The Coder's and the Solver's epochs
are shuffled, each with its own seed; the Proposer's rows are round-robin over the topics and stay so (§2.1).
"""

import random
from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import pandas as pd

from mmzero_rewards.config import RewardConfig
from mmzero_rewards.scoring.verified import lead

ANSWERS_OF = {"vote": "hard_votes", "caption": "text_votes", "program": "program_answers"}  # by the label's source


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


def weighted_order(weights: Sequence[float], needed: int, seed: int) -> list[int]:
    """Indices of rows, each as often as its weight says, up to one time more or less; in pseudo-random order.

    Raises:
        ValueError: no weight is above 0.

    >>> sorted(weighted_order([0.0, 0.25, 0.75], 4, 0))
    [1, 2, 2, 2]
    """
    bounds = list(accumulate(weights))
    if not bounds or bounds[-1] <= 0:
        raise ValueError("no training row has a weight above 0")
    rng = random.Random(f"{seed}:weighted")
    start = rng.random()
    order = [bisect(bounds, (k + start) / needed * bounds[-1]) for k in range(needed)]
    rng.shuffle(order)
    return order


def row_weights(rows: pd.DataFrame, sampling: str, rewards: RewardConfig) -> list[float] | None:
    """How often each row is used, relative to the others (docs/method.md §10); None: equally often.

    Args:
        sampling: `solver.row_sampling`. variance: p(1-p), p = share of the answers to the picture that are the label.
            margin: the lead of the label over the next answer, as a share of all that was asked for it.
        rewards: how answers are grouped.
    """
    infos = list(rows["extra_info"])
    if sampling == "variance":
        return [float(info["label_share"]) * (1.0 - float(info["label_share"])) for info in infos]
    return [_margin(info, rewards) for info in infos] if sampling == "margin" else None


def _margin(info: Mapping[str, Any], rewards: RewardConfig) -> float:
    return lead(list(info[ANSWERS_OF[info["label_source"]]]), info["label"], rewards)


def with_replay(
    now: pd.DataFrame,
    earlier: pd.DataFrame,
    share: float,
    needed: int,
    seed: int,
    weights: Sequence[float] | None = None,
) -> pd.DataFrame:
    """`needed` rows, the share `share` of them from earlier iterations, at pseudo-random places among the others.

    Args:
        now: rows in the order in which they would be trained without replay, `needed` of them; they keep it.
        earlier: any number of rows; without any that may be used, nothing is replayed.
        weights: how often each earlier row is used, relative to the others (`row_weights`); None: equally often.
    """
    usable = len(earlier) and (weights is None or any(weights))
    count = round(share * needed) if usable else 0
    if not count:
        return numbered(now)
    replayed = earlier.iloc[_order(len(earlier), count, seed, weights)]
    mixed = pd.concat([now.iloc[: needed - count], replayed], ignore_index=True)
    places = set(random.Random(f"{seed}:replay").sample(range(needed), count))
    new, old = iter(range(needed - count)), iter(range(needed - count, needed))
    return numbered(mixed.iloc[[next(old if place in places else new) for place in range(needed)]])


def training_rows(
    rows: pd.DataFrame, steps: int, prompts_per_step: int, seed: int | None, weights: Sequence[float] | None = None
) -> pd.DataFrame:
    """`steps * prompts_per_step` rows; `extra_info.index` becomes the position, which seeds each roll-out.

    Args:
        seed: as in `training_order`.
        weights: how often each row is used, relative to the others; None: equally often.
    """
    return numbered(rows.iloc[_order(len(rows), steps * prompts_per_step, seed, weights)])


def _order(count: int, needed: int, seed: int | None, weights: Sequence[float] | None) -> list[int]:
    """Whole epochs, or by weight; arguments and errors of the two."""
    return training_order(count, needed, seed) if weights is None else weighted_order(weights, needed, seed or 0)


def numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose `extra_info.index` is their position."""
    chosen = rows.reset_index(drop=True)
    chosen["extra_info"] = [dict(info) | {"index": position} for position, info in enumerate(chosen["extra_info"])]
    return chosen
