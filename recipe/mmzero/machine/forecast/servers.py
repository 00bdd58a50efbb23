"""Discrete-event simulation of servers, renderers and the requests between them. Deterministic, no clock, no threads.

A server decodes all its sequences in lockstep: each gets one token per decoding step, and a step's seconds follow from
how many there are and how long their contexts are (roofline.Speed). Time jumps from event to event; in between a step
takes what it took at the first of the two (contexts grow by a few tokens then). A prompt's prefill holds the server's
decoding up for its length (chunks of it run between steps).
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from recipe.mmzero.machine.forecast.roofline import Speed


class Clock:
    """Simulated seconds and what happens when."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, when: float, then: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, then))

    def run(self) -> float:
        """Work off all events; returns the time of the last one."""
        while self._events:
            self.now, _, then = heapq.heappop(self._events)
            then()
        return self.now


@dataclass
class Request:
    """One call: `lengths` tokens of its samples; `then` is called when all of them are written."""

    prompt: int
    lengths: Sequence[int]
    then: Callable[[], None]
    pictures: int = 0
    prefill: bool = True
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = len(self.lengths)


class Server:
    """One server. `busy_s`: seconds with at least one request on it."""

    def __init__(self, clock: Clock, speed: Speed):
        self.clock, self.speed = clock, speed
        self.busy_s = self.tokens = 0.0
        self.load = 0  # sequences here, waiting ones too
        self._waiting: deque[tuple[int, Request]] = deque()
        self._active: list[tuple[float, int, Request, float]] = []  # by the token count at which a sequence ends
        self._token = 0.0  # tokens that a sequence would have which was here from the start
        self._context = 0.0  # sum over active sequences of prompt - token count at their start
        self._stall_s = 0.0
        self._changed = 0.0
        self._version = self._order = 0

    def submit(self, request: Request) -> None:
        self._advance()
        self.load += len(request.lengths)
        if request.prefill:
            self._stall_s += self.speed.prefill_s(request.prompt, request.pictures)
        for length in request.lengths:
            self._waiting.append((length, request))
        self._fill()
        self._schedule()

    def _advance(self) -> None:
        """Bring the token count to this moment."""
        elapsed, self._changed = self.clock.now - self._changed, self.clock.now
        if not self._active or elapsed <= 0:
            return
        self.busy_s += elapsed
        stalled = min(elapsed, self._stall_s)
        self._stall_s -= stalled
        done = (elapsed - stalled) / self._step_s()
        self._token += done
        self.tokens += done * len(self._active)

    def _step_s(self) -> float:
        count = len(self._active)
        return self.speed.step_s(count, self._token + self._context / count)

    def _fill(self) -> None:
        while self._waiting and len(self._active) < self.speed.slots:
            length, request = self._waiting.popleft()
            self._order += 1
            before = request.prompt - self._token
            heapq.heappush(self._active, (self._token + length, self._order, request, before))
            self._context += before

    def _schedule(self) -> None:
        self._version += 1
        if self._active:
            version, left = self._version, self._active[0][0] - self._token
            when = self.clock.now + self._stall_s + max(0.0, left) * self._step_s()
            self.clock.at(when, lambda: self._reached(version))

    def _reached(self, version: int) -> None:
        if version != self._version:
            return  # something changed since; a newer event stands for it
        self._advance()
        ended = []
        while self._active and self._active[0][0] <= self._token + 1e-6:
            _, _, request, before = heapq.heappop(self._active)
            self._context -= before
            self.load -= 1
            request.left -= 1
            ended.append(request)
        self._fill()
        self._schedule()
        for request in ended:
            if not request.left:
                request.left = -1  # several samples of one call may end together
                request.then()


class Renderer:
    """`slots` render children, one picture each at a time."""

    def __init__(self, clock: Clock, slots: int, picture_s: float):
        self.clock, self.picture_s = clock, picture_s
        self._free = [0.0] * max(1, slots)
        self.busy_s = 0.0

    def draw(self, then: Callable[[], None]) -> None:
        start = max(self.clock.now, heapq.heappop(self._free))
        end = start + self.picture_s
        self.busy_s += self.picture_s
        heapq.heappush(self._free, end)
        self.clock.at(end, then)


def freest(servers: Sequence[Server]) -> Server:
    """The server with the fewest sequences: verl's balancer, and that of our clients, send a request there."""
    return min(servers, key=lambda server: server.load)
