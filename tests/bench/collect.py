"""Throughput and memory of the collection pipeline with simulated peers of fixed capacity and latency.

    python tests/bench/collect.py                 # both; about 10 minutes on two cores
    python tests/bench/collect.py throughput
    python tests/bench/collect.py memory --rows 1000 100000

Throughput: `achieved / ideal`, where ideal is the time that the busiest resource needs for the work that was done, with
no gap at all, and the same work done phase after phase in the same run. Memory: peak resident set of a process that
collects so many proposals. Nothing here is asserted; the numbers are printed.
"""

import argparse
import asyncio
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mmzero_env import RenderRequest  # noqa: E402
from mmzero_rewards.parsing.responses import FormatError, extract_code, parse_proposal  # noqa: E402
from recipe.mmzero.engine.collect.settings import CoderFilter, SolverFilter  # noqa: E402
from tests.support.collect_sim import SAMPLING, SimPeer, SimRender, run, settings  # noqa: E402

ROWS = 600
# role -> (slots, seconds per sample): rows per second would be 24, 20, 16 (K = 10 twice) and 32 for the renderer. A row
# spends 0.9 s in all stages; the run takes thirty times as long (a real one: hundreds of times). Faster peers would
# measure how busy this machine is: real ones answer for a few rows per second.
CAPACITY = {"proposer": (6, 0.25), "coder": (6, 0.3), "solver": (80, 0.25)}
RENDER = (2, 0.0625)


@dataclass
class Measured:
    seconds: float
    ideal: float

    @property
    def share(self) -> float:
        return self.ideal / self.seconds


def simulated(spread: float):
    """Peers whose samples take (1 - spread .. 1 + spread) of their latency: the same mean, the same capacity."""
    clients = {
        role: SimPeer(
            role, slots=slots, latency_s=(latency * (1 - spread), latency * (1 + spread)), chaos=random.Random(0)
        )
        for role, (slots, latency) in CAPACITY.items()
    }
    return clients, CountingRender(slots=RENDER[0], latency_s=RENDER[1])


class CountingRender(SimRender):
    """Counts pictures, to know how long the renderer was needed."""

    drawn = 0

    async def render_async(self, request):
        self.drawn += 1
        return await super().render_async(request)


def ideal_seconds(clients, render) -> float:
    busy = [clients[role].samples * latency / slots for role, (slots, latency) in CAPACITY.items()]
    return max([*busy, render.drawn * RENDER[1] / RENDER[0]])


def streaming(spread: float) -> Measured:
    clients, render = simulated(spread)
    config = settings(
        solver_filter=SolverFilter(proposals=ROWS, min_rows=0),
        in_flight=32,
        rows_per_shard=64,
    )
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run("collect_solver", Path(folder), config, clients, render)
        return Measured(time.perf_counter() - started, ideal_seconds(clients, render))


async def phases(clients, render, config) -> None:
    """The same requests, each kind only after the kind before it is done for all rows; no files, no filter."""
    templates = config.templates
    topics = [config.topics[i % len(config.topics)] for i in range(ROWS)]
    asks = [clients["proposer"].chat(templates.proposer_messages(t), 1, SAMPLING, i) for i, t in enumerate(topics)]
    proposals = []
    for (text,) in await asyncio.gather(*asks):
        try:
            proposals.append(parse_proposal(text))
        except FormatError:
            continue
    asks = [clients["coder"].chat(templates.coder_messages(p), 1, SAMPLING, i) for i, p in enumerate(proposals)]
    codes = []
    for proposal, (text,) in zip(proposals, await asyncio.gather(*asks), strict=True):
        try:
            codes.append((proposal, extract_code(text)))
        except FormatError:
            continue
    results = await asyncio.gather(*[render.render_async(RenderRequest(c.code, c.language)) for _, c in codes])
    drawn = [proposal for (proposal, _), result in zip(codes, results, strict=True) if result.ok]
    questions = [question for p in drawn for question in (p.easy_question, p.hard_question)]
    await asyncio.gather(
        *[
            clients["solver"].chat(templates.solver_messages(q, "data:image/png;base64,"), 10, SAMPLING, i)
            for i, q in enumerate(questions)
        ]
    )


def phased(spread: float) -> Measured:
    clients, render = simulated(spread)
    started = time.perf_counter()
    asyncio.run(phases(clients, render, settings()))
    return Measured(time.perf_counter() - started, ideal_seconds(clients, render))


def throughput() -> None:
    print(f"collect_solver, {ROWS} proposals; (slots, s): {CAPACITY}, renderer {RENDER}")
    for name, spread in (("fixed latency", 0.0), ("latency +-80%", 0.8)):
        stream, phase = streaming(spread), phased(spread)
        print(
            f"{name}: streaming {stream.seconds:.1f} s, ideal {stream.ideal:.1f} s, achieved/ideal {stream.share:.3f}; "
            f"phase after phase {phase.seconds:.1f} s, ideal {phase.ideal:.1f} s, achieved/ideal {phase.share:.3f}"
        )


class OnePicture(SimRender):
    """All pictures are equal, so that 100,000 rows do not fill the disk with files."""

    async def render_async(self, request):
        result = await super().render_async(request)
        return type(result)(result.status, result.png and PICTURE, result.width, result.height, "", result.text, 0.0)


PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (320).to_bytes(4, "big") + (240).to_bytes(4, "big") + bytes(20_000)


def collect_many(rows: int) -> None:
    """One process of the memory measurement: a collection, then its resume from the shards."""
    config = settings(
        samples=2,
        in_flight=64,
        rows_per_shard=64,
        coder_filter=CoderFilter(mode="window", target_rows=rows, attempt_budget=rows, min_rows=0),
    )
    clients = {role: SimPeer(role) for role in CAPACITY}
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        summary = run("collect_coder", Path(folder), config, clients, OnePicture())
        seconds = time.perf_counter() - started
        first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        started = time.perf_counter()
        run("collect_coder", Path(folder), config, clients, OnePicture())
        resumed = time.perf_counter() - started
        second = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{rows} proposals, {summary['accepted']} accepted: peak memory {first:.0f} MiB ({second:.0f} with resume), "
        f"{rows / seconds:.0f} rows/s of our own work, {resumed:.1f} s to resume a finished step",
        flush=True,
    )


def memory(rows: list[int]) -> None:
    for count in rows:
        command = [sys.executable, __file__, "one", "--rows", str(count)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        print(output.strip().splitlines()[-1], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="all", choices=["all", "throughput", "memory", "one"])
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000, 10_000, 100_000], help="proposals per run")
    arguments = parser.parse_args()
    if arguments.what == "one":
        collect_many(arguments.rows[0])
    if arguments.what in ("all", "throughput"):
        throughput()
    if arguments.what in ("all", "memory"):
        memory(arguments.rows)


if __name__ == "__main__":
    main()
