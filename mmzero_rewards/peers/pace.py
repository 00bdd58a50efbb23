"""How fast a peer usually answers, and what follows from it: when to ask again, how long to pause.

Part of client.py, which has the contract.
"""

import random
from collections import deque

HEDGE_FACTOR = 2.0  # asked again after this many times the usual (95th percentile) latency
HEDGE_FLOOR_S = 0.1
LOST_FACTOR = 20.0  # and lost rather than late after this many times the usual latency
PATIENCE_FACTOR = 2.0  # silence that long, in hedge delays, is no longer slowness
QUICK_FAULTS = 4  # failures in a row, over all calls, up to which no retry waits longer than a slow answer takes
MIN_LATENCIES = 16  # answers needed before "usual" means anything; until then a quarter of the time-out


class Pace:
    """Latencies and failures in a row of one peer. All times are seconds."""

    def __init__(self, timeout_s: float, backoff_base_s: float, backoff_cap_s: float, rng: random.Random):
        self._timeout_s, self._base_s, self._cap_s, self._rng = timeout_s, backoff_base_s, backoff_cap_s, rng
        self._latencies: deque[float] = deque(maxlen=256)
        self._faults_in_row = 0

    def answered(self, took_s: float) -> None:
        self._latencies.append(took_s)
        self._faults_in_row = 0

    def failed(self) -> None:
        self._faults_in_row += 1

    def hedge_delay_s(self) -> float:
        """How long a request may run before it is asked again elsewhere."""
        if len(self._latencies) < MIN_LATENCIES:
            return self._timeout_s / 4
        return min(self._timeout_s / 4, max(HEDGE_FLOOR_S, HEDGE_FACTOR * self._usual_s()))

    def lost_after_s(self) -> float:
        """How long a request may run before it is lost rather than late: a quarter to a half of the time-out."""
        return min(self._timeout_s / 2, max(self._timeout_s / 4, LOST_FACTOR * self._usual_s()))

    def _usual_s(self) -> float:
        """The 95th percentile of the last answers, 0 without any."""
        ordered = sorted(self._latencies)
        return ordered[int(0.95 * (len(ordered) - 1))] if ordered else 0.0

    def patience_s(self) -> float:
        """How long no answer at all may come before that is a sign of an outage."""
        return PATIENCE_FACTOR * self.hedge_delay_s()

    def retry_delay_s(self, retry: int) -> float:
        """Pause before retry number `retry` of a call: long ones are for outages, not for one unlucky call."""
        cap_s = self._cap_s
        if self._faults_in_row <= QUICK_FAULTS:
            cap_s = min(cap_s, max(self._base_s, self.hedge_delay_s()))
        return backoff_s(retry, self._base_s, cap_s, self._rng)


def backoff_s(retry: int, base_s: float, cap_s: float, rng: random.Random) -> float:
    """Pause before retry number `retry` (from 1): quick at first, then 4 x longer each, capped, half random."""
    full = min(cap_s, base_s * 4 ** (retry - 1))
    return full * (0.5 + 0.5 * rng.random())
