"""mathruler and math-verify: only in a child, which is killed when it hangs and replaced."""

import os
from importlib.util import find_spec

import pytest

from mmzero_rewards import children
from mmzero_rewards.children import GraderChild, GraderUnavailable
from mmzero_rewards.grading import check_grader, grade
from mmzero_rewards.voting import vote

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
def test_lost_child_is_replaced_without_a_verdict(child):
    assert child.equal("1", "1")
    child._process.kill()
    assert child.equal("0.5", "1/2") is True
    assert child.killed == 0


@needs_mathruler
def test_sympy_stays_out_of_this_process():
    import sys

    assert grade("0.50", "1/2", grader="mathruler")
    assert "sympy" not in sys.modules and "mathruler" not in sys.modules


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
    assert not grade("\\sqrt{8}", "2\\sqrt{2}")
    assert grade("\\sqrt{8}", "2\\sqrt{2}", symbolic=True)
    assert not grade("\\sqrt{8}", "3", symbolic=True)
    assert grade("x+1", "1+x", symbolic=True) == grade("1+x", "x+1", symbolic=True)


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
