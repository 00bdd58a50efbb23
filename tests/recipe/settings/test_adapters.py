"""What `adapter.*` makes of verl's configuration, of the plan and of a profile."""

import json

import pytest
from omegaconf import OmegaConf

from mmzero_rewards.managers.settings import ManagerConfig
from recipe.mmzero.run import plan
from recipe.mmzero.settings import adapters, schema
from recipe.mmzero.settings.types.run import ConfigError
from recipe.mmzero.settings.verl import config as verl_config

BASE = "/m/base"
ONE_BASE = ["tuning=lora_base", "evolution.iterations=2"]


def step(config, name):
    """A step as step.yaml describes it."""
    found = next(each for each in plan.plan(config) if each.id == name)
    made = plan.models_made(config)[0]
    paths = {key: BASE if value == "base" else f"/r/{value}/{made}" for key, value in found.inputs.items()}
    return {"id": name, "role": found.role, "iteration": found.iteration, "step_dir": f"/r/{name}", "inputs": paths}


def overlay(words, name):
    config = schema.load(words)
    return verl_config.stage_config(config, step(config, name)).actor_rollout_ref


def test_full_tuning_says_nothing_of_adapters():
    found = OmegaConf.to_container(overlay([], "iter_01/coder"))
    assert not [key for key in found["model"] if "lora" in key]
    assert "save_lora_only" not in found["actor"]["checkpoint"] and "load_format" not in found["rollout"]
    assert found["actor"]["checkpoint"]["save_contents"][-1].startswith("hf_model@")


@pytest.mark.parametrize("hardware", ["cpu", "gpu8x80"])
def test_an_adapter_is_trained_on_the_stages_own_start(hardware):
    found = overlay(["tuning=lora", f"hardware={hardware}", "optim.lr=2e-6", "evolution.iterations=2"], "iter_02/coder")
    model = found.model
    # verl's engine asks for the rank, its trainer for either: a path alone would train everything against itself.
    assert (model.lora_rank, model.lora_alpha) == (64, 32)
    assert model.lora_adapter_path == "/r/iter_02/coder/adapter_before"
    assert model.path == "/r/iter_01/coder/hf"
    assert (model.target_modules, model.exclude_modules) == ("all-linear", ".*visual.*")
    assert found.actor.optim.lr == pytest.approx(2e-5)
    assert found.actor.checkpoint.save_lora_only and "hf_model@20" not in found.actor.checkpoint.save_contents
    assert (found.rollout.load_format, found.rollout.layered_summon) == ("safetensors", True)
    assert found.actor.fsdp_config.get("model_dtype") == (None if hardware == "cpu" else "bf16")
    assert found.actor.fsdp_config.dtype == ("float32" if hardware == "cpu" else "bfloat16"), "the rest stays"


def test_on_one_base_an_adapter_goes_on():
    assert overlay(ONE_BASE, "iter_01/coder").model.lora_adapter_path == "/r/iter_01/coder/adapter_before"
    second = overlay(ONE_BASE, "iter_02/coder").model
    assert (second.path, second.lora_adapter_path) == (BASE, "/r/iter_01/coder/adapter")
    fresh = overlay([*ONE_BASE, "evolution.solver_init=base"], "iter_02/solver").model
    assert fresh.lora_adapter_path == "/r/iter_02/solver/adapter_before"


def test_targets_that_are_named():
    assert list(overlay(["tuning=lora", "adapter.targets=[q_proj,v_proj]"], "iter_01/coder").model.target_modules) == [
        "q_proj",
        "v_proj",
    ]


def test_what_stages_hand_on():
    def made(*words):
        return plan.plan(schema.load(words))[0].outputs

    assert made() == ("hf", "metrics.jsonl", "summary.json")
    assert made("tuning=lora") == ("hf", "adapter", "metrics.jsonl", "summary.json")
    assert made("tuning=lora_base") == ("adapter", "metrics.jsonl", "summary.json")
    steps = plan.plan(schema.load(["tuning=lora_base"]))
    assert all(each.inputs["base"] == "base" for each in steps), "a changed base is noticed by every step"
    assert not any("base" in each.inputs for each in plan.plan(schema.load(["tuning=lora"])))


