"""PeerClient against a server that misbehaves: no answer is invented, none is lost, time is bounded."""

import asyncio
import random
import time
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from mmzero_rewards.peers.address import Address, base_url
from mmzero_rewards.peers.client import PeerClient, PeerError, Sampling
from mmzero_rewards.peers.outage import Outage
from mmzero_rewards.peers.pace import Pace, backoff_s
from tests.support.fault_server import FaultServer, dead_address, echo, question_of, serve


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


@pytest.mark.parametrize("usual_s, lost_s", [(0.05, 25.0), (1.5, 30.0), (9.0, 50.0)])
def test_lost_is_far_more_than_late_and_leaves_time_to_ask_again(usual_s, lost_s):
    pace = Pace(100.0, 0.1, 10.0, random.Random(0))
    for _ in range(20):
        pace.answered(usual_s)
    assert pace.lost_after_s() == pytest.approx(lost_s)


def test_an_unlucky_call_waits_briefly_and_an_outage_is_waited_out():
    pace = Pace(600.0, 0.1, 10.0, random.Random(0))
    for _ in range(20):
        pace.answered(0.1)  # a slow answer takes 0.2 s
    assert max(pace.retry_delay_s(4) for _ in range(50)) <= 0.2
    for _ in range(5):
        pace.failed()  # whoever asks, it fails
    assert min(pace.retry_delay_s(4) for _ in range(50)) >= 3.2


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

    results, stats = asyncio.run(with_client(servers, use, timeout_s=8, max_retries=3, backoff_base_s=0.01))
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
            client.pace.answered(0.05)  # as after 20 answers of 50 ms
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


class Refusing(FaultServer):
    """Answers `status` at once to prompts that start with "bad"; others take `latency_s`."""

    status = 400

    async def chat(self, request):
        text = (await request.json())["messages"][0]["content"]
        if text.startswith("bad"):
            self.seen[text] += 1
            return web.Response(status=self.status, text="prompt too long")
        return await super().chat(request)


def refusing(status: int, latency_s: float = 0.3) -> Refusing:
    server = Refusing(echo, latency_s=latency_s)
    server.status = status
    return server


@pytest.mark.parametrize(
    "status, refused",
    [(400, True), (413, True), (422, True), (401, False), (403, False), (404, False)],  # a wrong key or model is ours
)
def test_wrong_request_is_not_repeated(status, refused):
    server = refusing(status)

    async def use(client):
        with pytest.raises(PeerError, match=rf"peer solver at http://127.*HTTP {status}: prompt too long") as caught:
            await client.chat(ask("bad"), seed=0)
        return caught.value

    error = asyncio.run(with_client([server], use))
    assert error.address == server.url + "/v1" and error.refused is refused
    assert server.seen["bad"] == 1


@pytest.mark.parametrize("status", [400, 404, 413, 422, 500])
@pytest.mark.parametrize("bad", [["bad"], ["bad 1", "bad 2", "bad 3"]])
def test_prompts_that_the_server_refuses_cost_no_other_call(status, bad):
    """B1: errors come back before any healthy answer; a 5xx that only some prompts provoke is no outage either."""
    server = refusing(status)

    async def use(client):
        first = asyncio.create_task(client.chat(ask("first"), seed=0))
        refused = await asyncio.gather(*[client.chat(ask(text), seed=0) for text in bad], return_exceptions=True)
        later = [client.chat(ask(f"later {i}"), seed=0) for i in range(20)]
        return refused, await asyncio.gather(first, *later, return_exceptions=True), client.stats

    options = {"timeout_s": 20, "max_retries": 1, "backoff_base_s": 0.0, "max_concurrency": 8}
    refused, others, stats = asyncio.run(with_client([server], use, **options))
    assert all(isinstance(error, PeerError) and f"HTTP {status}" in str(error) for error in refused)
    texts = ["first"] + [f"later {i}" for i in range(20)]
    assert others == [expected(text, 0, 1) for text in texts]
    assert stats.answered == 21 and stats.refused == (len(bad) if status in (400, 413, 422) else 0)
    assert all(server.seen[text] == (2 if status == 500 else 1) for text in bad)


