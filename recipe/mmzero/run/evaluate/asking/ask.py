"""Ask a served checkpoint every item that has no stored answer yet.

Each request has a seed made of the suite's seed, the benchmark, the item's id and the sample: never of time, order or
checkpoint. So a repeated request asks for the same sample, and two checkpoints are compared under the same seeds.

An infrastructure failure is retried (peers/client.py), then the server is started again if it ended, then it is an
error; a request that the server refuses is an error at once. No item is ever left out: answers are complete or there is
no result.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from mmzero_rewards.peers import PeerClient, PeerError, Sampling
from mmzero_rewards.peers.seeds import request_seed
from mmzero_rewards.peers.wire import choices_of
from recipe.mmzero.run.evaluate.asking.prompt import messages, prompt_text
from recipe.mmzero.run.evaluate.asking.server import Server
from recipe.mmzero.run.evaluate.asking.store import Answer, AnswerStore
from recipe.mmzero.run.evaluate.data.items import Item
from recipe.mmzero.run.evaluate.data.pictures import PictureStore
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.evaluate.suite import Suite, solver_templates
from recipe.mmzero.settings.text import clock

RESTARTS = 2
"""How often a server that ended is started again for one checkpoint."""
ENDS_WITHIN_S = 15.0
"""How long after a failure a server may take to be gone; one that lives on does not answer for another reason."""
LINE_S = 5.0
READY_S = 60.0
"""How long the server of somebody else may take to name its model."""


@dataclass(frozen=True)
class Asking:
    """How to ask. timeout_s: of one request with all its retries."""

    in_flight: int = 32
    timeout_s: float = 1800.0
    max_retries: int = 3


def seed_for(suite: Suite, item: Item, sample: int) -> int:
    """Seed of one request."""
    return request_seed(suite.seed, "evaluate", item.benchmark, item.id, sample)


def served_model(address: str) -> str:
    """Name of the model that a server serves.

    Raises:
        EvaluationError: it does not say so in time.
    """

    async def ask() -> str:
        async with PeerClient([address], name="evaluated") as client:
            await client.ready(READY_S)
            return client.model

    try:
        return asyncio.run(ask())
    except PeerError as error:
        raise EvaluationError(str(error)) from None


def ask_all(
    suite: Suite,
    items: Sequence[Item],
    pictures: PictureStore | None,
    store: AnswerStore,
    server: Server | str,
    asking: Asking,
) -> None:
    """Fill `store` with `suite.samples` answers to every item.

    Args:
        pictures: None: without pictures (blind).
        server: a started server of ours, or an address.
    Raises:
        EvaluationError: the server is gone or refuses a request; stored answers stay.
    """
    for restart in range(RESTARTS + 1):
        address = server if isinstance(server, str) else server.address
        try:
            asyncio.run(_ask(suite, items, pictures, store, address, asking))
            return
        except PeerError as error:
            store.flush()
            if error.refused:
                raise EvaluationError(
                    f"{error}; lower max_tokens or pixels.max, or serve with a longer context"
                ) from None
            if isinstance(server, str) or restart == RESTARTS or not server.ended(ENDS_WITHIN_S):
                raise EvaluationError(f"{error}; {len(store.answers)} answers are stored: run again to go on") from None
            print(f"{server.label}: its server ended ({server.last_words()}); starting it again", flush=True)
            server.stop()
            server.start()
        except BaseException:
            store.flush()
            raise


async def _ask(
    suite: Suite, items: Sequence[Item], pictures: PictureStore | None, store: AnswerStore, address: str, asking: Asking
) -> None:
    total = len(items) * suite.samples
    progress = _Progress(len(store.answers), total)
    templates = solver_templates(suite)
    benchmarks = {one.name: one for one in suite.benchmarks}
    sampling = Sampling(suite.temperature, suite.top_p, suite.top_k, suite.max_tokens)
    client = PeerClient(
        [address],
        timeout_s=asking.timeout_s,
        max_retries=asking.max_retries,
        max_concurrency=asking.in_flight,
        name="evaluated",
        image={"min_pixels": suite.pixels.min, "max_pixels": suite.pixels.max},
        cache_size=0,
        read=choices_of,
    )

    async def one(place: int, sample: int) -> None:
        item = items[place]
        seed = seed_for(suite, item, sample)
        asked = messages(item, prompt_text(item, suite.prompt, templates, benchmarks[item.benchmark]), pictures)
        ((text, finish),) = await client.chat(asked, 1, sampling, seed)
        store.add(Answer(place, sample, seed, text, finish))
        progress.count()

    waiting: Iterator[tuple[int, int]] = (
        (place, sample)
        for place in range(len(items))
        for sample in range(suite.samples)
        if (place, sample) not in store.answers
    )
    async with client:
        running: set[asyncio.Task] = set()
        try:
            for place, sample in waiting:
                running.add(asyncio.create_task(one(place, sample)))
                if len(running) >= asking.in_flight:
                    running = await _some(running)
            while running:
                running = await _some(running)
        finally:
            for task in running:
                task.cancel()
                with suppress(asyncio.CancelledError, PeerError):
                    await task
    store.flush()
    progress.line()


async def _some(running: set[asyncio.Task]) -> set[asyncio.Task]:
    """Wait for one or more tasks; what failed raises; returns those that go on."""
    done, rest = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    failures = [task.exception() for task in done if task.exception() is not None]
    if failures:
        running.difference_update(done)
        raise failures[0]
    return rest


class _Progress:
    """A line every few seconds."""

    def __init__(self, done: int, total: int):
        self.done, self.total, self.first = done, total, done
        self._began = self._last = time.monotonic()

    def count(self) -> None:
        self.done += 1
        if time.monotonic() - self._last >= LINE_S:
            self.line()

    def line(self) -> None:
        self._last = time.monotonic()
        rate = (self.done - self.first) / max(1e-9, self._last - self._began)
        left = (self.total - self.done) / rate if rate else None
        print(f"  {self.done}/{self.total} answers, {60 * rate:.0f} a minute, ETA {clock(left)}", flush=True)
