"""The same code draws the same picture: what would be seeded by the kernel is seeded by a count instead.

Covered: `random`, `random.seed()`, `random.Random()`, NumPy's global generator, `numpy.random.default_rng()` and every
other generator of NumPy without a seed (each call gets a seed of its own). The order of sets and dicts is fixed by the
template's PYTHONHASHSEED. Not covered, so a picture that shows them differs from run to run: clocks (`datetime.now()`,
`time.time()`), `os.urandom`, `secrets`, `uuid4`, `id()`.
"""

import itertools
import random
from typing import Any

import numpy as np
from numpy.random import bit_generator  # here, in the template: NumPy loads it when it is first asked for

SEED = 0


def fix() -> None:
    """For the life of this process."""
    random.seed(SEED)
    np.random.seed(SEED)
    count = itertools.count(SEED)
    # What NumPy asks for where no seed is given.
    bit_generator.randbits = lambda bits: next(count)

    class Random(random.Random):
        """Without a seed: the next number of the count."""

        def seed(self, a: Any = None, version: int = 2) -> None:
            super().seed(next(count) if a is None else a, version)

    of_module = random.seed

    def seed(a: Any = None, version: int = 2) -> None:
        of_module(next(count) if a is None else a, version)

    random.Random, random.seed = Random, seed
