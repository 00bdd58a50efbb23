"""Simulated peers and renderer for the collection tests and tests/bench/collect.py.

A model here is a pure function of (prompt, seed, sample), as method.md §4 assumes of a seeded engine. Capacity, latency
and failures are separate and may be as irregular as a test wants, since they must not change what is collected.
"""

import asyncio
import hashlib
import random
import re
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mmzero_env import RenderEnvError, RenderRequest, RenderResult, RenderStatus
from mmzero_rewards.peers.client import PeerError, Sampling
from recipe.mmzero.engine.collect import collect_coder, collect_solver
from recipe.mmzero.engine.collect.settings import CoderFilter, Settings, SolverFilter

FORMAT_ERRORS = 0.15
SAMPLING = Sampling(temperature=1.0, top_p=0.95, top_k=-1, max_tokens=64)


def settings(**changes: Any) -> Settings:
    """Small budgets; keyword arguments replace fields."""
    values = {
        "topics": ("charts", "maps", "tables"),
        "propose": SAMPLING,
        "code": SAMPLING,
        "judge": SAMPLING,
        "label": SAMPLING,
        "coder_filter": CoderFilter(target_rows=12, attempt_budget=60, min_rows=4),
        "solver_filter": SolverFilter(proposals=60, min_rows=4),
        "max_retries": 1,
        "in_flight": 8,
        "rows_per_shard": 4,
    }
    return Settings(**(values | changes))


def proposer_text(messages: list[dict], rng: random.Random) -> str:
    """A proposal whose caption states how often it draws and whose questions state how they are answered."""
    if rng.random() < FORMAT_ERRORS:
        return rng.choice(["no blocks at all", "<caption>cut off", "<caption></caption><map>"])
    number = rng.randrange(10**6)
    return (
        f"<content_type>diagram</content_type><caption>Scene {number} draws {rng.choice([0, 3, 5, 7, 10])}/10</caption>"
        f"<easy_question>How many dots has scene {number}, agree {rng.choice([3, 9, 10])}/10?</easy_question>"
        f"<easy_answer>{number % 7}</easy_answer>"
        f"<hard_question>Which share of scene {number}, agree {rng.choice([1, 5, 6, 10])}/10?</hard_question>"
        f"<hard_answer>{number % 5}</hard_answer>"
    )


def coder_text(messages: list[dict], rng: random.Random) -> str:
    scene, share = re.search(r"Scene (\d+) draws (\d+)/10", _text(messages)).groups()
    if rng.random() * 10 >= int(share):
        return rng.choice(["I cannot draw this.", "```svg\n<svg>broken\n```"])
    return f"```svg\n<svg><text>scene {scene} variant {rng.randrange(3)}</text></svg>\n```"


def solver_text(messages: list[dict], rng: random.Random) -> str:
    scene, share = re.search(r"scene (\d+), agree (\d+)/10", _text(messages)).groups()
    if rng.random() < 0.15:
        return "no answer"
    base = 7 if "How many" in _text(messages) else 5
    right = rng.random() * 10 < int(share)
    return f"<think></think>\\boxed{{{int(scene) % base if right else rng.randrange(100, 999)}}}"


WRITERS = {"proposer": proposer_text, "coder": coder_text, "solver": solver_text}


@dataclass
class SimPeer:
    """One role behind `slots` parallel samples.

    latency_s: (shortest, longest) per sample; failures: share of requests that fail the first time they are sent
    (`persistent`: every time). `chaos` decides timing and failures and is not seeded by the request.
    """

    role: str
    slots: int = 64
    latency_s: tuple[float, float] = (0.0, 0.0)
    failures: float = 0.0
    persistent: bool = False
    chaos: random.Random | None = None
    requests: int = 0
    samples: int = 0

    def __post_init__(self):
        self._gate = asyncio.Semaphore(self.slots)
        self._chaos = self.chaos or random.Random()

    async def chat(self, messages: list[dict], n: int, sampling: Sampling, seed: int) -> list[str]:
        self.requests += 1
        if self._chaos.random() < self.failures:
            await asyncio.sleep(self._chaos.uniform(*self.latency_s))
            if self.persistent:
                raise PeerError(f"peer {self.role} at 127.0.0.1:1: connection refused", "127.0.0.1:1")
        return list(await asyncio.gather(*[self._sample(messages, seed, sample) for sample in range(n)]))

    async def _sample(self, messages: list[dict], seed: int, sample: int) -> str:
        async with self._gate:
            self.samples += 1
            low, high = self.latency_s
            if high:
                await asyncio.sleep(low if low == high else self._chaos.uniform(low, high))
            digest = hashlib.sha256(f"{self.role}|{_text(messages)}|{seed}|{sample}".encode()).digest()
            return WRITERS[self.role](messages, random.Random(digest))


@dataclass
class SimRender:
    """Draws text that holds `variant`; the picture's bytes depend on the code alone."""

    slots: int = 16
    latency_s: float = 0.0
    failures: float = 0.0
    picture_bytes: int = 200

    def __post_init__(self):
        self._gate = asyncio.Semaphore(self.slots)
        self._chaos = random.Random()

    async def render_async(self, request: RenderRequest) -> RenderResult:
        async with self._gate:
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            if self._chaos.random() < self.failures:
                raise RenderEnvError("workers lost")
            if "variant" not in request.code:
                return RenderResult(RenderStatus.SYNTAX_ERROR, None, 0, 0, "broken", (), 0.0)
            header = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 320, 240)
            body = hashlib.sha256(request.code.encode()).digest() * (1 + self.picture_bytes // 32)
            drawn = tuple(re.findall(r">([^<]+)</text>", request.code))
            return RenderResult(RenderStatus.OK, header + body, 320, 240, "", drawn, 0.0)


def peers(**changes: Any) -> dict[str, SimPeer]:
    return {role: SimPeer(role, **changes) for role in WRITERS}


def _text(messages: list[dict]) -> str:
    content = messages[-1]["content"]
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part["type"] == "text")


PIPELINES = {"collect_coder": collect_coder, "collect_solver": collect_solver}


def run(
    stage: str, out_dir: Path, config: Settings, clients: dict, render: Any, seed: int = 7, lengths: Any = None
) -> dict[str, Any]:
    """One collection in an event loop of its own."""
    return asyncio.run(PIPELINES[stage](config, clients, render, out_dir, seed, iteration=1, lengths=lengths))


def tables(out_dir: Path) -> dict[str, list[dict]]:
    """The three files of a collection as rows, with picture paths that don't name the folder."""
    found = {
        name: pq.read_table(out_dir / f"{name}.parquet").to_pylist() for name in ("proposals", "drawings", "train")
    }
    for row in found["train"]:
        row["images"] = [str(Path(image).relative_to(out_dir.resolve())) for image in row["images"]]
    return found


if __name__ == "__main__":
    # `collect_sim.py STAGE OUT_DIR`: a collection slow enough to be killed in the middle (test_collect.py).
    run(sys.argv[1], Path(sys.argv[2]), settings(), peers(latency_s=(0.0, 0.05)), SimRender(latency_s=0.005))
