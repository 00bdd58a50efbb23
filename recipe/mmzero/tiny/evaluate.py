"""Rates of one checkpoint in all three roles on held-out scenes, which the method never sees: `mmzero tiny eval`."""

from statistics import fmean

from recipe.mmzero.tiny.rates import coder_rates, proposer_rates, solver_rates
from recipe.mmzero.tiny.sample import Sampler


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
