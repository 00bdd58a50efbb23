"""One step of overlap: verl's trainer and buffer with ours on simulated servers (tests/support/overlap_sim.py)."""

import pytest

pytest.importorskip("verl", reason="this is verl's trainer")
from omegaconf import OmegaConf

from recipe.mmzero.engine.train.batch import StageFailure
from recipe.mmzero.machine.forecast.pipeline import Ask, Group, Work
from recipe.mmzero.machine.forecast.roofline import Speed
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.types.run import ConfigError
from recipe.mmzero.settings.verl import config as verl_config
from tests.support.overlap_sim import Engine, Trainer

STEPS = 6
SECOND = Speed(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 100)  # one token takes a second, whatever else runs


def trainer(ahead, write=10, judge=30, train=5.0, items=1, rollouts=1, spread=0.0, steps=STEPS):
    asks = (
        Ask("proposals", "trained", 1, rollouts, 0, write, 10 * write, each=True),
        Ask("codes", "peer", 1, 1, 0, judge, 10 * judge),
    )
    groups = {"trained": Group(SECOND, 1, 1), "peer": Group(SECOND, 1, 1)}
    engine = Engine(Work(items, asks, spread), groups, 1, 0.0, ahead)
    return Trainer(engine, steps, train, ahead, poll_s=1.0)


def test_step_by_step_by_hand():
    """10 s of writing, 30 of judging, 5 of training, looked at every second: 45 s a step, one after the other."""
    assert trainer(False).train() == pytest.approx([45.0 * step for step in range(1, STEPS + 1)])


def test_one_step_ahead_by_hand():
    """Both first batches are written by 10 and judged by 40. T1 ends at 45; batch 3 is written by 55 and judged by 85.
    Step 2 waits for batch 3 to be written: T2 from 55 to 60. Step 3: batch 4 is written from 60 to 70 and judged by
    100; batch 3 is judged at 85: T3 ends at 90. Step 4: batch 5 is written by 100, T4 ends at 105.
    Step 5: batch 6 is written by 115, batch 5 judged by 130: T5 ends at 135. Step 6: judged by 145."""
    assert trainer(True).train() == pytest.approx([45, 60, 90, 105, 135, 150])


def test_rows_and_seeds_are_the_same_and_one_version_behind():
    plain, ahead = trainer(False, items=3, rollouts=2, spread=0.6), trainer(True, items=3, rollouts=2, spread=0.6)
    plain.train(), ahead.train()
    rows = [sorted((row.step, row.row, row.session, row.seed) for row in one.engine.rows) for one in (plain, ahead)]
    assert rows[0] == rows[1] and len(rows[0]) == STEPS * 6
    stale = {(row.step, row.step - 1 - row.version) for row in ahead.engine.rows}
    assert stale == {(1, 0), *((step, 1) for step in range(2, STEPS + 1))}
    assert {row.step - 1 - row.version for row in plain.engine.rows} == {0}


def test_a_step_trains_on_its_own_rows_however_fast_the_next_ones_come():
    """Judging takes longest where writing is shortest: rows of step k + 1 are often there first."""
    ahead = trainer(True, write=2, judge=40, items=4, rollouts=2, spread=0.9)
    ahead.train()
    prompts = [{key.split("_")[0] for key in keys} for keys in ahead.trained]
    assert [len(keys) for keys in ahead.trained] == [8] * STEPS
    assert len(set.union(*prompts)) == 4 * STEPS  # no prompt twice
    assert not ahead.engine.queue.tags["train"] and not ahead.engine.queue.tags["written"]


def test_a_failed_prompt_is_not_waited_for():
    ahead = trainer(True, items=2, rollouts=2)
    ahead.engine.failing = {(2, 2)}
    assert len(ahead.train()) == STEPS and [len(keys) for keys in ahead.trained] == [4, 2, 4, 4, 4, 4]


def test_a_resume_goes_on_with_the_first_row_that_was_not_trained_on():
    """Killed after step 2: batch 3 was submitted, and is submitted again from its first row, with its own seeds."""
    killed, whole, again = (trainer(True, items=3, rollouts=2) for _ in range(3))
    killed.train(steps=2)
    whole.train()
    again.train_dataloader.load_state_dict(killed.saved)
    again.global_steps, again.engine.version = 3, 2
    again.train()
    later = {(row.step, row.row, row.session, row.seed) for row in whole.engine.rows if row.step >= 3}
    assert {(row.step, row.row, row.session, row.seed) for row in again.engine.rows} == later
    assert {row.step - 1 - row.version for row in again.engine.rows if row.step == 3} == {0}  # with the newest weights


def test_the_saved_position_is_where_the_data_loader_is_after_the_last_step():
    plain, ahead = trainer(False), trainer(True)
    plain.train(), ahead.train()
    assert ahead.saved == plain.saved


@pytest.mark.parametrize("key", ["algorithm.filter_groups.enable", "trainer.v1.sampler.sync_refill_failed_groups"])
def test_eviction_is_refused(key):
    ahead = trainer(True)
    OmegaConf.update(ahead.config, key, True)
    with pytest.raises(StageFailure, match=r"proposer\.overlap"):
        ahead.train()


def test_settings():
    step = {"role": "proposer", "iteration": 1, "step_dir": "x", "id": "iter_01/proposer", "attempt": 1}
    step["inputs"] = dict.fromkeys(("policy", "coder", "solver"), "base")
    off, on = (verl_config.stage_config(schema.load([f"proposer.overlap={one}"]), step) for one in (0, 1))
    assert not off.mmzero.overlap and "sampler" not in off.trainer.v1
    assert on.mmzero.overlap and on.trainer.v1.sampler.custom_sampler.name == "StepByStep"
    assert on.trainer.v1.sampler.sampler_kwargs.rollouts == on.actor_rollout_ref.rollout.n
    with pytest.raises(ConfigError, match="sleeps then"):
        schema.load(["model=qwen2_5_vl_3b", "hardware=gpu1x80_lora", "proposer.overlap=1"])


def test_a_key_counts_once_its_tag_is_there():
    buffer = trainer(True).replay_buffer
    buffer.partitions["written"] |= {"a_0": {}, "a_1": {"global_steps": 3}, "b_0": {"global_steps": 4}}
    assert buffer._written(3) == 1
