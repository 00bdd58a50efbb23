"""Frozen peers over HTTP: an async client of OpenAI-compatible servers (`vllm serve`, verl's replicas, any other).

One client per role. It spreads requests over the role's addresses (fewest in flight first), keeps connections open,
bounds concurrency, and ends every call in one of two ways: the texts, or `PeerError`.

* A refused connection, a 5xx, a 429 or an answer that is not one is retried elsewhere, with backoff and jitter,
  `max_retries` times, and as often again while other calls succeed (then it is bad luck, not an outage, and pauses
  stay short). A connection that a server closes under us is resent once at no charge (stale keep-alive).
* With several addresses, a request that takes much longer than its siblings (2 x their 95th percentile) is asked again
  at another one while the first keeps running, and the first answer wins. So a hang costs a few usual latencies, not
  the time-out. A single server would only get slower by that: there a request is asked again once, and only when it is
  lost (20 x the 95th percentile, a quarter to a half of `timeout_s`) while the server answers others.
* An address that fails `quarantine_after` times in a row is asked last until its quarantine ends.
* `timeout_s` bounds a whole call with all its retries. When the peer as a whole is gone (outage.py says what proves
  that), the calls queued then fail at once, so that a stage whose servers are gone ends within the configured time.
* A 4xx is final: it is not repeated, and no other call suffers for it. `PeerError.refused` says that the prompt was the
  reason.
* Identical seeded requests are asked once: joined while in flight, then answered from a bounded cache.

Not covered: streaming, tool calls, starting or ending servers.
"""

import asyncio
import hashlib
import json
import math
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp

from mmzero_rewards.peers.address import Address, Fault, PeerError, base_url
from mmzero_rewards.peers.call import PeerCall
from mmzero_rewards.peers.outage import Outage
from mmzero_rewards.peers.pace import Pace
from mmzero_rewards.peers.start import first_model, model_of
from mmzero_rewards.peers.stats import PeerStats
from mmzero_rewards.peers.wire import Sampling, fault_of, has_picture, texts_of

__all__ = ["PeerClient", "PeerError", "PeerStats", "Sampling"]

NO_CONNECTION = "refused"  # the fault of an address that cannot be connected to
HEDGE_SHARE = 0.25  # at most this share of requests is asked again while still running


