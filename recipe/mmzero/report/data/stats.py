"""Numbers with intervals: shares by Wilson, means by the normal approximation, seeds by Student's t.

All intervals are 95%. `Number(value, low, high, n)`: low and high are None where nothing is known about the spread.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mmzero_rewards.config import CONTENT_TYPES

Z = 1.959964
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""97.5% points of Student's t for 1 to 9 degrees of freedom."""


@dataclass(frozen=True)
class Number:
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


def wilson(hits: float, n: float) -> tuple[float, float]:
    """95% Wilson score interval of a share; `hits` may be fractional.

    >>> [round(x, 3) for x in wilson(0, 10)], [round(x, 3) for x in wilson(5, 10)]
    ([0.0, 0.278], [0.237, 0.763])
    """
    if n <= 0:
        return 0.0, 1.0
    p = min(1.0, max(0.0, hits / n))
    spread = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    centre, scale = p + Z * Z / (2 * n), 1 + Z * Z / n
    # Rounding must not move the share itself out of its interval.
    return max(0.0, min(p, (centre - spread) / scale)), min(1.0, max(p, (centre + spread) / scale))


def share(hits: float, n: float) -> Number | None:
    """A share with its interval; None of nothing."""
    return Number(hits / n, *wilson(hits, n), int(n)) if n > 0 else None


@dataclass
class Moments:
    """Count, sum and sum of squares of a stream of values."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        self.n += 1
        self.total += value
        self.squares += value * value

    def share(self) -> Number | None:
        """Mean of values in [0, 1] with the Wilson interval of n items (not votes: they are not independent)."""
        return share(self.total, self.n)

    def mean(self) -> Number | None:
        if not self.n:
            return None
        mean = self.total / self.n
        if self.n < 2:
            return Number(mean, n=self.n)
        variance = max(0.0, (self.squares - self.n * mean * mean) / (self.n - 1))
        half = Z * math.sqrt(variance / self.n)
        return Number(mean, mean - half, mean + half, self.n)


def over_seeds(values: Sequence[float], top: float | None = None) -> Number | None:
    """Mean over runs that differ in the seed only, with Student's interval; one run has none.

    `top`: the values lie in [0, top], so the interval is cut there.

    >>> number = over_seeds([0.1, 0.3], top=1.0); round(number.value, 2), number.low, number.high
    (0.2, 0.0, 1.0)
    """
    n = len(values)
    if not n:
        return None
    mean = sum(values) / n
    if n < 2:
        return Number(mean, n=n)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    half = (STUDENT[n - 2] if n - 2 < len(STUDENT) else Z) * spread / math.sqrt(n)
    low, high = mean - half, mean + half
    return Number(mean, low, high, n) if top is None else Number(mean, max(0.0, low), min(top, high), n)


def content_shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Share of every class of the fixed list; names outside the list count as `other`."""
    total = sum(counts.values())
    shares = dict.fromkeys(CONTENT_TYPES, 0.0)
    for name, count in counts.items():
        shares[name if name in shares else "other"] += count / total
    return shares


def content_entropy(counts: Mapping[str, int]) -> float | None:
    """Entropy over the fixed list of seven classes, 1.0 when all are equally frequent; None of nothing.

    >>> content_entropy({"map": 3}), round(content_entropy({"map": 1, "table": 1}), 3)
    (0.0, 0.356)
    """
    if not sum(counts.values()):
        return None
    shares = content_shares(counts).values()
    return abs(sum(s * math.log(s) for s in shares if s > 0)) / math.log(len(CONTENT_TYPES))


def median(values: Iterable[float]) -> float | None:
    ordered = sorted(values)
    if not ordered:
        return None
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def histogram(values: Mapping[float, int], edges: Sequence[float]) -> list[int]:
    """Counts per bin [edge, next edge), the last bin closed."""
    counts = [0] * (len(edges) - 1)
    for value, count in values.items():
        for k in range(len(counts)):
            if edges[k] - 1e-9 <= value < edges[k + 1] - 1e-9 or (k == len(counts) - 1 and value <= edges[-1] + 1e-9):
                counts[k] += count
                break
    return counts
