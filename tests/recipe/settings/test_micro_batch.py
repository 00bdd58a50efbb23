"""Micro-batches on a CPU: any batch trains, none is split unevenly, none holds more than was allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from recipe.mmzero.settings import schema
from recipe.mmzero.settings.verl import config as verl_config
from recipe.mmzero.settings.verl.micro_batch import micro_batch

# prompts, rollouts, gpus, most, expected
SIZES = [(8, 8, 1, 8, 8), (8, 8, 1, 64, 64), (8, 8, 1, 100, 64), (7, 4, 1, 8, 7), (3, 5, 1, 8, 5), (1, 2, 1, 8, 2)]
SIZES += [(8, 8, 2, 64, 32), (13, 2, 1, 12, 2), (13, 2, 1, 1, 1), (8, 8, 1, 10**12, 64)]


@pytest.mark.parametrize(("prompts", "rollouts", "gpus", "most", "expected"), SIZES)
def test_micro_batch(prompts, rollouts, gpus, most, expected):
    train = {"prompts_per_update": prompts, "rollouts": rollouts}
    assert micro_batch(train, {"train_gpus": gpus, "micro_batch": most}) == expected


@given(st.integers(1, 64), st.integers(2, 16), st.integers(1, 200))
def test_it_divides_and_nothing_larger_does(prompts, rollouts, most):
    size = micro_batch({"prompts_per_update": prompts, "rollouts": rollouts}, {"train_gpus": 1, "micro_batch": most})
    assert size <= most and (prompts * rollouts) % size == 0
    assert all((prompts * rollouts) % larger for larger in range(size + 1, most + 1))


def test_every_pass_of_a_stage_has_it(tmp_path):
    overrides = ["proposer.train.prompts_per_step=14", "proposer.train.prompts_per_update=7"]
    config = schema.load(["model=tiny", "hardware=cpu", "hardware.stages.proposer.micro_batch=8", *overrides])
    inputs = {name: "/models/base" for name in ("policy", "coder", "solver")}
    step = {"id": "iter_01/proposer", "role": "proposer", "iteration": 1, "step_dir": str(tmp_path), "inputs": inputs}
    made = verl_config.stage_config(config, OmegaConf.create(step)).actor_rollout_ref
    assert made.actor.ppo_micro_batch_size_per_gpu == 7, "28 roll-outs an update"
    assert made.ref.log_prob_micro_batch_size_per_gpu == made.rollout.log_prob_micro_batch_size_per_gpu == 7
