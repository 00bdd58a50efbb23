"""PeerClient against a server that misbehaves: no answer is invented, none is lost, time is bounded."""

import asyncio
import random
import time
from contextlib import AsyncExitStack

import pytest

from mmzero_rewards.peers.address import Address, base_url
from mmzero_rewards.peers.call import backoff_s
from mmzero_rewards.peers.client import PeerClient, PeerError, Sampling
from tests.support.fault_server import FaultServer, dead_address, echo, serve


def ask(text: str) -> list[dict]:
    return [{"role": "user", "content": text}]


def expected(text: str, seed: int | None, n: int) -> list[str]:
    return echo({"messages": ask(text), "seed": seed, "n": n})


async def with_client(servers: list[FaultServer], use, extra=(), **options):
    async with AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(serve(server))
        addresses = [server.url for server in servers] + list(extra)
        client = await stack.enter_async_context(PeerClient(addresses, "tiny", name="solver", **options))
        return await use(client)


# --- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, url",
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/v1"),  # what verl's replicas report
        ("http://judge:80", "http://judge:80/v1"),
        ("http://judge:80/", "http://judge:80/v1"),
        ("http://judge:80/v1/", "http://judge:80/v1"),
        ("https://judge.example/openai/v1", "https://judge.example/openai/v1"),  # behind a gateway
        ("[::1]:8000", "http://[::1]:8000/v1"),
        ("judge", "http://judge/v1"),
    ],
)
def test_base_url(text, url):
    assert base_url(text) == url


@pytest.mark.parametrize("text", ["", "http://", "ftp://judge:1", "host:port", "a b:80", "::1:8000"])
def test_base_url_refuses(text):
    with pytest.raises(ValueError, match="host:port"):
        base_url(text)


def test_no_address_names_the_key():
    with pytest.raises(ValueError, match=r"peers\.solver\.addresses"):
        PeerClient([], name="solver")


def test_backoff_grows_is_capped_and_jittered():
    rng = random.Random(0)
    for retry, full in [(1, 1.0), (2, 4.0), (3, 5.0), (99, 5.0)]:
        pauses = [backoff_s(retry, 1.0, 5.0, rng) for _ in range(200)]
        assert min(pauses) >= full / 2 and max(pauses) <= full
        assert max(pauses) - min(pauses) > 0.3 * full  # jitter, not a constant


def test_an_unlucky_call_waits_briefly_and_an_outage_is_waited_out():
    client = PeerClient(["127.0.0.1:1"], rng=random.Random(0))
    client._latencies.extend([0.1] * 20)  # a slow answer takes 0.2 s
    assert max(client.retry_delay_s(4) for _ in range(50)) <= 0.2
    client._faults_in_row = 5  # whoever asks, it fails
    assert min(client.retry_delay_s(4) for _ in range(50)) >= 3.2


def test_quarantine_opens_grows_and_heals():
    address = Address("http://a/v1", quarantine_after=3, quarantine_s=2.0)
    for now in (0.0, 0.1):
        address.failed(now)
    assert not address.quarantined(0.1)
    address.failed(0.2)
    assert address.quarantined(2.1) and not address.quarantined(2.3)
    address.failed(3.0)  # still failing after its quarantine: the next one is longer
    assert address.quarantined(6.9) and not address.quarantined(7.1)
    address.succeeded()
    assert not address.quarantined(3.0) and address.failures_in_row == 0


# --- requests ----------------------------------------------------------------------------------------------------


def test_n_answers_from_one_request_with_all_settings():
    server = FaultServer(echo)

    async def use(client):
        return await client.chat(ask("why"), n=5, sampling=Sampling(0.7, 0.95, 40, 99), seed=7)

    assert asyncio.run(with_client([server], use)) == expected("why", 7, 5)
    (body,) = server.bodies
    assert body == {
        "model": "tiny",
        "messages": ask("why"),
        "n": 5,
        "temperature": 0.7,
        "top_p": 0.95,
        "top_k": 40,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "max_tokens": 99,
        "seed": 7,
    }


def test_strict_servers_get_no_extensions():
    assert set(Sampling().body()) == {"temperature", "top_p", "max_tokens"}
    assert Sampling(top_k=-1).body()["top_k"] == -1  # off, and said so: the model's own default could be 50


def test_identical_seeded_requests_are_asked_once():
    server = FaultServer(echo, latency_s=0.05)

    async def use(client):
        flying = await asyncio.gather(*[client.chat(ask("same"), n=2, seed=1) for _ in range(20)])
        later = await client.chat(ask("same"), n=2, seed=1)
        other = await client.chat(ask("same"), n=2, seed=2)
        return flying, later, other, client.stats

    flying, later, other, stats = asyncio.run(with_client([server], use))
    assert all(texts == later for texts in flying) and other != later
    assert len(server.bodies) == 2 and stats.requests == 2 and stats.joined == 20


