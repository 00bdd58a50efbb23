"""What faults cost: `python tests/bench/peers.py [--judgements 2000]`.

Runs the same judgements (one picture, an easy and a hard question, K = 5 answers each) against a healthy server and one
that drops 10% of connections, answers 10% with 500 and hangs on 5%, and prints counts, wall times and their ratio.
Then all servers are gone: the time until every judgement has failed, against the configured time.
Goal: nothing scored from a failure, counts add up, ratio <= 1.5.
"""

import argparse
import asyncio
import multiprocessing
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from mmzero_rewards.evidence import Drawn, Judge, judge
from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.peers.client import PeerClient, PeerError
from mmzero_rewards.prompting import PromptTemplates
from tests.support.fault_server import FaultServer, png, question_of, serve

LATENCY_S = 0.2  # short for K answers of a language model; shorter ones measure this process, not the policy
PICTURES = [png((red, 0, 0), (256, 256)) for red in range(0, 250, 5)]


def reply(body: dict) -> list[str]:
    """The answer is the number in the question, so that a judgement can be checked."""
    number = question_of(body).split("#")[1].split("?")[0]
    return [rf"\boxed{{{number}}}"] * body["n"]


def serve_in_child(pipe, servers: list[FaultServer]) -> None:
    """Servers in a process of their own, as in real life; sends URLs, then the counts when told to stop."""

    async def everything() -> None:
        async with AsyncExitStack() as stack:
            for server in servers:
                await stack.enter_async_context(serve(server))
            pipe.send([server.url for server in servers])
            await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        pipe.send(sum((server.seen for server in servers), start=Counter()))

    asyncio.run(everything())


@contextmanager
def farm(servers: list[FaultServer], seen: Counter):
    """URLs of running servers; afterwards `seen` holds what they did."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=serve_in_child, args=(theirs, servers), daemon=True)
    child.start()
    try:
        yield ours.recv()
        ours.send("stop")
        seen.update(ours.recv())
    finally:
        child.join(10)
        child.kill()


async def run(urls: list[str], count: int, **options) -> tuple[Counter, float, PeerClient]:
    """Judge `count` proposals at once; returns outcomes (right, wrong, dropped), seconds, and the client."""
    outcomes: Counter = Counter()
    async with PeerClient(urls, "tiny", name="solver", **options) as client:
        solver = Judge(client, PromptTemplates.default())

        async def one(index: int) -> None:
            proposal = Proposal("other", "x", f"easy #{index}?", "1", f"hard #{index}?", "1")
            drawn = [Drawn("ok", "code", "svg", PICTURES[index % len(PICTURES)])]
            try:
                (drawing,) = await judge(drawn, proposal, solver)
            except PeerError as error:
                outcomes["dropped"] += 1
                print("            " + str(error)) if outcomes["dropped"] == 1 else None
                return
            right = drawing.easy_votes == drawing.hard_votes == (str(index),) * 5
            outcomes["right" if right else "WRONG"] += 1

        started = time.monotonic()
        await asyncio.gather(*[one(index) for index in range(count)])
        return outcomes, time.monotonic() - started, client


def main(count: int, servers: int, concurrency: int) -> None:
    options = {"timeout_s": 60.0, "max_retries": 3, "max_concurrency": concurrency}
    gone = {**options, "timeout_s": 5.0}

    def measure(settings: dict, **faults) -> tuple[Counter, float, PeerClient, Counter]:
        injected: Counter = Counter()
        machines = [FaultServer(reply, latency_s=LATENCY_S, seed=seed, **faults) for seed in range(servers)]
        with farm(machines, injected) as urls:
            outcome = asyncio.run(run(urls, count, **settings))
        return *outcome, injected

    healthy, usual, _, _ = measure(options)
    print(f"fault-free: {count} judgements, {dict(healthy)}, {usual:.2f} s, {count / usual:.0f} judgements/s")
    outcomes, took, client, injected = measure(options, drop=0.10, error=0.10, hang=0.05)
    stats = client.stats
    print(f"faults:     {count} judgements, {dict(outcomes)}, {took:.2f} s; injected {dict(injected)}")
    print(
        f"            requests {stats.requests} = answered {stats.answered} + failed {stats.failed}; "
        f"attempts {stats.attempts}, resent {stats.resent}, retries {stats.retries}, hedges {stats.hedges}"
    )
    print(f"ratio {took / usual:.2f} (goal <= 1.5); scored from a failure: {outcomes['WRONG']} (goal 0)")
    outcomes, took, client = asyncio.run(run(["127.0.0.1:9"], count, **gone))
    print(f"servers gone: {dict(outcomes)} after {took:.2f} s (configured 5 s), {client.stats.attempts} attempts")
    outcomes, took, client, _ = measure(gone, hang=1.0)
    print(f"servers hang: {dict(outcomes)} after {took:.2f} s (configured 5 s), {client.stats.attempts} attempts")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judgements", type=int, default=2000)
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=64)
    arguments = parser.parse_args()
    main(arguments.judgements, arguments.servers, arguments.concurrency)