class PeerClient:
    """Client of the servers of one role; an async context manager.

    Args:
        addresses: `host:port` or `http(s)://host:port[/v1]`, at least one; all serve the same model.
        model: served model name; None asks the first server that answers.
        timeout_s: limit of one `chat` call, retries included, seconds.
        max_retries: failed attempts that are repeated per call; twice as many while other calls succeed.
        max_concurrency: calls in progress; each has at most two requests in flight.
        name: role name for messages ("solver").
        api_key: sent as a bearer token if given.
        image: {"min_pixels", "max_pixels"}: size policy, sent along with pictures (vLLM's `mm_processor_kwargs`), so
            that a peer's processor treats a picture exactly as training does. None: the server's own policy.
        cache_size: finished seeded calls that are remembered.
        backoff_base_s, backoff_cap_s: pause before the first retry and the longest one.
        quarantine_after: failures in a row that send an address to quarantine; quarantine_s: its first length,
            doubled each time up to 30 x.
        read: an answer's JSON -> its n texts (wire.py), or whatever else the caller wants to know of it.
        rng, clock: for tests.
    Raises:
        ValueError: no address, or one that cannot be read.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        model: str | None = None,
        *,
        timeout_s: float = 600.0,
        max_retries: int = 3,
        max_concurrency: int = 64,
        name: str = "peer",
        api_key: str | None = None,
        image: Mapping[str, int] | None = None,
        cache_size: int = 4096,
        backoff_base_s: float = 0.1,
        backoff_cap_s: float = 10.0,
        quarantine_after: int = 5,
        quarantine_s: float = 2.0,
        read: Callable[[Any, int, Address], list | Fault] = texts_of,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        if not addresses:
            raise ValueError(f"no address for peer {name}; set peers.{name}.addresses (or base_url)")
        self.addresses = [
            Address(base_url(text), quarantine_after=quarantine_after, quarantine_s=quarantine_s)
            for text in dict.fromkeys(addresses)
        ]
        self.model, self.name, self.stats = model, name, PeerStats()
        self.timeout_s, self.max_retries = float(timeout_s), int(max_retries)
        self._image, self._read = dict(image or {}), read
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._rng, self.clock = rng or random.Random(), clock
        self.pace = Pace(self.timeout_s, backoff_base_s, backoff_cap_s, self._rng)
        self.outage = Outage(self.addresses, clock, self.pace.patience_s)
        self._slots = asyncio.Semaphore(max_concurrency)
        self._session: aiohttp.ClientSession | None = None
        self._running: dict[bytes, asyncio.Task] = {}
        self._cache: OrderedDict[bytes, list[str]] = OrderedDict()
        self._cache_size = cache_size
        self._search: asyncio.Task | None = None

    async def __aenter__(self) -> "PeerClient":
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(10.0, self.timeout_s))
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30.0)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, headers=self._headers)
        return self

    async def __aexit__(self, *exc_info) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel what is in flight and close the connections."""
        running = list(self._running.values()) + ([self._search] if self._search else [])
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    # -- public calls ------------------------------------------------------------------------------------------------

    async def ready(self, timeout_s: float = 600.0) -> None:
        """Wait until every address lists its models; takes the model name from there if none was given.

        Raises:
            PeerError: an address did not answer in time.
        """
        await self.__aenter__()
        deadline = self.clock() + timeout_s
        found = await asyncio.gather(*[model_of(self._session, one, deadline, self.clock) for one in self.addresses])
        self.model = self.model or found[0][0]
        for address, (_, problem) in zip(self.addresses, found, strict=True):
            if problem:
                raise PeerError(
                    f"peer {self.name} at {address.url} was not ready after {timeout_s:g} s ({problem}); "
                    "is the server running, and is its model loaded? see its log",
                    address.url,
                )

    async def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        n: int = 1,
        sampling: Sampling | None = None,
        seed: int | None = None,
    ) -> list[str]:
        """`n` sampled answers to one chat, in the server's order.

        Args:
            messages: OpenAI chat messages; a picture inside them is sent once for all n answers.
            seed: per request; with it identical calls are asked once. None: every call is a new draw.
        Returns:
            n texts ("" where the model said nothing).
        Raises:
            PeerError: no answer; names the address, and says with `refused` whether the prompt was the reason.
        """
        if n < 1:
            return []
        await self.__aenter__()
        if self.model is None:
            await self._find_model()
        body = {"model": self.model, "messages": list(messages), "n": n} | (sampling or Sampling()).body()
        if self._image and has_picture(messages):
            body["mm_processor_kwargs"] = self._image
        if seed is None:
            return list(await self._ask(json.dumps(body).encode(), n))
        payload = json.dumps(body | {"seed": int(seed)}).encode()
        key = hashlib.sha256(payload).digest()
        if key in self._cache:
            self.stats.joined += 1
            self._cache.move_to_end(key)
            return list(self._cache[key])
        if key in self._running:
            self.stats.joined += 1
        else:
            task = asyncio.create_task(self._ask(payload, n))
            self._running[key] = task
            task.add_done_callback(lambda done: self._finished(key, done))
        return list(await asyncio.shield(self._running[key]))

    # -- one call ----------------------------------------------------------------------------------------------------

    def _finished(self, key: bytes, task: asyncio.Task) -> None:
        self._running.pop(key, None)
        if not task.cancelled() and task.exception() is None:
            self._cache[key] = task.result()
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)

    async def _ask(self, payload: bytes, n: int) -> list[str]:
        self.stats.requests += 1
        arrived = self.clock()
        try:
            async with self._slots:
                texts = await self._call(payload, n, arrived)
        except BaseException as error:
            self.stats.failed += 1
            self.stats.refused += isinstance(error, PeerError) and error.refused
            raise
        self.stats.answered += 1
        return texts

    async def _call(self, payload: bytes, n: int, arrived: float) -> list[str]:
        tries = await self.outage.admit(arrived)
        call = PeerCall(self, payload, n)
        try:
            return await call.run()
        except PeerError as error:
            if not call.final:
                self.outage.failed(hashlib.sha256(payload).digest(), call.started, error)
            raise
        finally:
            if tries:
                self.outage.tried()

    async def attempt(self, address: Address, payload: bytes, n: int) -> list[str] | Fault:
        """One request to one address; infrastructure problems come back as `Fault`, never as an exception."""
        self.stats.attempts += 1
        started = self.clock()
        for resend in (True, False):
            try:
                outcome = await self._post(address, payload, n)
                break
            except aiohttp.ClientConnectorError as error:
                outcome = Fault(NO_CONNECTION, str(error.os_error or error), address)
                break
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionResetError) as error:
                outcome = Fault("dropped", f"connection dropped ({type(error).__name__})", address)
                self.stats.resent += resend
            except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as error:
                outcome = Fault("broken", f"{type(error).__name__}: {error}"[:200], address)
                break
        now = self.clock()
        if isinstance(outcome, Fault):
            self.stats.faults[outcome.kind] += 1
            if not outcome.final:
                address.failed(now, unreachable=outcome.kind == NO_CONNECTION)
                self.pace.failed()
        else:
            address.succeeded()
            self.pace.answered(now - started)
            self.outage.succeeded()
        return outcome

    async def _post(self, address: Address, payload: bytes, n: int) -> list[str] | Fault:
        headers = {"Content-Type": "application/json"}
        async with self._session.post(f"{address.url}/chat/completions", data=payload, headers=headers) as response:
            if response.status == 200:
                return self._read(await response.json(), n, address)
            said, after = await response.text(errors="replace"), response.headers.get("Retry-After", "")
            return fault_of(response.status, said, after, address)

    # -- choices -----------------------------------------------------------------------------------------------------

    def pick(self, avoid: Sequence[Address]) -> Address:
        """The address to ask next: not in quarantine, not in `avoid`, fewest in flight, then at random."""
        now = self.clock()
        return min(self.addresses, key=lambda a: (a.quarantined(now), avoid.count(a), a.in_flight, self._rng.random()))

    def retries_for(self, started: float) -> int:
        """How many retries a call that began at `started` has."""
        return self.max_retries * (2 if self.outage.last_success > started else 1)

    def second_asking_after_s(self, started: float, hedges: int) -> float:
        """How long the newest attempt of a call may run before the call is asked once more beside it.

        Args:
            started: when that attempt began. hedges: how often this call was asked again so far.
        """
        if len(self.addresses) > 1:
            few = self.stats.hedges < 8 + HEDGE_SHARE * self.stats.requests
            return self.pace.hedge_delay_s() * 2**hedges if few else math.inf
        answers_others = self.outage.last_success > started
        return self.pace.lost_after_s() if answers_others and not hedges else math.inf

    async def _find_model(self) -> None:
        """Take the model's name from the first server that answers; callers that wait share one search."""
        if self._search is None or self._search.done():
            search = first_model(self.name, self._session, self.addresses, self.timeout_s, self.clock)
            self._search = asyncio.create_task(search)
        self.model = await asyncio.shield(self._search)

    def address_list(self) -> str:
        return ", ".join(address.url for address in self.addresses)
