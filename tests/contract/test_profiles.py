"""Every model x hardware x stage against the installed verl: it composes, verl's own checks pass, paths resolve."""

import json
import re
from importlib import resources

import pytest
import torch
from omegaconf import DictConfig, OmegaConf, open_dict
from verl.trainer.ppo.utils import need_critic, need_reference_policy
from verl.utils.config import omega_conf_to_dataclass, validate_config
from verl.utils.import_utils import load_class_from_fqn, load_extern_object

from recipe.mmzero.engine.servers import (
    LORA_RANKS,
    adapter_arguments,
    addresses_of,
    frozen_rollout_config,
    group_by_checkpoint,
)
from recipe.mmzero.run import plan
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.checks import keys
from recipe.mmzero.settings.checks.layout import PEERS, ROLES, STAGES
from recipe.mmzero.settings.verl import config as verl_config


def names(group):
    folder = resources.files("recipe.mmzero.config").joinpath(group)
    return sorted(path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml"))


MODELS, HARDWARE = names("model"), names("hardware")
PROFILES = [(model, hardware) for model in MODELS for hardware in HARDWARE]
CLUSTER = {"multinode": ["hardware.ray_address=10.0.0.1:6379"]}


_loaded = {}


def profile(model, hardware):
    if (model, hardware) not in _loaded:
        overrides = [f"model={model}", f"hardware={hardware}", *CLUSTER.get(hardware, ())]
        _loaded[model, hardware] = schema.load(overrides)
    return _loaded[model, hardware]


def described(config, stage):
    """A step as step.yaml describes it, with folders that need not exist."""
    step = next(step for step in plan.plan(config) if step.stage == stage)
    paths = {name: f"/models/{reference.replace('/', '_')}" for name, reference in step.inputs.items()}
    return {
        "id": step.id,
        "role": step.role,
        "iteration": step.iteration,
        "step_dir": f"/run/{step.id}",
        "inputs": OmegaConf.create(paths),
    }


def full(config, role):
    return verl_config.composed(verl_config.stage_config(config, described(config, role)))


def leaves(node, prefix=""):
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in pairs:
        dotted = f"{prefix}{key}"
        if isinstance(value, dict | list):
            yield from leaves(value, dotted + ".")
        else:
            yield dotted, value


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("model", "hardware"), PROFILES)
def test_training_stage(model, hardware, role):
    config = profile(model, hardware)
    stage = full(config, role)
    validate_config(stage, use_reference_policy=need_reference_policy(stage), use_critic=need_critic(stage))
    layout = config.hardware.stages[role]
    assert stage.trainer.n_gpus_per_node * stage.trainer.nnodes == layout.train_gpus
    assert stage.trainer.n_gpus_per_node <= config.hardware.gpus_per_node
    actor, rollout = stage.actor_rollout_ref.actor, stage.actor_rollout_ref.rollout
    assert layout.train_gpus % rollout.tensor_model_parallel_size == 0
    # verl splits an update's roll-outs evenly over the data-parallel ranks (workers/engine_workers.py).
    assert actor.ppo_mini_batch_size * rollout.n % layout.train_gpus == 0
    assert stage.data.train_batch_size % actor.ppo_mini_batch_size == 0
    assert actor.ppo_max_token_len_per_gpu >= stage.data.max_prompt_length + stage.data.max_response_length
    assert rollout.max_model_len >= stage.data.max_prompt_length + stage.data.max_response_length
    assert stage.data.image_patch_size == (16 if config.model.family == "qwen3_vl" else 14)
    assert actor.freeze_vision_tower is False
    served = sum(group.replicas * group.gpus_per_replica for group in group_by_checkpoint(stage.mmzero.peers))
    given = sum(layout[f"{peer}_gpus"] for peer in PEERS[role])
    # In the first iteration all peers are the base: with `most_replicas` they share one server, else every GPU serves.
    assert served == (min(given, config.hardware.most_replicas) if config.hardware.most_replicas else given)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("hardware", HARDWARE)
