"""The requests of one GRPO step or one collection, and how they run through the servers of a stage.

As it is today: a roll-out is rewarded as soon as it is written; its codes are asked for in one call, drawn when that
call returns, and each picture's two questions are asked at once; peers never change. Two variants say what other
schedules would give (docs/gpu.md): all GPUs for each kind of request in turn, and one step of overlap.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from recipe.mmzero.machine.forecast.lengths import Lengths
from recipe.mmzero.machine.forecast.roofline import Speed
from recipe.mmzero.machine.forecast.servers import Clock, Renderer, Request, Server, freest


@dataclass(frozen=True)
class Ask:
    """One kind of request. For every result of the kind before it: `calls` calls of `samples` samples each.

    `group`: the server group that answers. `each`: every sample is a request of its own, whose prompt is computed once
    by every server that gets one (roll-outs of one prompt). `drawn`: a sample is drawn before the next kind is asked
    about it. `reach`: share of the samples that the next kind is asked about (the others end there, after their
    drawing). `beside`: asked about every sample as soon as it is written, and nothing is asked about its answers; the
    item waits for them. Lengths in tokens.
    """

    kind: str
    group: str
    calls: int
    samples: int
    prompt: int
    response: float
    longest: int
    pictures: int = 0
    each: bool = False
    drawn: bool = False
    reach: float = 1.0
    beside: "Ask | None" = None


@dataclass(frozen=True)
class Work:
    """`items` prompts or rows that go through `asks`, at most `in_flight` at once (None: all). `spread`: Lengths."""

    items: int
    asks: tuple[Ask, ...]
    spread: float
    in_flight: int | None = None

    def samples(self, level: int) -> int:
        """Samples of one item at a level."""
        count = 1
        for ask in self.asks[: level + 1]:
            count *= ask.calls * ask.samples
        return count

    def asked(self) -> list[tuple[Ask, float]]:
        """Every kind of request with its samples of one item on average, those that are not reached left out."""
        found, count = [], 1.0
        for ask in self.asks:
            count *= ask.calls * ask.samples
            found.append((ask, count))
            if ask.beside is not None:
                found.append((ask.beside, count * ask.beside.calls * ask.beside.samples))
            count *= ask.reach
        return found


@dataclass(frozen=True)
class Group:
    """`replicas` servers of one checkpoint on `gpus` GPUs."""

    speed: Speed
    replicas: int
    gpus: int


@dataclass(frozen=True)
class Outcome:
    """Seconds of a pipeline; `busy`: group -> mean seconds in which one of its servers had a request, and `render`;
    `ready`: when each item was finished."""

    seconds: float
    busy: Mapping[str, float]
    ready: tuple[float, ...] = ()


class _Run:
    """One pass of a workload through servers; `on_written` after the last response of its first kind of request,
    `on_judged` after the last item."""

    def __init__(
        self,
        work: Work,
        servers: Mapping[str, Sequence[Server]],
        renderer: Renderer,
        clock: Clock,
        on_written: Callable[[], None] | None = None,
        on_judged: Callable[[], None] | None = None,
    ):
        self.work, self.clock, self.servers, self.renderer = work, clock, servers, renderer
        self.on_written, self.on_judged = on_written, on_judged
        self.writing = work.items * work.samples(0)
        self.passed = [0] * len(work.asks)
        self.lengths = {ask: Lengths(ask.response, ask.longest, work.spread) for ask, _ in work.asked()}
        self.leaves = [1]  # ends below one sample of each level, the answers beside it left out
        for ask in reversed(work.asks):
            self.leaves.insert(0, ask.calls * ask.samples * (self.leaves[0] + (ask.beside is not None)))
        self.started, self.ready = 0, []
        for _ in range(min(work.items, work.in_flight or work.items)):
            self._start()

    def _start(self) -> None:
        self.started += 1
        left = [self.leaves[0]]

        def leaf() -> None:
            left[0] -= 1
            if not left[0]:
                self.ready.append(self.clock.now)
                if self.started < self.work.items:
                    self._start()
                elif self.on_judged is not None and len(self.ready) == self.work.items:
                    self.on_judged()

        self._ask(0, leaf)

    def _ask(self, level: int, leaf: Callable[[], None]) -> None:
        if level == len(self.work.asks):
            leaf()
            return
        ask = self.work.asks[level]
        for _ in range(ask.calls):
            self._call(ask, lambda samples: self._after(level, samples, leaf))

    def _call(self, ask: Ask, then: Callable[[int], Callable[[], None]]) -> None:
        """One call; `then(samples)` makes what follows on so many of its samples."""
        servers, lengths = self.servers[ask.group], self.lengths[ask].draw(ask.samples)
        if not ask.each:
            freest(servers).submit(Request(ask.prompt, lengths, then(ask.samples), ask.pictures))
            return
        computed = set()
        for length in lengths:
            server = freest(servers)
            server.submit(Request(ask.prompt, [length], then(1), ask.pictures, prefill=id(server) not in computed))
            computed.add(id(server))

    def _beside(self, ask: Ask, leaf: Callable[[], None]) -> None:
        """All calls of a kind about which nothing is asked, then one end."""
        left = [ask.calls * ask.samples]

        def ended(samples: int) -> None:
            left[0] -= samples
            if not left[0]:
                leaf()

        for _ in range(ask.calls):
            self._call(ask, lambda samples: lambda: ended(samples))

    def _after(self, level: int, samples: int, leaf: Callable[[], None]) -> Callable[[], None]:
        def then() -> None:
            if level == 0 and self.on_written is not None:
                self.writing -= samples
                if not self.writing:
                    self.on_written()
            for _ in range(samples):
                if self.work.asks[level].beside is not None:
                    self._beside(self.work.asks[level].beside, leaf)
                if self.work.asks[level].drawn:
                    self.renderer.draw(lambda: self._on(level, leaf))
                else:
                    self._on(level, leaf)

        return then

    def _on(self, level: int, leaf: Callable[[], None]) -> None:
        """Ask the next kind about a sample, or end it here."""
        count, reach = self.passed[level], self.work.asks[level].reach
        self.passed[level] += 1
        if int((count + 1) * reach) > int(count * reach):
            self._ask(level + 1, leaf)
        else:
            for _ in range(self.leaves[level + 1]):
                leaf()


def simulate(work: Work, groups: Mapping[str, Group], renderers: int, picture_s: float) -> Outcome:
    """Run a workload; rewards stream while roll-outs are written."""
    clock = Clock()
    servers = {name: [Server(clock, group.speed) for _ in range(group.replicas)] for name, group in groups.items()}
    renderer = Renderer(clock, renderers, picture_s)
    run = _Run(work, servers, renderer, clock)
    seconds = clock.run()
    busy = {name: sum(server.busy_s for server in some) / len(some) for name, some in servers.items()}
    return Outcome(seconds, busy | {"render": renderer.busy_s / max(1, renderers)}, tuple(run.ready))


def in_turn(
    work: Work, all_gpus: Mapping[str, Group], wake_s: float, renderers: int, picture_s: float
) -> Sequence[float]:
    """Seconds of each kind of request when it has all GPUs and waits for the kind before it, wake-up included.

    Args:
        all_gpus: the servers of each group if they had all GPUs of the stage.
    """
    seconds = []
    for level, ask in enumerate(work.asks):
        one = replace(ask, calls=work.samples(level) // ask.samples, drawn=False)
        group = all_gpus[ask.group]
        took = simulate(replace(work, asks=(one,), in_flight=None), {ask.group: group}, 1, 0.0).seconds
        drawn = work.items * work.samples(level) * picture_s / max(1, renderers) if ask.drawn else 0.0
        seconds.append(took + (wake_s if level else 0.0) + drawn)
    return seconds


def overlapped(
    work: Work, groups: Mapping[str, Group], renderers: int, picture_s: float, training_s: float, steps: int = 12
) -> float:
    """Seconds per step when step k + 1's roll-outs are written while step k's are judged: mean of the later half.

    Roll-outs and update of the trained role share GPUs and take turns: P1 P2 T1 P3 T2 ...; T(k) waits for the last
    reward of step k, P(k + 2) for T(k), so roll-outs are one version stale. Peers work through, on both steps at once.
    """
    clock, ended = Clock(), []
    servers = {name: [Server(clock, group.speed) for _ in range(group.replicas)] for name, group in groups.items()}
    renderer = Renderer(clock, renderers, picture_s)
    state = {"judged": 0, "trained": 0, "written": 0, "free": True}

    def turn() -> None:
        """Give the training GPUs their next turn."""
        if not state["free"]:
            return
        if state["written"] < min(steps, state["trained"] + 2):
            state["free"] = False
            _Run(work, servers, renderer, clock, on_written=written, on_judged=judged)
        elif state["judged"] > state["trained"]:
            state["free"] = False
            clock.at(clock.now + training_s, trained)

    def written() -> None:
        state["written"] += 1
        state["free"] = True
        turn()

    def judged() -> None:
        state["judged"] += 1
        turn()

    def trained() -> None:
        state["trained"] += 1
        state["free"] = True
        ended.append(clock.now)
        turn()

    turn()
    clock.run()
    first, last = steps // 2, steps - 2  # after the start, and before there is nothing left to write
    return (ended[last - 1] - ended[first - 1]) / (last - first)
