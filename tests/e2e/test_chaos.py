"""The short form of tests/chaos/chaos.py: three kills -9 until the Coder's rows are collected, compared with the run of
the other tests here (docs/method.md §4: the collected rows do not depend on timing or kills)."""

import random

import pytest

from tests.chaos import chaos

pytestmark = pytest.mark.e2e


def test_rows_survive_kills_of_trainer_loop_and_collector(evolved, tmp_path):
    run_dir = tmp_path / "run"
    words = ("evolution.max_attempts=10", "--until", "iter_01/collect_coder")
    before = chaos.loop.traces()
    kinds, dice = ("trainer", "loop", "collector"), random.Random(0)
    killed = chaos.disturb(run_dir, kinds, 3, 2, dice, words, settle_s=5.0)
    assert killed == 3, "the run was over before all three were killed"
    assert chaos.check.problems(run_dir) == []
    assert chaos.check.differences(run_dir, evolved.run_dir, ("collect_coder",)) == []
    assert chaos.loop.leftovers(run_dir) + sorted(chaos.loop.traces() - before) == []
