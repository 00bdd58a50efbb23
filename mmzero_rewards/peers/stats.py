"""What a client counts: how often it was asked, answered, failed, and what that took."""

from collections import Counter
from dataclasses import dataclass, field, fields

COUNTS = "peers/"
"""Prefix of these counters' names where they travel with rewards and where they are metrics."""


@dataclass
class PeerStats:
    """Counters of one client. `requests = answered + failed` once nothing is in flight; `joined` never got that far.

    requests: calls that were sent. answered, failed, refused: how they ended; `failed` includes `refused`.
    joined: calls answered from another one like them. attempts: HTTP requests. retries, hedges, resent: attempts beyond
    the first of a call: after a failure, beside one that is late, after a connection that the server had closed.
    faults: failed attempts by kind.
    """

    requests: int = 0
    answered: int = 0
    failed: int = 0
    refused: int = 0
    joined: int = 0
    attempts: int = 0
    retries: int = 0
    hedges: int = 0
    resent: int = 0
    faults: Counter = field(default_factory=Counter)

    def numbers(self) -> dict[str, int]:
        """Every counter by name; `faults` as their sum, so that the names are always the same."""
        counts = {item.name: getattr(self, item.name) for item in fields(self)}
        return counts | {"faults": self.faults.total()}