def test_frozen_dataclasses_take_the_overlay(hardware, role):
    """verl turns these blocks into typed objects in its workers; a wrong key or value would only show there."""
    stage = full(profile("qwen2_5_vl_7b", hardware), role)
    actor = omega_conf_to_dataclass(stage.actor_rollout_ref.actor)
    assert actor.clip_ratio_high == 0.3 and actor.kl_loss_type == "low_var_kl"
    config = profile("qwen2_5_vl_7b", hardware)
    assert actor.optim.lr == pytest.approx(1e-5 if config.adapter.rank else 1e-6)
    layout = config.hardware.stages[role]
    assert actor.fsdp_config.offload_policy == layout.cpu_offload
    peers = frozen_rollout_config(stage.actor_rollout_ref.rollout, stage.mmzero.peer_rollout)
    typed = omega_conf_to_dataclass(peers)
    assert (typed.load_format, typed.skip_tokenizer_init, typed.free_cache_engine) == ("auto", False, False)


@pytest.mark.parametrize(("model", "hardware"), PROFILES)
def test_collections(model, hardware):
    config = profile(model, hardware)
    for stage in (stage for stage in STAGES if stage not in ROLES):
        rollout, ray_arguments = verl_config.collect_rollout(config, stage)
        omega_conf_to_dataclass(frozen_rollout_config(rollout, {}))
        assert (ray_arguments["address"] == "local") == (hardware != "multinode")
        spec = verl_config.peer_spec(config, stage, described(config, stage)["inputs"])
        assert tuple(spec) == PEERS[stage]
        used = sum(group.replicas * group.gpus_per_replica for group in group_by_checkpoint(spec))
        capacity = config.hardware.nodes * config.hardware.gpus_per_node
        assert used <= capacity or config.hardware.peers == "colocated"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("hardware", HARDWARE)
def test_no_legacy_reward_key(hardware, role):
    """verl composes the old top-level keys and then ignores them (verl/trainer/ppo/reward.py reads config.reward)."""
    config = profile("qwen2_5_vl_7b", hardware)
    overlay = verl_config.stage_config(config, described(config, role))
    assert not {"custom_reward_function", "reward_model", "reward_manager", "sandbox_fusion"} & set(overlay)


def test_every_class_path_resolves():
    found = 0
    for role in ROLES:
        stage = full(profile("qwen2_5_vl_7b", "gpu8x80"), role)
        for key, value in leaves(OmegaConf.to_container(stage, resolve=False)):
            if key.endswith("_target_"):
                assert load_class_from_fqn(value, key)
                found += 1
        manager = stage.reward.reward_manager
        assert manager.source == "importlib"
        assert load_extern_object(module_path=manager.module.path, object_name=manager.name)
        loops = OmegaConf.load(stage.actor_rollout_ref.rollout.agent.agent_loop_config_path)
        listed = {loop.name: loop._target_ for loop in loops}
        assert load_class_from_fqn(listed[stage.actor_rollout_ref.rollout.agent.default_agent_loop], "agent loop")
    assert found > 30, "verl's config lists its dataclasses by _target_"


def test_helper_processes_follow_from_the_cores():
    for node, rollout, reward in ((16, 2, 1), (128, 16, 8)):
        config = schema.load(["model=qwen2_5_vl_7b", "hardware=gpu8x80", f"hardware.cores={node}"])
        stage = full(config, "coder")
        assert (stage.actor_rollout_ref.rollout.agent.num_workers, stage.reward.num_workers) == (rollout, reward)
    words = ["model=qwen2_5_vl_7b", "hardware=multinode", *CLUSTER["multinode"], "hardware.cores=16"]
    stage = full(schema.load(words), "coder")
    assert (stage.actor_rollout_ref.rollout.agent.num_workers, stage.reward.num_workers) == (4, 2), "two nodes"
    tiny = full(profile("tiny", "cpu"), "coder")
    assert (tiny.actor_rollout_ref.rollout.agent.num_workers, tiny.reward.num_workers) == (1, 1)
    kept = schema.load(["hardware=gpu8x80", "verl.all.reward.num_workers=3"])
    assert full(kept, "coder").reward.num_workers == 3


@pytest.mark.parametrize("hardware", HARDWARE)
def test_server_knows_the_largest_picture(hardware):
    """vLLM sizes its encoder's memory at start; its own limit would be the processor's, 12.8 M pixels."""
    config = profile("qwen2_5_vl_7b", hardware)
    policy = {"min_pixels": config.image.min_pixels, "max_pixels": config.image.max_pixels}
    engine = full(config, "solver").actor_rollout_ref.rollout.engine_kwargs.vllm
    assert engine.mm_processor_kwargs == policy and engine.limit_mm_per_prompt.image == 1
    rollout, _ = verl_config.collect_rollout(config, "collect_solver")
    assert rollout.engine_kwargs.vllm.mm_processor_kwargs == policy


