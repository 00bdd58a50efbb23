"""Drive `mmzero run` on the real engine as a person would, and look at what is left behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

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


def traces(neighbours: Iterable[psutil.Process] | None = None) -> set[str]:
    """Shared memory, and folders of ours among the temporary files; to be compared with an earlier look.

    Args:
        neighbours: processes of other runs, whose traces do not count. Default: what runs below the other workers of
            `pytest -n`, nothing without it.
    """
    found = {str(path) for path in [*Path("/dev/shm").iterdir(), *Path(tempfile.gettempdir()).glob("mmz-*")]}
    theirs = b"\0".join(map(_names, other_workers() if neighbours is None else neighbours))
    return {path for path in found if path.encode() not in theirs}


def new_traces(before: set[str], patience_s: float = 30.0) -> list[str]:
    """What has come since the look `before`. Where nothing else runs, one look decides.

    Beside other workers what goes within `patience_s` was one of theirs: a folder is nobody's for a moment, before its
    owner starts and after it has ended. What a run leaves behind does not go by itself.
    """
    left, deadline = traces() - before, time.monotonic() + patience_s
    while left and other_workers() and time.monotonic() < deadline:
        time.sleep(0.5)
        left &= traces()
    return sorted(left)


def other_workers() -> list[psutil.Process]:
    """The other workers of `pytest -n`, and all processes below them."""
    found: list[psutil.Process] = []
    if "PYTEST_XDIST_WORKER" in os.environ:
        for process in psutil.Process().parent().children():
            if process.pid != os.getpid():
                with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                    found += [process, *process.children(recursive=True)]
    return found


def _names(process: psutil.Process) -> bytes:
    """All file names that a process shows: in its environment, its command line, its memory, and those it has open."""
    found, folder = [], Path(f"/proc/{process.pid}")
    for name in ("environ", "cmdline", "maps"):
        with contextlib.suppress(OSError):
            found.append((folder / name).read_bytes())
    with contextlib.suppress(OSError):
        for entry in (folder / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(os.readlink(entry).encode())
    return b"\0".join(found)
