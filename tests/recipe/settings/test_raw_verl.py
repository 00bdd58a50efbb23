"""Raw keys of verl, on the command line and in profiles: what cannot be meant is one line before anything starts."""

import pytest

from recipe.mmzero.settings import schema
from recipe.mmzero.settings.verl.compose import check_raw

ROLLOUT = "actor_rollout_ref.rollout"
WRONG = [
    (f"verl.all.{ROLLOUT}=3", f"verl.all.{ROLLOUT} is a block of settings, got 3"),
    ("verl.all.trainer=null", "verl.all.trainer is a block of settings, got None"),
    ("verl.all.trainer.save_freq={a:1}", "verl.all.trainer.save_freq is one value"),
    (f"verl.all.{ROLLOUT}.gpu_memory_utilization=high", "must be a number, got 'high'"),
    ("verl.solver.actor_rollout_ref.actor.use_kl_loss=maybe", "must be true or false, got 'maybe'"),
    ("hardware.verl.trainer.save_frq=1", "hardware.verl.trainer.save_frq is no key of verl's configuration (did you"),
    ("model.verl.foo.bar=1", "model.verl.foo is no key of verl's configuration"),
    (f"verl.coder.{ROLLOUT}.n=2", "is set by the run, which reckons with it; set coder.train.rollouts"),
    ("verl.all.trainer.total_training_steps=9", "set <role>.train.steps"),
    ("verl.all.reward.reward_kwargs.seed=1", "verl.all.reward.reward_kwargs is set by the run"),
]
RIGHT = [
    f"verl.all.{ROLLOUT}.gpu_memory_utilization=1",
    f"verl.all.{ROLLOUT}.engine_kwargs.vllm.anything={{a: 1}}",
    "verl.all.ray_kwargs.ray_init.num_cpus=null",
    "verl.all.trainer.save_freq=3",
    "verl.all=null",
    "hardware.verl={}",
]


@pytest.mark.parametrize(("word", "line"), WRONG)
def test_wrong_raw_setting_is_one_line(word, line):
    with pytest.raises(schema.ConfigError) as caught:
        check_raw(schema.load([word]))
    assert line in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("word", RIGHT)
def test_right_raw_setting_is_taken(word):
    check_raw(schema.load([word]))
