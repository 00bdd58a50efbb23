"""Kill -9 what a run consists of, at random moments, until the run completes; then check it.

    python tests/chaos/chaos.py --out DIR [--kills 12] [--iterations 2] [--seed 0]

Victims: stage process, trainer actor, rollout server, peer server, collector, loop, warm server. A reference run
of the same seed without kills comes first (kept in DIR/reference, reused if it is there). Prints a line per kill and at
the end `kills N, attempts N, whole, rows equal the reference's`; exit 1 if anything is wrong or left over.
"""

import argparse
import math
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.chaos import check
from tests.support import loop

VICTIMS = ("stage", "trainer", "rollout", "peer", "collector", "loop", "warm")
TRAINING = ("proposer", "coder", "solver")


def victims(kind: str, run_dir: Path, owner: int) -> list[int]:
    """Process ids of a kind that live right now."""
    running = [name for name, record in loop.records(run_dir).items() if record["status"] == "running"]
    if kind == "loop":
        return [owner]
    if not running:
        return []
    stage = running[-1].rsplit("/", 1)[1]
    log = sorted((run_dir / "logs").glob(f"{running[-1].replace('/', '-')}.attempt*.log"))
    text = log[-1].read_text(errors="replace") if log else ""
    if kind == "trainer":
        return _alive(re.findall(r"\(WorkerDict pid=(\d+)", text)) if stage in TRAINING else []
    if kind in ("rollout", "peer"):
        servers = list(dict.fromkeys(re.findall(r"\(vLLMHttpServer pid=(\d+)", text)))
        # peers start before the trained role's server, which only training stages have
        chosen = servers[-1:] if kind == "rollout" and stage in TRAINING else servers[:1]
        wanted = stage in TRAINING if kind == "rollout" else stage != "solver"
        return _alive(chosen) if wanted else []
    needle = {
        "stage": "recipe.mmzero.engine.stage",
        "collector": "engine.collect.stage",
        "warm": "recipe.mmzero.run.processes.warm",
    }[kind]
    found = []
    try:
        family = psutil.Process(owner).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    for process in family:
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if needle in line:
            found.append(process.pid)
    return found[:1]


def _alive(pids: list[str]) -> list[int]:
    return [int(pid) for pid in dict.fromkeys(pids) if psutil.pid_exists(int(pid))][-1:]


def disturb(
    run_dir: Path,
    kinds: Sequence[str],
    kills: int,
    steps: int,
    dice: random.Random,
    words: tuple[str, ...],
    settle_s: float = 60.0,
) -> int:
    """Run to the end while killing `kills` victims, spread over the `steps` of the run; returns the number of kills.

    The moment is random, up to `settle_s` after the last kill; so is the victim, among the kinds that live then and
    were killed least. No kind has more than its share: some live from the first second of a step, others only later.
    """
    share = math.ceil(kills / len(kinds))
    killed: Counter[str] = Counter()
    process = loop.start(run_dir, *words)
    due = time.monotonic() + dice.uniform(0, settle_s)
    while True:
        code = process.poll()
        if code is not None:
            if code == 0:
                return killed.total()
            if code != -signal.SIGKILL:
                raise SystemExit(f"mmzero run ended with {code}:\n{loop.console(run_dir)[-3000:]}")
            process = loop.start(run_dir, *words)
        begun = list(loop.records(run_dir))
        if killed.total() < math.ceil(kills * len(begun) / steps) and time.monotonic() > due:
            found = {kind: victims(kind, run_dir, process.pid) for kind in kinds if killed[kind] < share}
            alive = [kind for kind in found if found[kind]]
            if alive:
                kind = min(alive, key=lambda kind: (killed[kind], dice.random()))
                try:
                    os.kill(found[kind][0], signal.SIGKILL)
                except ProcessLookupError:  # ended by itself in the meantime
                    continue
                killed[kind] += 1
                print(f"kill {killed.total():2}: {kind:9} during {begun[-1]}", flush=True)
                due = time.monotonic() + dice.uniform(0, settle_s)
        time.sleep(0.3)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    words = (f"evolution.iterations={options.iterations}", "evolution.max_attempts=20")
    out = options.out.resolve()
    reference, run_dir = out / "reference" / "run", out / "disturbed" / "run"
    for folder in (reference, run_dir):
        folder.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    loop.finish(loop.start(reference, *words), reference, limit_s=5400)
    print(f"reference: {time.monotonic() - started:.0f} s", flush=True)
    before = loop.traces()
    started = time.monotonic()
    killed = disturb(run_dir, VICTIMS, options.kills, 5 * options.iterations, dice, words)
    wrong = check.problems(run_dir) + check.differences(run_dir, reference)
    wrong += loop.leftovers(run_dir) + loop.new_traces(before)
    attempts = sum(record["attempts"] for record in loop.records(run_dir).values())
    verdict = "; ".join(wrong) or "whole, rows equal the reference's, nothing left"
    print(f"kills {killed}, attempts {attempts}, {time.monotonic() - started:.0f} s: {verdict}")
    return bool(wrong) or killed < options.kills


if __name__ == "__main__":
    sys.exit(main())
