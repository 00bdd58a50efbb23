"""One call to a peer: attempts, retries and second askings until one answers or time is up.

Part of client.py, which has the contract. At most two attempts of a call run at once: when a third begins, the oldest
one is given up.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmzero_rewards.peers.address import Address, Fault, PeerError

if TYPE_CHECKING:
    from mmzero_rewards.peers.client import PeerClient

LOOK_AGAIN_S = 1.0  # the usual latency changes while a call waits, so the plan is looked at this often


@dataclass
class _Attempt:
    task: asyncio.Task
    address: Address
    started: float


class PeerCall:
    """State of one call; `run` once."""

    def __init__(self, client: "PeerClient", payload: bytes, n: int):
        self.client, self.payload, self.n = client, payload, n
        self.started = client.clock()
        self.deadline = self.started + client.timeout_s
        self.running: list[_Attempt] = []
        self.asked: list[Address] = []
        self.faults: list[Fault] = []
        self.hedges = 0
        self.retry_at: float | None = None

    @property
    def final(self) -> bool:
        """Did a server say that asking again cannot help?"""
        return bool(self.faults) and self.faults[-1].final

    async def run(self) -> list[str]:
        """The texts of the first attempt that answers.

        Raises:
            PeerError: a final fault, too many faults, or the deadline.
        """
        try:
            self._launch()
            while True:
                await self._wait()
                for attempt in [a for a in self.running if a.task.done()]:
                    self.running.remove(attempt)
                    outcome = attempt.task.result()
                    if not isinstance(outcome, Fault):
                        self._blame_slower_than(attempt)
                        return outcome
                    self._failed(outcome)
                self._next_move()
        finally:
            for attempt in self.running:
                attempt.task.cancel()

    def _launch(self) -> None:
        if len(self.running) == 2:
            self._give_up(self.running.pop(0))
        address = self.client.pick(self.asked)
        task = asyncio.create_task(self.client.attempt(address, self.payload, self.n))
        address.in_flight += 1  # here and not in the task: the next choice may come before the task begins
        task.add_done_callback(lambda _: address.left())
        self.running.append(_Attempt(task, address, self.client.clock()))
        self.asked.append(address)

    async def _wait(self) -> None:
        """Until an attempt ends, a retry or a second asking is due, or it is time to look again."""
        now = self.client.clock()
        due = [self.deadline, now + LOOK_AGAIN_S]
        if self.retry_at is not None:
            due.append(self.retry_at)
        elif self.running:
            due.append(self._again_at())
        pause = max(0.0, min(due) - now)
        if self.running:
            await asyncio.wait([a.task for a in self.running], timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(pause)

    def _again_at(self) -> float:
        """When the newest attempt is late enough to ask a second time beside it."""
        started = self.running[-1].started
        return started + self.client.second_asking_after_s(started, self.hedges)

    def _failed(self, fault: Fault) -> None:
        self.faults.append(fault)
        if fault.final:
            raise self._error(fault, "the server refuses this request, so it was not repeated")
        if len(self.faults) <= self.client.retries_for(self.started):
            pause = max(fault.after_s, self.client.pace.retry_delay_s(len(self.faults)))
            self.retry_at = self.client.clock() + pause
        elif not self.running:
            raise self._error(fault, f"is the server running? see its log; addresses: {self.client.address_list()}")

    def _next_move(self) -> None:
        now = self.client.clock()
        if now >= self.deadline:
            for attempt in self.running:
                attempt.address.failed(now)
            fault = self.faults[-1] if self.faults else None
            if self.running:
                last = self.running[-1].address
                fault = Fault("timeout", f"no answer within {self.client.timeout_s:g} s", last)
                self.client.stats.faults["timeout"] += 1
            raise self._error(fault, "is the server overloaded or stuck? see its log, or raise failures.timeout_s")
        if self.retry_at is not None and now >= self.retry_at:
            self.retry_at = None
            self.client.stats.retries += 1
            self._launch()
        elif self.retry_at is None and self.running and now >= self._again_at():
            self.hedges += 1
            self.client.stats.hedges += 1
            self._launch()

    def _blame_slower_than(self, winner: _Attempt) -> None:
        """An attempt that was asked earlier and lost was stuck, as far as its address is concerned."""
        for attempt in self.running:
            if attempt.started < winner.started:
                self._give_up(attempt)

    def _give_up(self, attempt: _Attempt) -> None:
        attempt.task.cancel()
        attempt.address.failed(self.client.clock())
        self.client.stats.faults["slow"] += 1

    def _error(self, fault: Fault, remedy: str) -> PeerError:
        took = self.client.clock() - self.started
        tries = f"{len(self.asked)} attempt{'s' * (len(self.asked) > 1)} in {took:.1f} s"
        return PeerError(
            f"peer {self.client.name} at {fault.address.url}: {fault.detail} ({tries}); {remedy}",
            fault.address.url,
            refused=fault.refused,
        )
