"""Rates of a checkpoint on held-out scenes with true labels: what the method never sees and a person wants to know.

Answers are compared as text (the world's answers are words and whole numbers), so no grader is involved. Intervals are
95% Wilson intervals over items; several samples of one item are averaged first.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import torch

from recipe.mmzero.tiny.rates import (
    SEED,
    answers_to_pictures,
    coder_rates,
    held_out_items,
    proposer_rates,
    solver_rates,
)
from recipe.mmzero.tiny.sample import Sampler


def evaluate_solver(sampler: Sampler, count: int = 200, samples: int = 4) -> dict[str, float]:
    """Accuracy of a Solver on held-out easy and hard questions: mean of `samples` at T=1, and their majority."""
    torch.manual_seed(SEED)
    result: dict[str, float] = {"items": count, "samples": samples}
    for name, hard in (("easy", False), ("hard", True)):
        items = held_out_items(count, hard)
        answers = answers_to_pictures(sampler, items, samples)
        truth = [right for _, _, right in items]
        result[f"{name}_accuracy"] = fmean(
            fmean(a == right for a in said) for said, right in zip(answers, truth, strict=True)
        )
        result[f"{name}_majority"] = fmean(_majority(said) == right for said, right in zip(answers, truth, strict=True))
        result[f"{name}_answered"] = fmean(fmean(a is not None for a in said) for said in answers)
    return result


def evaluate_roles(sampler: Sampler, count: int = 150) -> dict[str, float]:
    """Means of every rate of the three roles (rates.py), the Coder's for SVG and for Python."""
    measured: dict[str, dict] = {
        "proposer": proposer_rates(sampler, count)[0],
        "coder, svg": coder_rates(sampler, count),
        "coder, python": coder_rates(sampler, count, languages=("python",)),
        "solver": solver_rates(sampler, count),
    }
    means = {}
    for role, values in measured.items():
        for name, items in values.items():
            known = [value for value in items if value is not None]
            if known:
                means[f"{role}: {name}"] = fmean(known)
    return means


def _majority(answers: Sequence[str | None]) -> str | None:
    said = Counter(a for a in answers if a is not None).most_common()
    return min(said, key=lambda pair: (-pair[1], pair[0]))[0] if said else None


def compare(before: Path | str, after: Path | str, count: int = 200, samples: int = 4) -> dict[str, dict[str, float]]:
    """Solver accuracy of two checkpoints on the same held-out items."""
    return {
        name: evaluate_solver(Sampler(folder), count, samples)
        for name, folder in (("before", before), ("after", after))
    }
