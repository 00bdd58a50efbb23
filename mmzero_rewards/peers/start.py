"""Waiting for a peer to come up: poll `/v1/models` until it answers.

Part of client.py, which has the contract. Not covered: whether the listed model is the right one.
"""

import asyncio
from collections.abc import Callable, Sequence

import aiohttp

from mmzero_rewards.peers.address import Address, PeerError

ONE_TRY_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0


async def model_of(
    session: aiohttp.ClientSession, address: Address, deadline: float, clock: Callable[[], float]
) -> tuple[str, str]:
    """(name of the first served model, "") once the server answers, or ("", what was wrong) at the deadline."""
    problem, pause = "no answer", FIRST_PAUSE_S
    while (left := deadline - clock()) > 0:
        try:
            limit = aiohttp.ClientTimeout(total=min(left, ONE_TRY_S))
            async with session.get(f"{address.url}/models", timeout=limit) as response:
                if response.status == 200:
                    return str((await response.json())["data"][0]["id"]), ""
                problem = f"HTTP {response.status}"
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError, LookupError, TypeError) as error:
            problem = f"{type(error).__name__} {error}".strip()[:200]
        await asyncio.sleep(max(0.0, min(pause, deadline - clock())))
        pause = min(LONGEST_PAUSE_S, pause * 1.5)
    return "", problem


async def first_model(
    name: str,
    session: aiohttp.ClientSession,
    addresses: Sequence[Address],
    timeout_s: float,
    clock: Callable[[], float],
) -> str:
    """The model that the first server to answer serves.

    Raises:
        PeerError: none of them answers within `timeout_s`.
    """
    deadline = clock() + timeout_s
    waiting = [asyncio.create_task(model_of(session, one, deadline, clock)) for one in addresses]
    try:
        for answer in asyncio.as_completed(waiting):
            model, problem = await answer
            if model:
                return model
    finally:
        for task in waiting:
            task.cancel()
    raise PeerError(
        f"peer {name} at {', '.join(address.url for address in addresses)}: no server named its model within "
        f"{timeout_s:g} s ({problem}); is the server running? see its log",
        addresses[0].url,
    )
