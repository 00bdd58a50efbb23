"""CPU time of the loop's own process while a stage runs, now and with the watch that it had before. Paired in one run.

    python tests/bench/loop.py [--seconds 20] [--processes 24] [--pairs 3]

A stand-in stage starts so many processes, each with shared memory and a long list of mappings, as Ray and vLLM do. The
loop's own process then waits for it as it waits for a real one (supervise.attempt). "before" adds what the loop did
until then: every 3 s a walk over all processes and over the maps of those of the step, to know their segments. Goal:
under 1% of one core. More processes on the machine make "before" dearer and leave "now" as it is.
"""

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from recipe.mmzero.run.processes import supervise, tree
from recipe.mmzero.run.processes.segments import NAMES, SHARED_MEMORY
from recipe.mmzero.run.processes.signs import Signs

EVERY_S = 3.0
STAGE = """
import mmap, os, sys, time
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        kept = [mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE * (i % 2)) for i in range(3000)]
        time.sleep(1000)
time.sleep(float(sys.argv[2]))
"""


def walk(token: str, root: int) -> set[Path]:
    """The segments that the step's processes map: what the loop looked for while it waited."""
    processes = [psutil.Process(root), *tree.marked(token), *tree.signed_in(token)]
    for process in list(processes):
        with contextlib.suppress(psutil.NoSuchProcess):
            processes += process.children(recursive=True)
    found = set()
    for process in {process.pid: process for process in processes}.values():
        try:
            lines = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        names = (line.partition(f"{SHARED_MEMORY}/")[2] for line in lines)
        found |= {SHARED_MEMORY / name for name in names if name.startswith(NAMES)}
    return found


def measure(seconds: float, processes: int, walking: bool) -> float:
    """CPU seconds of this process per second, from the stage's start to its end (the clean-up is not in it)."""
    token, spent, over = tree.new_token(), [], threading.Event()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        signs = Signs(folder, "solver", 1, 4)
        begun = time.monotonic()
        before = time.process_time()
        last = begun

        class Watched:
            """The signs of life, and the place where the loop's time is read."""

            def look(self):
                nonlocal last
                now = time.monotonic()
                if walking and now - last > EVERY_S and not over.is_set():
                    walk(token, os.getpid())
                    last = now
                spent.append((now - begun, time.process_time() - before))
                return signs.look()

        command = [sys.executable, "-c", STAGE, str(processes), str(seconds)]
        supervise.attempt(command, folder, folder / "log", token, Watched(), dict(os.environ), 1e6, 1e6, 0.0, print)
    waiting = [(at, cpu) for at, cpu in spent if 2.0 <= at <= seconds]  # without the start
    return (waiting[-1][1] - waiting[0][1]) / (waiting[-1][0] - waiting[0][0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--processes", type=int, default=24)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    tree.adopt_orphans()
    pairs = []
    for _ in range(options.pairs):
        pairs.append([measure(options.seconds, options.processes, walking) for walking in (True, False)])
        print(f"before {pairs[-1][0]:.2%}  now {pairs[-1][1]:.2%} of one core", flush=True)
    before, now = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"median: before {before:.2%}, now {now:.2%} of one core; {before / now:.0f} times less")


if __name__ == "__main__":
    main()
