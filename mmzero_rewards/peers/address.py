"""One address of a peer and what is known about it; the names of what can go wrong when asking it.

Part of client.py, which has the contract. Not covered: name resolution, IPv6 literals without brackets.
"""

import re
from dataclasses import dataclass

QUARANTINE_GROWTH = 2.0
QUARANTINE_LIMIT = 30.0  # x the first length


REFUSALS = (400, 413, 422)
"""HTTP statuses by which a working server refuses what it was asked; 401, 403 and 404 mean a wrong key or model."""


class PeerError(RuntimeError):
    """A call got no answer. `address` is the server that failed last.

    `refused` False: infrastructure failed after all retries, which is never a score. `refused` True: the server works
    and refuses this very prompt (HTTP 400, 413, 422), usually because it is too long: the failure of whoever wrote it.
    """

    def __init__(self, message: str, address: str, refused: bool = False):
        super().__init__(message)
        self.address, self.refused = address, refused


@dataclass
class Address:
    """State of one server. Times are of the client's clock, seconds."""

    url: str
    quarantine_after: int = 5
    quarantine_s: float = 2.0
    in_flight: int = 0
    failures_in_row: int = 0
    quarantine_until: float = -float("inf")
    quarantines: int = 0
    unreachable: bool = False  # the last attempt could not even connect

    def quarantined(self, now: float) -> bool:
        return now < self.quarantine_until

    def left(self) -> None:
        """A request to this address ended, however it ended."""
        self.in_flight -= 1

    def failed(self, now: float, unreachable: bool = False) -> None:
        """Count a failure; enough of them in a row open a quarantine, longer each time."""
        self.unreachable = unreachable
        self.failures_in_row += 1
        if self.failures_in_row >= self.quarantine_after and not self.quarantined(now):
            growth = min(QUARANTINE_LIMIT, QUARANTINE_GROWTH**self.quarantines)
            self.quarantine_until = now + self.quarantine_s * growth
            self.quarantines += 1

    def succeeded(self) -> None:
        """An answer ends the quarantine and forgets earlier failures."""
        self.failures_in_row = self.quarantines = 0
        self.unreachable = False
        self.quarantine_until = -float("inf")


@dataclass(frozen=True)
class Fault:
    """Why one attempt failed: a short kind for counting, the detail for the message.

    `final`: asking again cannot help (4xx). `refused`: final, and because of the prompt. `after_s`: pause that the
    server asked for.
    """

    kind: str
    detail: str
    address: Address
    final: bool = False
    refused: bool = False
    after_s: float = 0.0


def base_url(text: str) -> str:
    """`host:port` or a URL, with or without `/v1/chat/completions` -> the URL that `/chat/completions` is appended to.

    Raises:
        ValueError: not an http(s) address.

    >>> base_url("127.0.0.1:8000"), base_url("http://judge:80/v1/")
    ('http://127.0.0.1:8000/v1', 'http://judge:80/v1')
    """
    url = str(text).strip().rstrip("/").removesuffix("/chat/completions")
    if "://" not in url:
        url = f"http://{url}"
    found = re.fullmatch(r"(https?://(?:\[[0-9A-Fa-f:.]+\]|[^\s/:@]+)(?::(\d{1,5}))?)(/\S*)?", url)
    if not found or not isinstance(text, str) or not 0 < int(found[2] or 80) < 2**16:
        raise ValueError(f"peer address {text!r} is not host:port or http(s)://host:port[/v1]")
    return found[1] + (found[3] or "/v1")


def no_address(text: str) -> str | None:
    """What keeps a text from being an address that `base_url` takes; None if it is one."""
    try:
        base_url(text)
    except ValueError as error:
        return str(error)
    return None
