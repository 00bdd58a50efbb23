"""Waiting for a peer to come up: poll `/v1/models` until it answers.

Part of peers.py, which has the contract. Not covered: whether the listed model is the right one.
"""

import asyncio
from collections.abc import Callable

import aiohttp

from mmzero_rewards.peers.address import Address

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
