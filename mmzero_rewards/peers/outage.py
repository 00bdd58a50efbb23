"""Is the whole peer gone? What a failed call proves, and what calls do meanwhile.

One call that fails proves little: its prompt may be what the server stumbles over, and healthy answers take longer than
an error. So the peer counts as down only when

* no address can be connected to, or
* calls with different contents failed, and nothing has succeeded for longer than a healthy answer takes.

While it is down, the calls that were waiting then fail at once. Of later ones, one tries while the others wait for how
it ends: they go on if it is answered, and fail with it if it fails. A prompt that the server refuses says nothing about
the server, so it changes nothing here.

Part of client.py, which has the contract.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence

from mmzero_rewards.peers.address import Address, PeerError


class Outage:
    """The state of one peer.

    Args:
        addresses: its servers.
        clock: seconds.
        patience_s: how long silence may last before failures of different calls mean an outage, seconds.
    """

    def __init__(self, addresses: Sequence[Address], clock: Callable[[], float], patience_s: Callable[[], float]):
        self._addresses, self._clock, self._patience_s = addresses, clock, patience_s
        self._failed: dict[Hashable, float] = {}  # calls that failed since the last success -> when each began
        self._error: PeerError | None = None
        self._since = -float("inf")
        self._probe: asyncio.Event | None = None
        self.last_success = -float("inf")

    @property
    def down(self) -> bool:
        return self._error is not None

    async def admit(self, arrived: float) -> bool:
        """Let a call through when asking makes sense.

        Args:
            arrived: when the call came in, before it waited for its turn.
        Returns:
            Whether it is the one that tries; its caller then calls `tried` when it has ended, however it ended.
        Raises:
            PeerError: the peer has been down since after the call arrived.
        """
        while self._error is not None:
            if arrived <= self._since:
                raise PeerError(
                    f"{self._error}; the peer is down, so a call behind that one failed", self._error.address
                )
            if self._probe is None:
                self._probe = asyncio.Event()
                return True
            await self._probe.wait()
        return False

    def tried(self) -> None:
        """The call that tried has ended; those that wait look again."""
        self._probe, ended = None, self._probe
        ended.set()

    def succeeded(self) -> None:
        """An answer ends every doubt."""
        self.last_success = self._clock()
        self._failed.clear()
        self._error = None

    def failed(self, call: Hashable, began: float, error: PeerError) -> None:
        """Count a call that failed for another reason than its prompt.

        Args:
            call: what was asked; calls that ask the same are one proof.
            began: when it was first tried.
        """
        if self.last_success > began:
            return
        self._failed.setdefault(call, began)
        now = self._clock()
        silent_s = now - min(self._failed.values())
        if all(address.unreachable for address in self._addresses) or (
            len(self._failed) > 1 and silent_s > self._patience_s()
        ):
            self._error, self._since = error, now
