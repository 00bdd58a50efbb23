"""mathruler and math-verify: only in a child, which is killed when it hangs and replaced."""

import os
import signal
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from mmzero_rewards.answers import children
from mmzero_rewards.answers.children import GraderChild, GraderUnavailable
from mmzero_rewards.answers.grading import check_grader, grade
from mmzero_rewards.answers.voting import vote

needs_mathruler = pytest.mark.skipif(
    not (find_spec("mathruler") and find_spec("pylatexenc")), reason="mathruler and pylatexenc are not installed"
)
needs_math_verify = pytest.mark.skipif(not find_spec("math_verify"), reason="math-verify is not installed")


@pytest.fixture
def child(monkeypatch):
    monkeypatch.setattr(children, "CPU_LIMIT_S", 0.5)
    made = GraderChild("mathruler")
    yield made
    made.close()


@needs_mathruler
def test_hanging_pair_ends_and_the_next_one_is_right(child):
    assert child.equal("0.5", "1/2") is True
    first = child._process.pid
    assert child.equal("9**9**9**9", "2.5") is False
    assert child.killed == 1
    assert child.equal("0.5", "1/2") is True and child.restarts == 1
    assert child._process.pid != first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


@needs_mathruler
@pytest.mark.parametrize("gone", [False, True])
def test_lost_child_is_replaced_without_a_verdict(child, gone):
    """It may be gone before the pair is written or only before it is read."""
    assert child.equal("1", "1")
    child._process.kill()
    if gone:
        child._process.wait()
    assert child.equal("0.5", "1/2") is True
    assert child.killed == 0


@needs_mathruler
@pytest.mark.parametrize("without_a_core", [True, False])
def test_time_without_a_core_is_not_the_pairs(child, monkeypatch, without_a_core):
    """A child that is stopped for longer than the limit; the kernel says it waited for a core, or it slept."""
    assert child.equal("1", "1")
    began, process = time.monotonic(), child._process
    monkeypatch.setattr(children, "WALL_LIMIT_S", 0.3)
    monkeypatch.setattr(children, "waited_s", lambda pid: without_a_core * (time.monotonic() - began))
    process.send_signal(signal.SIGSTOP)
    threading.Timer(1.0, process.send_signal, [signal.SIGCONT]).start()
    assert child.equal("0.5", "1/2") is without_a_core
    assert child.killed == (not without_a_core)


@needs_mathruler
def test_a_forked_process_starts_its_own_child():
    assert grade("0.50", "1/2", grader="mathruler")
    read, write = os.pipe()
    fork = os.fork()
    if fork == 0:
        verdict = children.child("mathruler").equal("0.500", "1/2")
        os.write(write, f"{verdict} {children.child('mathruler')._process.pid}".encode())
        children.child("mathruler").close()
        os._exit(0)
    os.waitpid(fork, 0)
    verdict, pid = os.read(read, 100).decode().split()
    assert verdict == "True" and int(pid) != children.child("mathruler")._process.pid
    assert grade("0.5000", "1/2", grader="mathruler")


@needs_mathruler
def test_sympy_stays_out_of_this_process():
    code = (
        "import sys; from mmzero_rewards import grade; print(grade('0.50', '1/2', grader='mathruler'), "
        "[name for name in ('sympy', 'mathruler') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert shown.stdout.split("\n")[0] == "True []"


@needs_mathruler
@pytest.mark.parametrize("text", ["__import__('os')", "1" * (children.MAX_CHARS + 1)])
def test_dangerous_text_does_not_reach_the_child(text, monkeypatch):
    def refuse(engine, a, b):
        raise AssertionError("reached the child")

    monkeypatch.setattr(children, "_cached", refuse)
    assert grade(text, text, grader="mathruler") is True
    assert grade(text, "5", grader="mathruler") is False


@needs_mathruler
def test_votes_under_mathruler_follow_its_rules():
    assert vote(["2/4", "1/2", "1/2"], grader="mathruler").clusters == (("1/2", 2), ("2/4", 1))
    assert vote(["2/4", "1/2", "1/2"]).clusters == (("1/2", 3),)


@needs_math_verify
def test_symbolic_step_is_optional():
    assert not grade("(x+1)^2", "x^2+2x+1")
    assert grade("(x+1)^2", "x^2+2x+1", symbolic=True)
    assert not grade("(x+1)^2", "x^2+1", symbolic=True)
    assert grade("x+1", "1+x", symbolic=True) == grade("1+x", "x+1", symbolic=True)


@needs_math_verify
@pytest.mark.parametrize(
    "a, b", [("25%", "0.25"), ("12 cm", "12 m"), ("2:1", "2/1"), ("blue", "red"), ("1/3", "0.333")]
)
def test_symbolic_step_keeps_the_stated_rules(a, b):
    assert not grade(a, b, symbolic=True) and not grade(b, a, symbolic=True)


@needs_mathruler
def test_child_ends_with_its_owner():
    """The owner dies without cleaning up while a fork of it holds the child's input open."""
    code = (
        "import os, time\n"
        "from mmzero_rewards.answers.children import GraderChild\n"
        "child = GraderChild('mathruler')\n"
        "assert child.equal('1', '1')\n"
        "holder = os.fork()\n"
        "if holder == 0: time.sleep(60)\n"
        "print(child._process.pid, holder, flush=True)\n"
        "os._exit(0)\n"
    )
    shown = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    grader, holder = map(int, shown.stdout.readline().split())
    shown.wait(timeout=60)
    try:
        deadline = time.monotonic() + 30
        while Path(f"/proc/{grader}").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        state = Path(f"/proc/{grader}/stat")
        assert not state.exists() or state.read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "Z"
    finally:
        os.kill(holder, signal.SIGKILL)


def test_missing_package_is_one_line_with_the_remedy(monkeypatch):
    monkeypatch.setattr(children.sys, "executable", "/bin/sh")  # a child that cannot start the grader
    with pytest.raises(GraderUnavailable) as error:
        GraderChild("mathruler").equal("1", "2")
    assert "grading.grader=mathruler" in str(error.value) and "pip install mathruler" in str(error.value)
    assert "\n" not in str(error.value)


@needs_mathruler
def test_check_at_start():
    check_grader("builtin")
    check_grader("mathruler")