def test_a_prompt_that_ends_the_connection_costs_no_other_call():
    class Closing(FaultServer):
        async def chat(self, request):
            if (await request.json())["messages"][0]["content"] == "bad":
                request.transport.abort()
                return web.Response()
            return await super().chat(request)

    async def use(client):
        await asyncio.gather(client.chat(ask("bad"), seed=0), return_exceptions=True)
        return await asyncio.gather(*[client.chat(ask(str(i)), seed=0) for i in range(9)])

    results = asyncio.run(with_client([Closing(echo)], use, backoff_base_s=0.0))
    assert results == [expected(str(i), 0, 1) for i in range(9)]


def test_one_dead_address_is_no_outage():
    """The other server is slow and alive: calls that found only the dead one fail alone."""
    slow = FaultServer(echo, latency_s=0.5)

    async def use(client):
        return await asyncio.gather(*[client.chat(ask(str(i)), seed=0) for i in range(20)], return_exceptions=True)

    options = {"max_retries": 0, "max_concurrency": 4, "rng": random.Random(0)}
    results = asyncio.run(with_client([slow], use, [dead_address()], **options))
    answered = [result for result in results if not isinstance(result, PeerError)]
    assert len(answered) >= 12 and not any("the peer is down" in str(result) for result in results)


@pytest.mark.parametrize("calls", [1, 12])
def test_a_slow_answer_of_a_single_server_is_waited_for(calls):
    """B13: asking it again would only make it slower."""
    server = FaultServer(echo)

    async def use(client):
        for _ in range(20):
            client.pace.answered(0.05)
        await asyncio.gather(*[client.chat(ask(f"slow {i}"), seed=0) for i in range(calls)])
        return client.stats

    server.latency_s = 1.5
    stats = asyncio.run(with_client([server], use, timeout_s=8))
    assert len(server.bodies) == calls == stats.attempts and stats.hedges == 0


def test_a_request_that_a_single_server_lost_is_asked_once_more():
    class Losing(FaultServer):
        async def chat(self, request):
            self.seen["asked"] += 1
            if self.seen["asked"] == 1:
                await asyncio.sleep(3600)
            return await super().chat(request)

    server = Losing(echo)

    async def use(client):
        lost = asyncio.create_task(client.chat(ask("lost"), seed=0))
        await asyncio.sleep(0.1)
        await client.chat(ask("other"), seed=0)
        return await lost, client.stats

    texts, stats = asyncio.run(with_client([server], use, timeout_s=4))
    assert texts == expected("lost", 0, 1) and stats.attempts == 3 and stats.hedges == 1


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


@pytest.mark.parametrize("fault", ["hang", "error", "drop"])
def test_service_that_comes_back_is_used_again(fault):
    """S1: after the outage every call is answered, not only the one that tried first."""
    server = FaultServer(echo)
    setattr(server, fault, 1.0)

    async def use(client):
        lost = await asyncio.gather(*[client.chat(ask(f"lost {i}"), seed=0) for i in range(6)], return_exceptions=True)
        assert all(isinstance(result, PeerError) and not result.refused for result in lost)
        client.outage.failed("proof", -99.0, lost[0])
        assert client.outage.down, "the test means nothing without an outage"
        setattr(server, fault, 0.0)
        return await asyncio.gather(*[client.chat(ask(str(i)), seed=0) for i in range(12)])

    options = {"timeout_s": 0.5, "max_retries": 1, "backoff_base_s": 0.0, "max_concurrency": 4}
    results = asyncio.run(with_client([server], use, **options))
    assert results == [expected(str(i), 0, 1) for i in range(12)]


