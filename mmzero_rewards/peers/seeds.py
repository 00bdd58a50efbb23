"""Seeds made of what is asked: never of time, process or order, so a repeated request asks for the same sample.

Two forms share one hash: a request to a peer is named by its texts (`request_seed`), a position in a run by its
coordinates (recipe/mmzero/settings/seeds.py).
"""

import hashlib
from typing import Any


def seed_of(name: str) -> int:
    """A seed in [0, 2**31) for a name: every sampler takes it, also as a signed 32-bit number."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:4], "big") & 0x7FFFFFFF


def request_seed(seed: int, *parts: Any) -> int:
    """Seed of one request, from the run's seed and what is asked (docs/method.md §4 `Determinism`).

    >>> request_seed(0, "judge", "how many?")
    900972930
    """
    return seed_of("\x1f".join([str(int(seed)), *map(str, parts)]))
