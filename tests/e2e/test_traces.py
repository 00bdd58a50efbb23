"""What the runs of this folder leave behind is looked for beside others: what a neighbour uses does not count."""

import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import pytest

from tests.support import loop

ROOT = Path(__file__).resolve().parents[2]
# What a run does: a file that is open, one that is only mapped, a folder that stands in its environment.
HOLD = """
import mmap, sys
opened, mapped = sys.stdin.readline().split()
held = open(opened)
with open(mapped, "r+b") as file:
    memory = mmap.mmap(file.fileno(), 0)
print("held", flush=True)
sys.stdin.read()
"""
WORKER = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
# The process above the workers of `pytest -n`: one has a run below it, the other looks.
CONTROLLER = """
import os, subprocess, sys
from tests.e2e.test_traces import HOLD, WORKER
*files, folder = sys.argv[1:]
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": os.environ | {"TMPDIR": folder}}
worker = subprocess.Popen([sys.executable, "-c", WORKER, HOLD], **pipes)
print(*files, file=worker.stdin, flush=True)
worker.stdout.readline()
look = "from tests.support import loop; print(*loop.new_traces(set(), 0.0))"
subprocess.run([sys.executable, "-c", look], env=os.environ | {"PYTEST_XDIST_WORKER": "gw1"}, check=True)
worker.communicate()
"""


@pytest.fixture
def made():
    """Three files in shared memory and a folder, as a run has them."""
    name = uuid.uuid4().hex
    files = [Path("/dev/shm", f"test-{name}-{kind}") for kind in ("unused", "open", "mapped")]
    folder = Path(tempfile.gettempdir(), f"mmz-{name}")
    for file in files:
        file.write_bytes(b"x")
    folder.mkdir()
    yield [*map(str, files), str(folder)]
    for file in files:
        file.unlink()
    folder.rmdir()


def test_what_nobody_uses_is_a_trace(made):
    assert set(made) <= loop.traces(neighbours=[])


def test_what_a_run_below_another_worker_uses_is_none(made):
    unused, *used = made
    command = [sys.executable, "-c", CONTROLLER, *used]
    environment = os.environ | {"TMPDIR": tempfile.gettempdir()}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert set(made) & set(done.stdout.split()) == {unused}


def test_what_this_process_uses_stays_a_trace(made):
    with open(made[1], encoding="utf-8"):
        assert made[1] in loop.traces()
