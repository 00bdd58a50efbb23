"""Results that are kept so that identical code is rendered once, bounded by the memory they take."""

import sys
from collections import OrderedDict

from mmzero_env.results import RenderResult, RenderStatus

# Statuses that depend on the load of the machine are not kept.
NOT_KEPT = (RenderStatus.TIMEOUT, RenderStatus.MEMORY, RenderStatus.CRASH)
ENTRY_BYTES = 1000  # of a result besides its picture, message and texts


class Cache:
    """The latest results by key. Not thread-safe: its owner has a lock."""

    def __init__(self, limit_bytes: int):
        self.limit_bytes, self.bytes = limit_bytes, 0
        self._results: OrderedDict[bytes, RenderResult] = OrderedDict()

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: bytes) -> RenderResult | None:
        result = self._results.get(key)
        if result is not None:
            self._results.move_to_end(key)
        return result

    def keep(self, key: bytes, result: RenderResult) -> None:
        """Unless it is larger than everything together may be, or might end otherwise next time."""
        if result.status in NOT_KEPT or key in self._results or memory_bytes(result) > self.limit_bytes:
            return
        self._results[key] = result
        self.bytes += memory_bytes(result)
        while self.bytes > self.limit_bytes:
            self.bytes -= memory_bytes(self._results.popitem(last=False)[1])

    def clear(self) -> None:
        self._results.clear()
        self.bytes = 0


def memory_bytes(result: RenderResult) -> int:
    """What a result takes in memory: a short text takes fifty bytes and more."""
    texts = (result.text, *result.text, result.answers, *result.answers)
    return sum(map(sys.getsizeof, (result.png, result.message, result.note, *texts))) + ENTRY_BYTES
