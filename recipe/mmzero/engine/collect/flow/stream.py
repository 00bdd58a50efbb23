"""Run one coroutine per row, many at once, and hand the results over in row order.

This is the whole scheduler of the pipeline. Each row walks through its stages by itself (propose, code, draw, answer),
so a stage never waits for another stage to finish all rows. Two bounds keep memory flat: rows in work (`in_flight`) and
rows started but not handed over (`ahead`, so that one slow row does not let an unbounded tail pile up behind it). The
stages themselves are bounded by the clients: requests per peer (PeerClient) and children (RenderEnv).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

Result = TypeVar("Result")


async def in_order(
    indices: Iterable[int], work: Callable[[int], Awaitable[Result]], in_flight: int, ahead: Callable[[], int]
) -> AsyncIterator[tuple[int, Result]]:
    """Yield `(index, await work(index))` in the order of `indices`; close the iterator to cancel what runs.

    Args:
        indices: read lazily, so it may be endless.
        in_flight: most coroutines at one time.
        ahead: most rows between the oldest not yet yielded and the newest started; asked before each start.
    Raises:
        Whatever `work` raises, at the position of its row.
    """
    source = iter(indices)
    started: deque[tuple[int, asyncio.Task]] = deque()
    running, exhausted = 0, False
    wake = asyncio.Event()

    def finished(_: asyncio.Task) -> None:
        nonlocal running
        running -= 1
        wake.set()

    try:
        while True:
            while not exhausted and running < in_flight and len(started) < max(1, ahead()):
                index = next(source, None)
                if index is None:
                    exhausted = True
                    break
                task = asyncio.ensure_future(work(index))
                task.add_done_callback(finished)
                started.append((index, task))
                running += 1
            if started and started[0][1].done():
                index, task = started.popleft()
                yield index, task.result()
            elif not started:
                return
            else:
                wake.clear()
                await wake.wait()
    finally:
        for _, task in started:
            task.cancel()
        await asyncio.gather(*[task for _, task in started], return_exceptions=True)
