"""Each use of a model has sampling settings of its own, and each setting reaches its use and no other."""

import pytest
from omegaconf import OmegaConf

from mmzero_rewards.managers.settings import ManagerConfig
from recipe.mmzero.engine.collect.settings import from_config
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.verl import config as verl_config
from recipe.mmzero.settings.verl.reward import reward_kwargs

# A temperature for every use, all different.
USES = {
    "proposer.sampling.train": 0.51,
    "proposer.sampling.collect": 0.52,
    "coder.sampling.train": 0.61,
    "coder.sampling.peer": 0.62,
    "coder.sampling.collect": 0.63,
    "solver.sampling.train": 0.71,
    "solver.sampling.judge": 0.72,
    "solver.sampling.label": 0.73,
}


@pytest.fixture(scope="module")
def config():
    return schema.load(["model=tiny", "hardware=cpu", *(f"{use}.temperature={value}" for use, value in USES.items())])


def step_of(role, folder):
    inputs = {name: "/models/base" for name in ("policy", "proposer", "coder", "solver", "data")}
    step = {"id": f"iter_01/{role}", "role": role, "iteration": 1, "step_dir": str(folder), "inputs": inputs}
    return OmegaConf.create(step)


def test_the_uses_are_all_there_are(config):
    keys = {f"{role}.sampling.{use}" for role in ("proposer", "coder", "solver") for use in config[role].sampling}
    assert keys == set(USES)


@pytest.mark.parametrize(
    ("role", "peers"),
    [
        ("proposer", {"coder": USES["coder.sampling.peer"], "solver": USES["solver.sampling.judge"]}),
        ("coder", {"solver": USES["solver.sampling.judge"]}),
        ("solver", {}),
    ],
)
def test_peers_of_a_training_stage(config, role, peers, tmp_path):
    kwargs = reward_kwargs(config, step_of(role, tmp_path))
    assert {name: peer["sampling"]["temperature"] for name, peer in kwargs["peers"].items()} == peers


def test_a_reward_worker_sends_as_many_calls_as_the_step_says(config, tmp_path):
    step = step_of("proposer", tmp_path)
    assert all("max_concurrency" not in peer for peer in reward_kwargs(config, step)["peers"].values())
    step.calls = {"coder": 7, "solver": 9}
    peers = ManagerConfig.from_dict(reward_kwargs(config, step), needs=("coder", "solver")).peers
    assert {name: peer.max_concurrency for name, peer in peers.items()} == step.calls


@pytest.mark.parametrize("role", ["proposer", "coder", "solver"])
def test_roll_outs_of_a_training_stage(config, role, tmp_path):
    rollout = verl_config.stage_config(config, step_of(role, tmp_path)).actor_rollout_ref.rollout
    assert rollout.temperature == USES[f"{role}.sampling.train"]


@pytest.mark.parametrize("stage", ["collect_coder", "collect_solver"])
def test_a_collection(config, stage):
    settings = from_config(config, stage)
    used = [settings.propose, settings.code, settings.judge, settings.label]
    expected = ["proposer.sampling.collect", "coder.sampling.collect", "solver.sampling.judge", "solver.sampling.label"]
    assert [sampling.temperature for sampling in used] == [USES[use] for use in expected]