@pytest.mark.parametrize(
    "setting",
    [
        "algorithm.rollout_correction.bypass_mode=true",
        "actor_rollout_ref.model.fused_kernel_options.impl_backend=triton",
        "actor_rollout_ref.model.use_fused_kernels=false",
        "actor_rollout_ref.actor.checkpoint.save_contents=[model,optimizer,extra,hf_model]",
    ],
)
def test_options_of_the_gpu_page_compose(setting):
    """docs/gpu.md names them: verl's raw keys, valid and accepted."""
    config = schema.load(["model=qwen2_5_vl_7b", "hardware=gpu8x80", f"verl.all.{setting}"])
    verl_config.check_raw(config)
    stage = full(config, "solver")
    validate_config(stage, use_reference_policy=need_reference_policy(stage), use_critic=need_critic(stage))
    key, value = setting.split("=")
    assert OmegaConf.select(stage, key) == OmegaConf.create(f"x: {value}").x


def test_passes_without_gradients_take_twice_the_tokens():
    stage = full(profile("qwen2_5_vl_7b", "gpu8x80"), "solver").actor_rollout_ref
    assert stage.actor.ppo_max_token_len_per_gpu == 24576
    assert stage.ref.log_prob_max_token_len_per_gpu == stage.rollout.log_prob_max_token_len_per_gpu == 49152
    tiny = full(profile("tiny", "gpu1x80"), "solver").actor_rollout_ref
    assert tiny.actor.ppo_max_token_len_per_gpu == 24576, "the tiny model does not train one sequence at a time"


@pytest.mark.parametrize("hardware", HARDWARE)
def test_optimiser_takes_its_arguments(hardware):
    from verl.workers.config.optimizer import build_optimizer

    stage = full(profile("tiny", hardware), "solver")
    optimiser = build_optimizer(
        [torch.nn.Parameter(torch.zeros(2))], omega_conf_to_dataclass(stage.actor_rollout_ref.actor.optim)
    )
    assert bool(optimiser.defaults["fused"]) == (hardware != "cpu")


def test_seven_billion_profile_takes_eight_gpus():
    config = profile("qwen2_5_vl_7b", "gpu8x80")
    trained = [full(config, role).trainer for role in ROLES]
    assert [(trainer.nnodes, trainer.n_gpus_per_node) for trainer in trained] == [(1, 3), (1, 4), (1, 8)]
    layouts = [step.layout for step in plan.plan(config)[:5]]
    assert [sum(layout.values()) for layout in layouts] == [8, 8, 8, 8, 8]


def test_cluster_stage_carries_its_variables():
    arguments = full(profile("qwen2_5_vl_7b", "multinode"), "solver").ray_kwargs.ray_init
    assert arguments.address == "10.0.0.1:6379" and arguments.num_cpus is None
    variables = arguments.runtime_env.env_vars
    assert variables.VERL_USE_EXTERNAL_MODULES == "recipe.mmzero.plugin"
    assert variables.VERL_FILE_LOGGER_PATH == "/run/iter_01/solver/metrics.attempt01.jsonl"


@pytest.mark.parametrize("hardware", ["cpu", "gpu8x80"])
def test_a_stage_without_a_cluster_looks_for_none(hardware):
    model = "tiny" if hardware == "cpu" else "qwen2_5_vl_7b"
    assert full(profile(model, hardware), "solver").ray_kwargs.ray_init.address == "local"


def test_cluster_without_gpus_starts_no_ray_of_its_own():
    """Ray refuses counts of a cluster that runs, and its shells don't know this run's warm workers."""
    config = schema.load(["model=tiny", "hardware=cpu", "hardware.ray_address=10.0.0.1:6379"])
    arguments = full(config, "solver").ray_kwargs.ray_init
    assert arguments.num_cpus is None and arguments.num_gpus is None
    assert arguments.runtime_env.py_executable is None, "this machine's stand-in for python is not on the others"
    assert arguments.runtime_env.env_vars.VERL_PLATFORM == "cpu"