def test_unseeded_requests_are_separate_draws():
    server = FaultServer(echo)

    async def use(client):
        await asyncio.gather(*[client.chat(ask("same")) for _ in range(4)])

    asyncio.run(with_client([server], use))
    assert len(server.bodies) == 4


def test_cache_is_bounded():
    server = FaultServer(echo)

    async def use(client):
        for index in range(10):
            await client.chat(ask(str(index)), seed=0)
        return len(client._cache)

    assert asyncio.run(with_client([server], use, cache_size=3)) == 3


def test_a_cancelled_caller_does_not_cancel_the_others():
    server = FaultServer(echo, latency_s=0.2)

    async def use(client):
        first = asyncio.create_task(client.chat(ask("x"), seed=1))
        second = asyncio.create_task(client.chat(ask("x"), seed=1))
        await asyncio.sleep(0.05)
        first.cancel()
        return await second

    assert asyncio.run(with_client([server], use)) == expected("x", 1, 1)


def test_concurrency_is_bounded():
    server = FaultServer(echo, latency_s=0.01)

    async def use(client):
        await asyncio.gather(*[client.chat(ask(str(i)), seed=0) for i in range(60)])

    asyncio.run(with_client([server], use, max_concurrency=7))
    assert 1 < server.most_at_once <= 7


def test_load_is_spread_over_addresses():
    servers = [FaultServer(echo, latency_s=0.01) for _ in range(3)]

    async def use(client):
        await asyncio.gather(*[client.chat(ask(str(i)), seed=0) for i in range(90)])

    asyncio.run(with_client(servers, use, max_concurrency=12))
    assert min(server.seen["ok"] for server in servers) >= 20


def test_model_name_is_asked_when_none_is_given():
    server = FaultServer(echo, model="served")

    async def use():
        async with serve(server), PeerClient([dead_address(), server.url]) as client:
            await asyncio.gather(*[client.chat(ask(str(i)), seed=0) for i in range(5)])

    asyncio.run(use())  # one dead address does not stop the search
    assert {body["model"] for body in server.bodies} == {"served"}


def test_no_server_to_name_the_model_is_one_line():
    address = dead_address()

    async def use():
        async with PeerClient([address], name="solver", timeout_s=0.3) as client:
            return await asyncio.gather(*[client.chat(ask(str(i))) for i in range(5)], return_exceptions=True)

    results = asyncio.run(use())
    assert all(isinstance(result, PeerError) and address in str(result) for result in results)


# --- faults ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [{"choices": []}, {"error": "x"}, [1], {"choices": [{"message": {}}]}])
def test_malformed_answers_are_infrastructure(answer):
    from mmzero_rewards.peers.address import Fault
    from mmzero_rewards.peers.wire import texts_of

    assert isinstance(texts_of(answer, 1, Address("u")), Fault)


def test_aborted_generation_is_not_an_answer():
    from mmzero_rewards.peers.wire import texts_of

    answer = {"choices": [{"message": {"content": "half"}, "finish_reason": "abort"}]}
    assert texts_of(answer, 1, Address("u")).kind == "aborted"


def test_silent_model_is_an_answer():
    from mmzero_rewards.peers.wire import texts_of

    assert texts_of({"choices": [{"message": {"content": None}}]}, 1, Address("u")) == [""]


@pytest.mark.parametrize("count", [1, 2])
def test_no_answer_is_lost_or_invented_under_faults(count):
    """10% dropped, 10% 5xx, 5% hangs: every call ends in the right texts, and the books balance."""
    servers = [FaultServer(echo, 0.10, 0.10, 0.05, latency_s=0.01, seed=seed) for seed in range(count)]

    async def use(client):
        results = await asyncio.gather(
            *[client.chat(ask(f"q{i}"), n=3, seed=i) for i in range(400)], return_exceptions=True
        )
        return results, client.stats

    results, stats = asyncio.run(with_client(servers, use, timeout_s=20, max_retries=3, backoff_base_s=0.01))
    for index, result in enumerate(results):
        assert isinstance(result, PeerError) or result == expected(f"q{index}", index, 3)
    failed = sum(isinstance(result, PeerError) for result in results)
    seen = sum((server.seen for server in servers), start=servers[0].seen.__class__())
    assert failed <= 2 and stats.failed == failed  # about 0.02% expected
    assert stats.requests == 400 == stats.answered + stats.failed
    assert seen["drop"] > 15 and seen["error"] > 15 and seen["hang"] > 5, f"faults were injected: {seen}"


