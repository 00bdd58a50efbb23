"""How often evaluation's intervals cover, and whether the stated detectable difference is found: a simulation.

`python tests/bench/evaluate.py [--draws 2000] [--items 400]` draws paired data sets of answers to items that share
pictures, with a known difference, and prints: the share of 95% intervals that cover it (goal: 93 to 97%), pooled and as
the average of benchmarks, and the share of data sets in which the difference that `detectable` states is found (goal:
78 to 82%). Exit code 1 if a goal is missed. The seed is fixed, so the numbers repeat.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from recipe.mmzero.run.evaluate.statistics import (
    Estimate,
    Sample,
    detectable,
    differences,
    estimate,
    item_means,
)

COVERS, FINDS = (0.93, 0.97), (0.78, 0.82)
BOOTSTRAP = 1000
SAMPLES = 2


class World:
    """Items in clusters of one to three (questions about one picture), in two benchmarks of different difficulty.

    The chance of a right answer is the item's: a Beta variable of its picture, so items of a picture are alike. The
    second model has the same chance plus `difference`, both kept inside [0, 1] by the choice of the Beta's range.
    """

    def __init__(self, items: int, rng: np.random.Generator):
        self.rng, self.items = rng, items
        sizes = rng.integers(1, 4, size=items)
        self.cluster = np.repeat(np.arange(items), sizes)[:items]
        self.benchmark = (self.cluster % 3 == 0).astype(int)

    def draw(self, difference: float) -> tuple[Sample, Sample]:
        """Answers of two models; the expected difference is `difference` exactly."""
        picture = 0.1 + 0.6 * self.rng.beta(0.7, 0.7, size=self.cluster.max() + 1)
        chance = picture[self.cluster] + 0.1 * self.benchmark
        drawn = [
            (self.rng.random((self.items, SAMPLES)) < p[:, None]).astype(float) for p in (chance, chance + difference)
        ]
        return tuple(Sample(item_means(one), self.cluster, self.benchmark) for one in drawn)


def paired(world: World, difference: float, seed: int, equal: bool = False) -> Estimate:
    return estimate(differences(*world.draw(difference)), seed, BOOTSTRAP, equal)


def covering(world: World, difference: float, draws: int, equal: bool) -> float:
    found = [paired(world, difference, seed, equal) for seed in range(draws)]
    return float(np.mean([one.low <= difference <= one.high for one in found]))


def finding(world: World, difference: float, draws: int) -> float:
    return float(np.mean([paired(world, difference, seed).low > 0 for seed in range(draws)]))


def stated(world: World) -> float:
    """The detectable difference from the standard errors of data sets that differ by it (two rounds are enough)."""
    difference = 0.0
    for _ in range(2):
        errors = [paired(world, difference, seed).error for seed in range(100)]
        difference = detectable(float(np.mean(errors)))
    return difference


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--items", type=int, default=400)
    options = parser.parse_args()
    began = time.monotonic()
    world = World(options.items, np.random.default_rng(0))
    print(f"{options.items} items in {world.cluster.max() + 1} clusters, {SAMPLES} samples, {options.draws} data sets")
    good = True
    for name, equal in (("pooled", False), ("average of benchmarks", True)):
        share = covering(world, 0.05, options.draws, equal)
        good &= COVERS[0] <= share <= COVERS[1]
        print(f"95% interval of the difference, {name}: covers in {share:.1%} (goal 93% to 97%)")
    difference = stated(world)
    share = finding(world, difference, options.draws)
    good &= FINDS[0] <= share <= FINDS[1]
    print(f"detectable difference {100 * difference:.2f} points: found in {share:.1%} (goal 78% to 82%)")
    print(f"{'good' if good else 'a goal is missed'}; {time.monotonic() - began:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
