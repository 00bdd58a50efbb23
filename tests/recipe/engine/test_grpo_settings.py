"""docs/method.md §3: what GRPO runs with, read from verl's config as Hydra composes it; and the seeds of roll-outs."""

import asyncio
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from recipe.mmzero.settings import schema
from recipe.mmzero.settings.checks.layout import PEERS
from recipe.mmzero.settings.verl import config as verl_config

PROFILES = [[], ["model=qwen2_5_vl_7b", "hardware=gpu8x80"], ["model=qwen3_vl_4b", "hardware=gpu1x80"]]


def composed(role: str, overrides: list[str]):
    config = schema.load(overrides)
    inputs = {name: f"/weights/{name}" for name in ("policy", "data", *PEERS[role])}
    step = {"id": f"iter_01/{role}", "role": role, "iteration": 1, "step_dir": "/x", "attempt": 1, "inputs": inputs}
    return verl_config.composed(verl_config.stage_config(config, step))


@pytest.mark.parametrize("overrides", PROFILES, ids=lambda one: "-".join(one) or "tiny")
@pytest.mark.parametrize("role", ["proposer", "coder", "solver"])
def test_grpo_is_the_methods(role, overrides):
    verl = composed(role, overrides)
    actor, algorithm = verl.actor_rollout_ref.actor, verl.algorithm
    assert algorithm.adv_estimator == "grpo" and algorithm.norm_adv_by_std_in_grpo is True
    assert not algorithm.use_kl_in_reward and not algorithm.filter_groups.enable, "KL is a loss; no online filtering"
    assert actor.loss_agg_mode == "token-mean"
    assert (actor.clip_ratio_low, actor.clip_ratio_high, actor.clip_ratio_c) == (0.2, 0.3, 3.0)
    assert actor.policy_loss.loss_mode == "vanilla"
    assert actor.ppo_epochs == 1 and actor.entropy_coeff == 0 and actor.shuffle is False
    assert actor.use_kl_loss is True and actor.kl_loss_coef == 0.01 and actor.kl_loss_type == "low_var_kl"
    assert actor.grad_clip == 1.0
    optim = actor.optim
    assert optim.weight_decay == 0.01 and list(optim.betas) == [0.9, 0.999]
    assert optim.lr_scheduler_type == "constant" and optim.lr_warmup_steps <= 0
    assert not optim.get("lr_warmup_steps_ratio")
    assert verl.actor_rollout_ref.model.enable_gradient_checkpointing is bool(overrides), "the tiny model needs none"


@pytest.mark.parametrize("role, update, rollouts", [("proposer", 18, 4), ("coder", 64, 4), ("solver", 64, 8)])
def test_batches_are_the_methods(role, update, rollouts):
    verl = composed(role, ["model=qwen2_5_vl_7b", "hardware=gpu8x80"])
    steps = {"proposer": 18, "coder": 320, "solver": 512}
    assert verl.data.train_batch_size == steps[role]
    assert verl.actor_rollout_ref.actor.ppo_mini_batch_size == update and verl.actor_rollout_ref.rollout.n == rollouts
    assert verl.actor_rollout_ref.actor.optim.lr == 1e-6
    assert verl.trainer.total_training_steps == 20
    assert verl.data.max_prompt_length == verl.data.max_response_length == 4096


@pytest.mark.parametrize("run_dir, name", [("runs/seed_1", "seed_1"), ("/disk/a b/", "a b")])
def test_trackers_tell_runs_apart(run_dir, name):
    assert composed("coder", [f"run_dir={run_dir}"]).trainer.experiment_name == f"{name}_iter_01_coder"


def test_every_rollout_has_its_own_seed(monkeypatch):
    """By row, step and roll-out; by role and iteration; and never more than a signed 32-bit number holds."""
    pytest.importorskip("verl", reason="the workers are verl agent loops")
    from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

    from recipe.mmzero.engine.rollout import workers

    async def run(self, sampling_params, **kwargs):
        return sampling_params

    monkeypatch.setattr(SingleTurnAgentLoop, "run", run)

    def seed(role="coder", iteration=1, run_seed=0, index=3, global_steps=2, session_id=1):
        worker = object.__new__(workers.CoderAgentLoop)
        settings = {"seed": run_seed, "iteration": iteration, "role": role, "overlap": 0}
        worker.config = SimpleNamespace(mmzero=OmegaConf.create(settings))
        given = {"temperature": 0.5}
        asked = {"index": index, "global_steps": global_steps, "session_id": session_id}
        used = asyncio.run(worker.run(given, **asked))
        assert used["temperature"] == 0.5 and "seed" not in given
        return used["seed"]

    changes = [{}, *({name: 7} for name in ("iteration", "run_seed", "index", "global_steps", "session_id"))]
    seeds = [seed(**change) for change in [*changes, {"role": "solver"}]]
    assert len(set(seeds)) == 7 and all(0 <= one < 2**31 for one in seeds)
    assert seed() == seeds[0]