def test_hang_is_asked_again_elsewhere_in_bounded_time():
    stuck, fine = FaultServer(echo, hang=1.0), FaultServer(echo)

    async def use(client):
        for _ in range(20):
            client._latencies.append(0.05)  # as after 20 answers of 50 ms
        started = time.monotonic()
        texts = await asyncio.gather(*[client.chat(ask(str(i)), seed=0) for i in range(8)])
        return texts, time.monotonic() - started, client.stats

    texts, took, stats = asyncio.run(with_client([stuck, fine], use, timeout_s=60))
    assert texts == [expected(str(i), 0, 1) for i in range(8)]
    assert stats.hedges >= 1 and took < 10, f"{stats}, {took:.1f} s instead of the time-out of 60 s"


def test_dead_address_is_left_alone_and_taken_back():
    now = [0.0]
    alive = FaultServer(echo)

    async def use(client):
        for index in range(30):
            await client.chat(ask(str(index)), seed=0)
        refused = client.stats.faults["refused"]
        for index in range(30, 60):
            await client.chat(ask(str(index)), seed=0)
        quiet = client.stats.faults["refused"]
        now[0] += 1000.0
        for index in range(60, 90):
            await client.chat(ask(str(index)), seed=0)
        return refused, quiet, client.stats.faults["refused"]

    refused, quiet, again = asyncio.run(
        with_client(
            [alive],
            use,
            [dead_address()],
            clock=lambda: now[0] + time.monotonic() / 1e6,
            backoff_base_s=0.0,
            rng=random.Random(1),
        )
    )
    assert refused == 5, "five failures in a row open the quarantine"
    assert quiet == refused, "nobody asks an address in quarantine while another one works"
    assert again > quiet, "after its quarantine it gets another chance"


def test_wrong_request_is_not_repeated():
    from aiohttp import web

    class Refusing(FaultServer):
        async def chat(self, request):
            self.seen["asked"] += 1
            return web.Response(status=400, text="prompt too long")

    server = Refusing(echo)

    async def use(client):
        with pytest.raises(PeerError, match=r"peer solver at http://127.*HTTP 400: prompt too long") as caught:
            await client.chat(ask("x"), seed=0)
        return caught.value.address

    assert asyncio.run(with_client([server], use)).startswith("http://127.0.0.1")
    assert server.seen["asked"] == 1


def test_all_servers_gone_is_one_line_with_the_address():
    address = dead_address()

    async def use(client):
        started = time.monotonic()
        with pytest.raises(PeerError) as caught:
            await client.chat(ask("x"), seed=0)
        return str(caught.value), time.monotonic() - started

    message, took = asyncio.run(with_client([], use, [address], timeout_s=30, max_retries=3, backoff_base_s=0.01))
    assert address in message and "4 attempts" in message and "\n" not in message
    assert took < 30


def test_queue_behind_dead_servers_fails_at_once():
    """A stage with 500 samples and servers that only hang ends after about one time-out, not after 63 of them."""
    server = FaultServer(echo, hang=1.0)

    async def use(client):
        started = time.monotonic()
        results = await asyncio.gather(*[client.chat(ask(str(i)), seed=i) for i in range(500)], return_exceptions=True)
        return results, time.monotonic() - started, client.stats

    results, took, stats = asyncio.run(with_client([server], use, timeout_s=1.0, max_concurrency=8))
    assert all(isinstance(result, PeerError) and server.url in str(result) for result in results)
    assert stats.failed == stats.requests == 500
    assert took < 20, f"{took:.1f} s"


def test_service_that_comes_back_is_used_again():
    server = FaultServer(echo, hang=1.0)

    async def use(client):
        with pytest.raises(PeerError):
            await client.chat(ask("a"), seed=0)
        server.hang = 0.0
        return await asyncio.gather(*[client.chat(ask(str(i)), seed=0) for i in range(3)], return_exceptions=True)

    results = asyncio.run(with_client([server], use, timeout_s=0.5))
    assert expected("0", 0, 1) == results[0], "the probe reaches the server"


def test_failure_is_not_cached():
    server = FaultServer(echo, error=1.0)

    async def use(client):
        with pytest.raises(PeerError):
            await client.chat(ask("a"), seed=0)
        server.error = 0.0
        return await client.chat(ask("a"), seed=0)

    assert asyncio.run(with_client([server], use, backoff_base_s=0.0)) == expected("a", 0, 1)


def test_ready_waits_for_every_address():
    late = FaultServer(echo)

    async def use():
        async with serve(late):
            client = PeerClient([late.url, dead_address()], name="coder")
            try:
                with pytest.raises(PeerError, match=r"peer coder at http://127.*not ready after 0\.5 s"):
                    await client.ready(0.5)
                only = PeerClient([late.url])
                await only.ready(5)
                await only.close()
            finally:
                await client.close()

    asyncio.run(use())