def test_ray_arguments_hold_no_interpolation():
    """verl hands ray_kwargs.ray_init to Ray without resolving it (verl/trainer/main_ppo.py)."""
    for hardware in HARDWARE:
        stage = full(profile("tiny", hardware), "proposer")
        raw = OmegaConf.to_container(stage.ray_kwargs, resolve=False)
        assert not [value for _, value in leaves(raw) if re.search(r"\$\{", str(value))]


def test_written_file_is_what_verl_composes(tmp_path):
    """`python -m verl.trainer.main_ppo --config-path=STEP_DIR --config-name=verl` reads the same configuration."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    config = profile("tiny", "cpu")
    step = described(config, "coder") | {"step_dir": str(tmp_path)}
    verl_config.write(config, step)
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(tmp_path), version_base=None):
        composed = compose("verl")
    expected = verl_config.verl_defaults()
    with open_dict(expected):
        expected = OmegaConf.merge(expected, verl_config.stage_config(config, step))
    assert isinstance(composed, DictConfig)
    assert OmegaConf.to_container(composed, resolve=False) == OmegaConf.to_container(expected, resolve=False)


def test_blocks_of_verl_are_those_that_a_hint_names():
    assert set(keys.OF_VERL) == set(verl_config.verl_defaults())


def test_unknown_raw_key_is_refused():
    good = ["verl.all.actor_rollout_ref.rollout.gpu_memory_utilization=0.4", "verl.solver.trainer.save_freq=3"]
    verl_config.check_raw(schema.load(good))
    verl_config.check_raw(schema.load(["verl.all.actor_rollout_ref.rollout.engine_kwargs.vllm.anything=1"]))
    with pytest.raises(schema.ConfigError, match=r"verl\.all\.actor_rollout_ref\.rollout\.gpu_memory_utilisation"):
        verl_config.check_raw(schema.load(["verl.all.actor_rollout_ref.rollout.gpu_memory_utilisation=0.4"]))


def test_peers_share_servers_when_their_checkpoint_is_the_same():
    spec = {
        "coder": {"path": "/m/base", "gpus": 2, "tensor_parallel": 1},
        "solver": {"path": "/m/base", "gpus": 3, "tensor_parallel": 1},
    }
    (group,) = group_by_checkpoint(spec)
    assert (group.roles, group.replicas) == (("coder", "solver"), 5)
    assert group.adapters == () and addresses_of([group], "coder") == ("/m/base", [])


def test_peers_on_one_base_share_servers_and_are_named_by_their_adapters(tmp_path):
    folders = {name: tmp_path / name for name in ("one", "two")}
    for rank, folder in zip((16, 24), folders.values(), strict=True):
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps({"r": rank}))
    one, two = map(str, folders.values())
    spec = {
        role: {"path": "/m/base", "adapter": folder, "gpus": 1, "tensor_parallel": 1}
        for role, folder in {"proposer": one, "coder": two, "solver": None}.items()
    }
    (group,) = group_by_checkpoint(spec)
    assert (group.replicas, group.adapters) == (3, (one, two))
    assert [addresses_of([group], role)[0] for role in spec] == [one, two, "/m/base"]
    arguments = adapter_arguments(group.adapters)
    assert (arguments["max_loras"], arguments["max_lora_rank"]) == (2, 32), "vLLM allows 1, 8, 16, 32, ..."
    assert [json.loads(text)["name"] for text in arguments["lora_modules"]] == [one, two]


def test_ranks_are_those_that_vllm_allows():
    from typing import get_args

    from vllm.config.lora import MaxLoRARanks

    assert get_args(MaxLoRARanks) == LORA_RANKS


@pytest.mark.parametrize("tuning", ["lora", "lora_base"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("model", "hardware"), [("tiny", "cpu"), ("qwen2_5_vl_7b", "gpu8x80"), ("qwen3_vl_4b", "gpu1x80")]
)
def test_training_stage_with_adapters(model, hardware, role, tuning):
    """verl's own checks and types take the overlay; the reference is the actor without its adapter."""
    config = schema.load([f"model={model}", f"hardware={hardware}", f"tuning={tuning}"])
    stage = full(config, role)
    validate_config(stage, use_reference_policy=need_reference_policy(stage), use_critic=need_critic(stage))
    actor = omega_conf_to_dataclass(stage.actor_rollout_ref.actor)
    assert actor.checkpoint.save_lora_only and actor.optim.lr == pytest.approx(10 * config.optim.lr)
    assert "dummy" not in omega_conf_to_dataclass(stage.actor_rollout_ref.rollout).load_format
