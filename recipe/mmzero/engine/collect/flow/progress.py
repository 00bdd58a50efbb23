"""Progress of a collection: a line on the console every few seconds, a line in progress.jsonl a little more often.

The watchdog of the loop reads the growth of progress.jsonl as a sign of life, so a line is written only when some
request was finished since the last one. Times are seconds; rates are rows per minute of this attempt.
"""

import json
import time
from collections import Counter
from pathlib import Path

from mmzero_env.process.replace import append
from recipe.mmzero.settings.text import clock


class Progress:
    """Counts requests by kind and rows by outcome.

    Args:
        path: progress.jsonl of the step.
        phase: name of the step, such as "collect_coder".
        console_s, file_s: shortest time between two lines; 0 writes every change.
    """

    def __init__(self, path: Path, phase: str, console_s: float = 5.0, file_s: float = 2.0):
        self.path, self.phase = path, phase
        self.console_s, self.file_s = console_s, file_s
        self.requests: Counter[str] = Counter()
        self.done = self.accepted = self.resumed = self.dropped = 0
        self.total, self.target = 0, None
        self._started = self._last_console = self._last_file = time.monotonic()
        self._seen = 0

    def count(self, kind: str, number: int = 1) -> None:
        """A peer or the renderer finished something."""
        self.requests[kind] += number
        self._tick()

    def row(self, done: int, accepted: int, dropped: int) -> None:
        """Rows decided so far, in row order."""
        self.done, self.accepted, self.dropped = done, accepted, dropped
        self._tick()

    def start(self, phase: str, total: int, target: int | None, resumed: int) -> None:
        self.phase, self.total, self.target, self.resumed = phase, total, target, resumed
        self.done = self.accepted = self.dropped = 0
        self._started = time.monotonic()
        note = f", {resumed} from shards" if resumed else ""
        wanted = f" until {target} are accepted" if target else ""
        print(f"{phase}: up to {total} rows{wanted}{note}", flush=True)
        self._write()

    def finish(self, text: str) -> None:
        self._write()
        print(f"{self.phase}: {text}", flush=True)

    def rate(self) -> float:
        """Rows per second of this attempt; rows read from shards don't count."""
        return max(0, self.done - self.resumed) / max(1e-9, time.monotonic() - self._started)

    def eta_s(self) -> float | None:
        """Seconds to the target at this acceptance rate, or to the end of the budget, whichever comes first."""
        rate = self.rate()
        if rate <= 0:
            return None
        rows = self.total - self.done
        if self.target and self.accepted:
            rows = min(rows, (self.target - self.accepted) * self.done / self.accepted)
        return max(0.0, rows / rate)

    def _tick(self) -> None:
        now = time.monotonic()
        if now - self._last_file >= self.file_s:
            self._write()
        if now - self._last_console >= self.console_s:
            self._last_console = now
            eta = self.eta_s()
            requests = " ".join(f"{kind} {number}" for kind, number in self.requests.items())
            dropped = f", {self.dropped} dropped" if self.dropped else ""
            goal = f"/{self.target}" if self.target else ""
            print(
                f"{self.phase}: {self.done}/{self.total} rows, {self.accepted}{goal} accepted{dropped}, "
                f"{60 * self.rate():.1f} rows/min, ETA {clock(eta)} | {requests}",
                flush=True,
            )

    def _write(self) -> None:
        seen = sum(self.requests.values()) + self.done
        if seen == self._seen and seen:
            return
        self._seen, self._last_file = seen, time.monotonic()
        eta = self.eta_s()
        line = {
            "time": time.time(),
            "phase": self.phase,
            "done": self.done,
            "total": self.total,
            "unit": "rows",
            "accepted": self.accepted,
            "target": self.target,
            "dropped": self.dropped,
            "rows_per_min": round(60 * self.rate(), 2),
            "eta_s": None if eta is None else round(eta, 1),
            "requests": dict(self.requests),
        }
        append(self.path, json.dumps(line))
