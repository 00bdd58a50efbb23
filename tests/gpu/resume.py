#!/usr/bin/env python3
"""Kill a training stage and start it again: resume.py RUN_DIR LIMIT_S [key=value ...]

`mmzero run --until iter_01/proposer` is killed (SIGKILL, no chance to tidy up) after its first checkpoint. Then no
memory of the GPU may stay taken, and the second start has to continue behind that checkpoint and finish.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

UNTIL = "iter_01/proposer"
SLACK_MIB = 300  # a GPU's used memory wavers by some MiB


def used_mib() -> int:
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return sum(int(line) for line in subprocess.run(query, capture_output=True, text=True).stdout.split())


def start(run_dir: Path, words: list[str]) -> subprocess.Popen:
    command = [sys.executable, "-m", "recipe.mmzero.cli", "run", "--until", UNTIL, f"run_dir={run_dir}", *words]
    return subprocess.Popen(command, start_new_session=True)


def wait(condition: Callable[[], bool], deadline: float, what: str) -> None:
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"resume: FAILED: {what} not reached in time")
        time.sleep(1)


def steps_of_attempts(step_dir: Path) -> list[list[int]]:
    files = sorted(step_dir.glob("metrics.attempt*.jsonl"))
    return [[json.loads(line)["step"] for line in file.read_text().splitlines()] for file in files]


def main(run_dir: Path, limit_s: float, words: list[str]) -> int:
    began, before, step_dir = time.monotonic(), used_mib(), run_dir / UNTIL
    deadline = began + limit_s
    marker = step_dir / "checkpoints" / "latest_checkpointed_iteration.txt"
    first = start(run_dir, words)
    try:
        wait(lambda: marker.exists() or first.poll() is not None, deadline, "the first checkpoint")
        if first.poll() is not None:
            sys.exit(f"resume: FAILED: the run ended with {first.returncode} before it was killed")
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    saved, killed = int(marker.read_text()), time.monotonic()
    wait(lambda: used_mib() < before + SLACK_MIB, min(deadline, killed + 60), "free GPU memory after the kill")
    freed = time.monotonic() - killed
    second = start(run_dir, words)
    try:
        wait(lambda: second.poll() is not None, deadline, "the end of the second start")
    finally:
        if second.poll() is None:
            second.send_signal(signal.SIGINT)
            second.wait()
    attempts = steps_of_attempts(step_dir)
    if second.returncode or len(attempts) < 2 or min(attempts[-1]) <= saved:
        sys.exit(f"resume: FAILED: exit code {second.returncode}, checkpoint {saved}, steps of the attempts {attempts}")
    took = time.monotonic() - began
    print(f"resume: ok, killed at checkpoint {saved}, memory free after {freed:.0f} s, steps {attempts}, {took:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), float(sys.argv[2]), sys.argv[3:]))