def test_peers_on_one_base_are_named_by_their_adapters():
    config = schema.load(ONE_BASE)
    spec = verl_config.peer_spec(config, "collect_solver", step(config, "iter_02/collect_solver")["inputs"])
    assert {role: (peer["path"], peer["adapter"]) for role, peer in spec.items()} == {
        "proposer": (BASE, "/r/iter_02/proposer/adapter"),
        "coder": (BASE, "/r/iter_02/coder/adapter"),
        "solver": (BASE, "/r/iter_01/solver/adapter"),
    }
    first = verl_config.peer_spec(config, "proposer", step(config, "iter_01/proposer")["inputs"])
    assert {(peer["path"], peer["adapter"]) for peer in first.values()} == {(BASE, None)}


def test_a_shared_server_gets_the_frozen_roles_adapters():
    words = [*ONE_BASE, "hardware.peers=shared"]
    config = schema.load(words)
    rollout = overlay(words, "iter_02/proposer").rollout
    given = [json.loads(text) for text in rollout.engine_kwargs.vllm.lora_modules]
    folders = ["/r/iter_01/coder/adapter", "/r/iter_01/solver/adapter"]
    assert given == [{"name": folder, "path": folder} for folder in folders]
    assert list(overlay(words, "iter_01/proposer").rollout.engine_kwargs.vllm.lora_modules) == []
    longest = max(config[role].train.max_prompt_tokens + config[role].train.max_response_tokens for role in plan.ROLES)
    assert rollout.max_model_len == longest + verl_config.TEMPLATE_TOKENS, "peers' requests must fit, too"
    kwargs = verl_config.reward_kwargs(config, step(config, "iter_02/proposer"))
    assert kwargs["peers"]["coder"]["addresses_file"] == "/r/iter_02/proposer/peer_coder.txt"
    assert kwargs["peers"]["coder"]["model"] == "/r/iter_01/coder/adapter"


@pytest.mark.parametrize("words, first", [([*ONE_BASE, "hardware.peers=shared"], True), (ONE_BASE, False)])
def test_judges_are_served_before_roll_outs_of_the_same_server(words, first):
    """A Coder step sends it 1,280 programs at once; the first picture's questions would wait for all of them."""
    kwargs = verl_config.reward_kwargs(schema.load(words), step(schema.load(words), "iter_02/proposer"))
    managers = ManagerConfig.from_dict(kwargs, needs=("coder", "solver"))
    asked = [managers.peers[role].sampling.body().get("priority") for role in ("coder", "solver")]
    assert asked == ([-1, -1] if first else [None, None])
    assert overlay(words, "iter_02/proposer").rollout.scheduling_policy == ("priority" if first else "fcfs")


@pytest.mark.parametrize("words", [[], ["tuning=lora"], ["tuning=full", "hardware=gpu1x24"]])
def test_whole_models_cannot_share_the_trained_roles_server(words):
    with pytest.raises(ConfigError, match=r"hardware\.peers=shared: .*set tuning=lora_base"):
        schema.load([*words, *([] if "hardware=gpu1x24" in words else ["hardware.peers=shared"])])


@pytest.mark.parametrize("hardware", ["gpu1x24", "gpu1x40", "gpu1x80_lora"])
def test_profiles_of_one_gpu_choose_adapters(hardware):
    config = schema.load([f"hardware={hardware}", "model=qwen2_5_vl_3b"])
    assert adapters.on_one_base(config) and adapters.shared(config) and config.adapter.rank == 64


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("adapter.rank=-1", r"adapter\.rank"),
        ("adapter.kl_anchor=phase", r"adapter\.kl_anchor"),
        ("adapter.min_correlation=2", r"adapter\.min_correlation"),
        ("adapter.rnak=8", r"adapter\.rank"),
    ],
)
def test_bad_values_are_refused(word, said):
    with pytest.raises(ConfigError, match=said):
        schema.load([word])


def test_raw_settings_of_adapters_are_verls():
    verl_config.check_raw(schema.load(["verl.proposer.actor_rollout_ref.actor.checkpoint.save_lora_only=false"]))
    with pytest.raises(ConfigError, match="save_lora_onyl"):
        verl_config.check_raw(schema.load(["verl.all.actor_rollout_ref.actor.checkpoint.save_lora_onyl=false"]))
