"""Intervals, paired differences and power of benchmark results. Pure functions on arrays; nothing is read or written.

An item's value is the mean of its samples in [0, 1], so several samples of an item never count as several items. Items
that share a picture form a cluster, and the bootstrap draws clusters: two questions about one picture are not two
independent observations.

Sources: bootstrap percentile interval, Efron and Tibshirani 1993, ch. 13; the cluster bootstrap, Davison and Hinkley
1997, ch. 3.8; the cluster-robust standard error of a mean, Liang and Zeger 1986; McNemar 1947 in its exact form; the
detectable difference, (z_0.975 + z_0.8) * standard error, is the usual normal approximation (Cohen 1988, ch. 2).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

DRAWS = 4000
FEWEST_CLUSTERS = 6
"""With fewer, even clusters that all agree are no evidence at the 5% level (sign test: 2 / 2**5 = 0.06)."""
LEVEL, POWER = 0.95, 0.8
CHUNK_VALUES = 4_000_000
"""Random numbers drawn at once (32 MB an array): bounds the memory of a bootstrap, whatever the number of items."""


@dataclass(frozen=True)
class Sample:
    """Items with their values. value: (items,) floats. cluster: (items,) equal for items that depend on each other.
    benchmark: (items,) equal for items of one benchmark, or None for one benchmark."""

    value: np.ndarray
    cluster: np.ndarray
    benchmark: np.ndarray | None = None

    def __post_init__(self):
        shapes = {
            self.value.shape,
            self.cluster.shape,
            self.value.shape if self.benchmark is None else self.benchmark.shape,
        }
        if len(shapes) > 1 or not len(self.value):
            raise ValueError(f"values, clusters and benchmarks of shapes {shapes}: need equally many, at least one")

    def codes(self) -> tuple[np.ndarray, np.ndarray]:
        """(items,) numbers of the cluster and of the benchmark, from 0."""
        clusters = np.unique(self.cluster, return_inverse=True)[1]
        if self.benchmark is None:
            return clusters, np.zeros(len(clusters), int)
        return clusters, np.unique(self.benchmark, return_inverse=True)[1]


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95% interval. error: its standard error. clusters: independent observations behind it."""

    value: float
    low: float
    high: float
    error: float
    items: int
    clusters: int

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def item_means(values: np.ndarray) -> np.ndarray:
    """(items, samples) -> (items,): samples of an item are averaged first."""
    return np.asarray(values, float).mean(axis=1)


def estimate(sample: Sample, seed: int = 0, draws: int = DRAWS, equal_weights: bool = False) -> Estimate:
    """Mean of the values with its bootstrap interval; with fewer than FEWEST_CLUSTERS clusters that is the whole range
    of such values, [0, 1] or [-1, 1].

    Clusters are drawn over all benchmarks at once, since two benchmarks may share pictures; the benchmarks' means in a
    draw are then combined with fixed weights, so that the mix of benchmarks does not vary.

    Args:
        equal_weights: False: every item weighs the same. True: every benchmark does (the average that papers print).
    """
    clusters, benchmarks = sample.codes()
    sizes = np.bincount(benchmarks).astype(float)
    weights = np.full(len(sizes), 1 / len(sizes)) if equal_weights else sizes / sizes.sum()
    means = np.bincount(benchmarks, weights=sample.value) / sizes
    value = float(weights @ means)
    sums, counts = (_table(clusters, benchmarks, part) for part in (sample.value, np.ones(len(sample.value))))
    drawn = _bootstrap(sums, counts, draws, np.random.default_rng(seed)) @ weights
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if len(sums) < FEWEST_CLUSTERS:
        low, high = (0.0 if sample.value.min() >= 0 else -1.0), (1.0 if sample.value.max() > 0 else 0.0)
    influence = weights[benchmarks] / sizes[benchmarks] * (sample.value - means[benchmarks])
    # Rounding must not move the mean itself out of its interval.
    return Estimate(
        value, min(value, float(low)), max(value, float(high)), _error(influence, clusters), len(clusters), len(sums)
    )


def _table(clusters: np.ndarray, benchmarks: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(clusters, benchmarks) sums of the values."""
    width = benchmarks.max() + 1
    flat = np.bincount(clusters * width + benchmarks, weights=values, minlength=(clusters.max() + 1) * width)
    return flat.reshape(-1, width)


def _bootstrap(sums: np.ndarray, counts: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws, benchmarks) means over clusters drawn with replacement; NaN where a draw has no item of a benchmark."""
    size, width = sums.shape
    found = np.empty((draws, width))
    step = max(1, CHUNK_VALUES // size)
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        drawn = rng.integers(size, size=(rows, size))
        times = np.bincount((drawn + np.arange(rows)[:, None] * size).ravel(), minlength=rows * size)
        times = times.reshape(rows, size).astype(float)
        with np.errstate(invalid="ignore"):
            found[start : start + rows] = (times @ sums) / (times @ counts)
    return found


def _error(influence: np.ndarray, clusters: np.ndarray) -> float:
    """Cluster-robust standard error from the items' parts in the mean; 0 for one cluster: nothing is known then."""
    parts = np.bincount(clusters, weights=influence)
    size = len(parts)
    return float(np.sqrt(size / (size - 1) * (parts**2).sum())) if size > 1 else 0.0


def differences(before: Sample, after: Sample) -> Sample:
    """after - before, item by item.

    Raises:
        ValueError: they are not the same items.
    """
    if not np.array_equal(before.cluster, after.cluster):
        raise ValueError("paired samples hold different items")
    return Sample(after.value - before.value, before.cluster, before.benchmark)


@dataclass(frozen=True)
class McNemar:
    """gained, lost: items with a larger, smaller value than before; p: two-sided exact p-value."""

    gained: int
    lost: int
    p: float


def mcnemar(difference: Sample) -> McNemar:
    """Exact McNemar test on pairs that differ; with several samples an item, the sign test of the items' averages.

    It takes items as independent: where they share pictures, trust the clustered interval.

    >>> mcnemar(Sample(np.array([1, 1, 1, 1, 1, -1, 0, 0.]), np.arange(8)))
    McNemar(gained=5, lost=1, p=0.21875)
    """
    gained, lost = int((difference.value > 1e-9).sum()), int((difference.value < -1e-9).sum())
    p = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    return McNemar(gained, lost, float(p))


def detectable(error: float, power: float = POWER, level: float = LEVEL) -> float:
    """The smallest true difference that a comparison with this standard error finds with probability `power`.

    >>> round(detectable(0.5 / 900 ** 0.5), 4)  # 900 items whose differences have standard deviation 0.5
    0.0467
    """
    return float((stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(power)) * error)


def planned_error(items: int, deviation: float = 0.5, correlation: float = 0.5) -> float:
    """Standard error of a paired difference before anything was asked.

    Args:
        deviation: of one model's values over items: 0.5 is a share of one half, the largest of right and wrong.
        correlation: of the two models' values of an item.
    """
    return float(deviation * np.sqrt(2 * (1 - correlation) / items))


def agreement(pairs: Sequence[tuple[bool, bool]]) -> dict[str, int]:
    """How often rules (first) and judge (second) said the same of one answer."""
    return {
        "both_right": sum(a and b for a, b in pairs),
        "both_wrong": sum(not a and not b for a, b in pairs),
        "only_rules": sum(a and not b for a, b in pairs),
        "only_judge": sum(b and not a for a, b in pairs),
    }
