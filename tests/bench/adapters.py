"""Memory and time of a training stage with adapters beside full tuning: the tiny Proposer's, by turns, in one run.

    python tests/bench/adapters.py [--pairs 3] [--rank 16] [--out DIR]

Prints a line per stage and the median ratios, adapters / full, of: seconds of an update, of the pass for old
log-probabilities, of the reference, and of the hand-over of weights to the server; the trainer process's largest
resident memory; bytes of a checkpoint and of what the stage hands on. A CPU holds the tiny base in fp32 either way, so
what is saved here is gradients, moments and the reference; Ray, torch and verl are most of the process.
"""

import argparse
import json
import re
import statistics
import tempfile
import time
from pathlib import Path

from tests.support import loop

TIMES = ("update_actor", "old_log_prob", "ref", "update_weights")


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder.exists() else 0


def peak_kib(log: Path) -> int:
    """VmHWM of the trainer whose pid the log names; 0 before it starts and after it has ended."""
    found = re.findall(r"\(WorkerDict pid=(\d+)", log.read_text(errors="replace")) if log.exists() else []
    for pid in dict.fromkeys(found):
        try:
            return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])
        except (OSError, TypeError):
            continue
    return 0


def measure(run_dir: Path, *words: str) -> dict[str, float]:
    """One stage of four steps; the first step is left out of the times."""
    process = loop.start(
        run_dir, "stage.steps=4", "stage.save_every=4", "stage.keep=all", *words, "--until", "iter_01/proposer"
    )
    log, peak = run_dir / "logs" / "iter_01-proposer.attempt01.log", 0
    while process.poll() is None:
        peak = max(peak, peak_kib(log))
        time.sleep(0.5)
    assert process.returncode == 0, loop.console(run_dir)[-2000:]
    step = run_dir / "iter_01" / "proposer"
    rows = [json.loads(line)["data"] for line in (step / "metrics.jsonl").read_text().splitlines()][1:]
    found = {f"{name} s": statistics.median(row[f"timing_s/{name}"] for row in rows) for name in TIMES}
    handed_on = size_of(step / "hf") or size_of(step / "adapter")
    return found | {
        "trainer MiB": peak / 1024,
        "checkpoint MiB": size_of(step / "checkpoints" / "global_step_4") / 2**20,
        "handed on MiB": handed_on / 2**20,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    out = options.out or Path(tempfile.mkdtemp(prefix="mmz-adapters-"))
    kinds = {"full": (), "adapters": ("tuning=lora_base", f"adapter.rank={options.rank}")}
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for pair in range(options.pairs):
        for kind, words in kinds.items():
            folder = out / f"{kind}{pair}"
            folder.mkdir(parents=True)
            found[kind].append(measure(folder / "run", *words))
            print(kind, {name: round(value, 3) for name, value in found[kind][-1].items()}, flush=True)
    for name in found["full"][0]:
        pairs = zip(found["adapters"], found["full"], strict=True)
        ratios = sorted(one[name] / other[name] for one, other in pairs if other[name])
        print(f"{name}: adapters / full {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")


if __name__ == "__main__":
    main()
