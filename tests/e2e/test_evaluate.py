"""`mmzero eval` with a real `vllm serve` of the tiny base: killed half-way and resumed, its answers are the same."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from recipe.mmzero.tiny.cache import ensure_base

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
ITEMS, SAMPLES = 40, 4


def command(*words):
    return [sys.executable, "-m", "recipe.mmzero.cli", "eval", *map(str, words)]


def run(*words):
    done = subprocess.run(command(*words), cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wait_for(what, seconds=600):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.2)


def test_killed_and_resumed_the_answers_are_the_same(tmp_path):
    base = ensure_base()
    suite = Path(run("--export-world", tmp_path / "world", "--items", ITEMS).strip())
    whole = run(f"base={base}", "--suite", suite, "--out", tmp_path / "whole", "--blind")
    assert "320/320 answers" in whole and "base without pictures" in whole

    out = tmp_path / "killed"
    words = command(f"base={base}", "--suite", suite, "--out", out, "--in-flight", 2, "--blind")
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    wait_for(lambda: list((out / "base" / "shards").glob("*.parquet")))
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 3  # the owner's watch, the server, its engine
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "base" / "answers.parquet").exists()
    wait_for(lambda: not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE], 60)

    assert "base" in run(f"base={base}", "--suite", suite, "--out", out, "--in-flight", 9, "--blind")
    for name in ("base", "base-blind"):
        assert digest(out / name / "answers.parquet") == digest(tmp_path / "whole" / name / "answers.parquet")
    assert digest(out / "results.json") == digest(tmp_path / "whole" / "results.json")

    again = run(f"base={base}", "--suite", suite, "--out", out, "--blind")
    assert "all answers are there" in again  # nothing was served
