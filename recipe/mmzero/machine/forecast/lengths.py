"""Response lengths: log-normal and cut at the longest response allowed; their means, and a sequence of them.

`mean` and `spread` (standard deviation as a share of the mean; 0: all equal) are of the lengths before the cut at
`longest`.
"""

import math
from functools import cache
from statistics import NormalDist

GOLDEN = (math.sqrt(5) - 1) / 2


class Lengths:
    """Quantiles at evenly spread points: the same sequence for every layout."""

    def __init__(self, mean: float, longest: int, spread: float):
        variance = math.log(1 + spread**2)
        self._normal, self._width = NormalDist(), math.sqrt(variance)
        self._middle, self._longest, self._count = math.log(mean) - variance / 2, longest, 0

    def draw(self, count: int) -> list[int]:
        return [self._one() for _ in range(count)]

    def _one(self) -> int:
        self._count += 1
        share = (self._count * GOLDEN) % 1.0
        length = math.exp(self._middle + self._width * self._normal.inv_cdf(min(max(share, 1e-6), 1 - 1e-6)))
        return max(1, min(self._longest, round(length)))


@cache
def cut_mean(mean: float, longest: int, spread: float) -> float:
    """Mean length: E[min(X, L)] = m N(z - s) + L (1 - N(z)), z = (ln L - mu) / s, ln X normal with mu and s."""
    return _moment(1, mean, longest, spread)


@cache
def cut_square(mean: float, longest: int, spread: float) -> float:
    """Mean square of a length: E[min(X, L)^2] = m^2 (1 + spread^2) N(z - 2 s) + L^2 (1 - N(z))."""
    return _moment(2, mean, longest, spread)


def _moment(power: int, mean: float, longest: int, spread: float) -> float:
    if not spread:
        return min(mean, float(longest)) ** power
    variance, normal = math.log(1 + spread**2), NormalDist()
    width = math.sqrt(variance)
    edge = (math.log(longest / mean) + variance / 2) / width
    whole = mean**power * math.exp(power * (power - 1) / 2 * variance)  # E[X^p] of a log-normal with that mean
    return whole * normal.cdf(edge - power * width) + longest**power * (1 - normal.cdf(edge))


def longest_of(count: int, mean: float, longest: int, spread: float) -> float:
    """About the expected longest of `count` lengths: the log-normal's quantile at (n - 3/8) / (n + 1/4) (Blom 1958)."""
    if count == 1:
        return cut_mean(mean, longest, spread)
    variance = math.log(1 + spread**2)
    place = NormalDist().inv_cdf((count - 0.375) / (count + 0.25))
    return min(float(longest), mean * math.exp(place * math.sqrt(variance) - variance / 2))
