"""Drive `mmzero run` on the real engine as a person would, and look at what is left behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from recipe.mmzero.run.processes import tree

# Two GRPO steps a stage and small collections: the smallest run in which every part works.
SMALL = (
    "model=tiny",
    "hardware=cpu",
    "evolution.iterations=1",
    "stage.steps=2",
    "stage.save_every=1",
    "coder.filter.target_rows=12",
    "coder.filter.attempt_budget=64",
    "solver.filter.proposals=64",
)
LIMIT_S = 1500


def start(run_dir: Path, *words: str) -> subprocess.Popen:
    """`mmzero run` in the background, in a session of its own; output goes to RUN_DIR/../console.txt."""
    command = [sys.executable, "-m", "recipe.mmzero.cli", "run", *SMALL, f"run_dir={run_dir}", *words]
    with (run_dir.parent / "console.txt").open("ab") as out:
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)


def console(run_dir: Path) -> str:
    path = run_dir.parent / "console.txt"
    return path.read_text() if path.exists() else ""


def wait_until(process: subprocess.Popen, run_dir: Path, condition, limit_s: float = LIMIT_S) -> None:
    """Wait for `condition()`; fails with the end of the console if the run ends or takes too long before."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert process.poll() is None, f"mmzero run ended with {process.returncode}:\n{console(run_dir)[-4000:]}"
        assert time.monotonic() < deadline, f"not reached in {limit_s} s:\n{console(run_dir)[-4000:]}"
        time.sleep(0.2)


def interrupt(process: subprocess.Popen) -> tuple[int, float]:
    """Ctrl-C; returns (exit code, seconds until it was gone)."""
    started = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    return process.wait(timeout=60), time.monotonic() - started


def finish(process: subprocess.Popen, run_dir: Path, limit_s: float = LIMIT_S) -> None:
    """Wait for a successful end."""
    try:
        code = process.wait(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        raise AssertionError(f"not done in {limit_s} s:\n{console(run_dir)[-4000:]}") from None
    assert code == 0, f"exit code {code}:\n{console(run_dir)[-4000:]}"


def records(run_dir: Path) -> dict[str, dict]:
    """state.json's steps."""
    path = run_dir / "state.json"
    return json.loads(path.read_text())["steps"] if path.exists() else {}


def leftovers(run_dir: Path) -> list[str]:
    """Processes, private folders, sockets and shared memory of this run that still exist."""
    found = []
    for name, record in records(run_dir).items():
        token = record["token"]
        found += [f"{name}: process {p.pid} {' '.join(p.cmdline())[:120]}" for p in tree.of_step(token)]
        if tree.private_folder(token).exists():
            found.append(f"{name}: {tree.private_folder(token)}")
    here = str(run_dir).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if here in (entry / "cmdline").read_bytes():
                    found.append(f"process {entry.name}: {(entry / 'cmdline').read_bytes()[:200]!r}")
            except OSError:
                continue
    return found


def traces() -> set[str]:
    """Shared memory, and folders of ours among the temporary files; to be compared with an earlier look."""
    return {str(path) for path in [*Path("/dev/shm").iterdir(), *Path(tempfile.gettempdir()).glob("mmz-*")]}