def test_server_that_starts_again_on_its_port_is_used_again():
    address = dead_address()
    server = FaultServer(echo)

    async def use():
        async with PeerClient([address], "tiny", backoff_base_s=0.0) as client:
            with pytest.raises(PeerError):
                await client.chat(ask("lost"), seed=0)
            assert client.outage.down, "no address can be connected to"
            async with serve(server, port=int(address.rsplit(":")[-1])):
                return await asyncio.gather(*[client.chat(ask(str(i)), seed=0) for i in range(12)])

    assert asyncio.run(use()) == [expected(str(i), 0, 1) for i in range(12)]


def test_while_the_peer_is_down_one_call_tries_and_the_others_share_its_end():
    now = [0.0]
    address = Address("http://a/v1")
    outage = Outage([address], lambda: now[0], lambda: 10.0)
    gone = PeerError("gone", "a")

    async def use():
        outage.failed("a", 0.0, gone)
        assert not outage.down, "one call proves nothing"
        now[0] = 5.0
        outage.failed("b", 1.0, gone)
        assert not outage.down, "a healthy answer may take that long"
        now[0] = 11.0
        outage.failed("a", 0.5, gone)
        assert outage.down
        with pytest.raises(PeerError, match="gone; the peer is down"):
            await outage.admit(arrived=10.0)
        now[0] = 12.0
        assert await outage.admit(arrived=12.0) is True
        waiting = [asyncio.create_task(outage.admit(arrived=12.0)) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        outage.tried()  # its prompt was refused: that says nothing, so the next one tries
        await asyncio.sleep(0)
        assert [task.done() for task in waiting] == [True, False, False] and waiting[0].result() is True
        now[0] = 13.0
        outage.failed("c", 12.0, gone)
        outage.tried()
        failed = await asyncio.gather(*waiting[1:], return_exceptions=True)
        assert all(isinstance(error, PeerError) for error in failed)
        now[0] = 14.0
        assert await outage.admit(arrived=14.0) is True
        outage.succeeded()
        outage.tried()
        assert not outage.down and await outage.admit(arrived=0.0) is False

    asyncio.run(use())


def test_one_call_proves_no_outage_however_long_it_took():
    now = [600.0]
    outage = Outage([Address("http://a/v1")], lambda: now[0], lambda: 10.0)
    for _ in range(3):
        outage.failed("the same", 0.0, PeerError("timeout", "a"))
    assert not outage.down
    outage.failed("another", 590.0, PeerError("timeout", "a"))
    assert outage.down


def test_refused_prompts_prove_no_outage_however_many():
    """Spread over more time than an answer usually takes; the calls queued behind them are asked all the same."""

    class Slowly(Refusing):
        async def chat(self, request):
            if question_of(await request.json()).startswith("bad"):
                await asyncio.sleep(0.15)
            return await super().chat(request)

    server = Slowly(echo, latency_s=1.2)
    texts = ["slow", "bad 1", "bad 2", "bad 3", "bad 4", "queued 1", "queued 2"]

    async def use(client):
        for _ in range(20):
            client.pace.answered(0.01)
        return await asyncio.gather(*[client.chat(ask(text), seed=0) for text in texts], return_exceptions=True)

    results = asyncio.run(with_client([server], use, timeout_s=20, max_concurrency=2))
    for text, result in zip(texts, results, strict=True):
        assert result.refused if text.startswith("bad") else result == expected(text, 0, 1), result


def test_a_failure_while_others_succeed_is_no_sign_of_an_outage():
    now = [0.0]
    outage = Outage([Address("http://a/v1")], lambda: now[0], lambda: 1.0)
    for second in range(1, 30):
        now[0] = float(second)
        outage.succeeded()
        now[0] += 0.5
        for call in (f"one {second}", f"two {second}"):  # both began before the last answer came
            outage.failed(call, second - 5.0, PeerError("HTTP 500", "a"))
    assert not outage.down


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
