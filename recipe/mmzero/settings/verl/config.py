"""One training stage as a verl config: fragments under config/verl, then what follows from our settings, then `verl.*`.

`stage_config` is a pure function of (our config, step); `write` puts the result where

    python -m verl.trainer.main_ppo --config-path=STEP_DIR --config-name=verl

finds it. The file holds only what differs from verl's defaults, so two stages can be compared with `diff`.

Not covered: what verl makes of it (`validate_config` and its dataclasses; tests/contract runs both on every profile).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.settings import adapters
from recipe.mmzero.settings.checks.layout import PEERS
from recipe.mmzero.settings.environment import stage_environment
from recipe.mmzero.settings.folder import StepFolder
from recipe.mmzero.settings.schema import scoring
from recipe.mmzero.settings.seeds import derive_seed
from recipe.mmzero.settings.verl import cores, overlap
from recipe.mmzero.settings.verl.compose import CONFIG_DIR, check_raw, composed, fragment, verl_defaults
from recipe.mmzero.settings.verl.micro_batch import micro_batch
from recipe.mmzero.settings.verl.reward import image_policy, reward_kwargs

__all__ = ["check_raw", "collect_rollout", "command", "composed", "metrics_file", "peer_spec", "ray_init"]
__all__ += ["reward_kwargs", "stage_config", "verl_defaults", "write"]

FORWARD_ONLY = 2
"""Tokens of a forward-only micro-batch, in micro-batches of training (verl's own advice)."""
KEPT_CHECKPOINTS = 2
"""Of a running stage: the newest, and the one before it while the newest is being written."""
AGENT_LOOP_CONFIG = str(CONFIG_DIR / "agent_loops.yaml")
MANAGERS = {"proposer": "ProposerRewardManager", "coder": "CoderRewardManager", "solver": "SolverRewardManager"}
TEMPLATE_TOKENS = 64  # room for the chat template around a prompt


def stage_config(config: DictConfig, step: Mapping[str, Any]) -> DictConfig:
    """verl's settings for one training step, as the overlay on verl's defaults.

    Args:
        config: our resolved configuration.
        step: step.yaml: role, iteration, step_dir, inputs {policy, coder, solver, data}, calls {coder, solver}.
    """
    role = step["role"]
    parts = [
        fragment("base"),
        fragment(config.hardware.kind),
        OmegaConf.create(_computed(config, step)),
        adapters.verl_overlay(config, step),
        OmegaConf.create(_helpers(config) | overlap.verl_overlay(config, role)),
        OmegaConf.create({"ray_kwargs": {"ray_init": ray_init(config, metrics_file(step).resolve())}}),
        OmegaConf.create({"reward": {"reward_kwargs": reward_kwargs(config, step)}, "mmzero": _settings(config, step)}),
    ]
    model_overrides = config.model.get("verl") or {}
    hardware_overrides = config.hardware.get("verl") or {}
    for overlay in (model_overrides, hardware_overrides, config.verl.get("all"), config.verl.get(role)):
        parts.append(
            OmegaConf.create(OmegaConf.to_container(overlay) if OmegaConf.is_config(overlay) else overlay or {})
        )
    return OmegaConf.merge(*parts)


def _computed(config: DictConfig, step: Mapping[str, Any]) -> dict[str, Any]:
    role, folder, inputs = step["role"], StepFolder(Path(step["step_dir"])), step["inputs"]
    train, sampling = config[role].train, config[role].sampling["train"]
    layout = config.hardware.stages[role]
    nodes = int(layout.get("train_nodes", 1))
    length = train.max_prompt_tokens + train.max_response_tokens
    tokens = max(length, int(layout.get("tokens_per_gpu") or 0))
    at_once = micro_batch(train, layout)
    rows = str(folder.ordered_rows)
    return {
        "data": {
            "train_files": rows,
            "val_files": rows,
            "train_batch_size": train.prompts_per_step,
            "max_prompt_length": train.max_prompt_tokens,
            "max_response_length": train.max_response_tokens,
            "image_patch_size": config.model.image_patch_size,
            "seed": derive_seed(config.seed, step["iteration"], role, 0, 0),
            "mm_processor_kwargs": image_policy(config),
        },
        "actor_rollout_ref": {
            "model": {"path": adapters.parts(inputs, "policy")[0]},
            "actor": {
                "ppo_mini_batch_size": train.prompts_per_update,
                "ppo_micro_batch_size_per_gpu": at_once,
                "ppo_max_token_len_per_gpu": tokens,
                "grad_clip": config.optim.grad_clip,
                "clip_ratio": config.clip.low,
                "clip_ratio_low": config.clip.low,
                "clip_ratio_high": config.clip.high,
                "clip_ratio_c": config.clip.dual,
                "kl_loss_coef": config.kl.coef,
                "kl_loss_type": config.kl.type,
                # The next stage reads the last step's weights; the checkpoints before it are only resumed from.
                "checkpoint": {"save_contents": ["model", "optimizer", "extra", f"hf_model@{train.steps}"]},
                "optim": {
                    "lr": config.optim.lr,
                    "weight_decay": config.optim.weight_decay,
                    "betas": list(config.optim.betas),
                },
                "fsdp_config": {
                    "param_offload": bool(layout.get("param_offload", False)),
                    "optimizer_offload": bool(layout.get("optimizer_offload", False)),
                    "offload_policy": bool(layout.get("cpu_offload", False)),
                },
            },
            "ref": {
                "log_prob_micro_batch_size_per_gpu": at_once,
                "log_prob_max_token_len_per_gpu": FORWARD_ONLY * tokens,
            },
            "rollout": {
                "n": train.rollouts,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": sampling.top_k,
                "seed": derive_seed(config.seed, step["iteration"], role, 0, 1) % 2**31,
                "max_model_len": (_longest(config) if adapters.shared(config) else length) + TEMPLATE_TOKENS,
                "max_num_seqs": int(layout.get("max_num_seqs", 256)),
                "log_prob_micro_batch_size_per_gpu": at_once,
                "log_prob_max_token_len_per_gpu": FORWARD_ONLY * tokens,
                "tensor_model_parallel_size": int(layout.get("tensor_parallel", 1)),
                "gpu_memory_utilization": float(layout.get("gpu_memory_utilization", 0.5)),
                "scheduling_policy": "priority" if adapters.shared(config) else "fcfs",  # verl_reward.JUDGES_FIRST
                "agent": {"agent_loop_config_path": AGENT_LOOP_CONFIG, "default_agent_loop": f"mmzero_{role}"},
                "engine_kwargs": engine_kwargs(config),
            },
        },
        "reward": {"reward_manager": {"name": MANAGERS[role]}},
        "trainer": {
            "n_gpus_per_node": int(layout.train_gpus) // nodes,
            "nnodes": nodes,
            "total_training_steps": train.steps,
            "save_freq": min(config.stage.save_every, train.steps),
            "max_actor_ckpt_to_keep": KEPT_CHECKPOINTS,
            "default_local_dir": str(folder.checkpoints),
            "experiment_name": f"{Path(config.run_dir).absolute().name}_{step['id'].replace('/', '_')}",
            "logger": list(dict.fromkeys([*config.loggers, "file"])),  # the loop watches that file for signs of life
        },
    }


def _longest(config: DictConfig) -> int:
    """Tokens of the longest prompt and response of any role."""
    return max(config[role].train.max_prompt_tokens + config[role].train.max_response_tokens for role in MANAGERS)


def _helpers(config: DictConfig) -> dict[str, Any]:
    """Processes beside the engine; on a machine without GPUs config/verl/cpu.yaml has one of each kind."""
    if config.hardware.kind == "cpu":
        return {}
    node, nodes = cores.of_node(config), int(config.hardware.nodes)  # verl spreads both kinds evenly over the nodes
    return {
        "data": {"dataloader_num_workers": cores.loader_workers(node)},
        "actor_rollout_ref": {"rollout": {"agent": {"num_workers": nodes * cores.rollout_workers(node)}}},
        "reward": {"num_workers": nodes * cores.reward_workers(node)},
    }


def collect_data(config: DictConfig, role: str) -> dict[str, Any]:
    """The part of verl's `data` block that decides how long a prompt of `role` becomes in tokens."""
    overlays = (config.model.get("verl"), config.hardware.get("verl"), config.verl.get("all"), config.verl.get(role))
    blocks = [(overlay or {}).get("data") or {} for overlay in overlays]
    data = OmegaConf.to_container(OmegaConf.merge(*blocks), resolve=True)
    return {"mm_processor_kwargs": image_policy(config)} | data


def ray_init(config: DictConfig, metrics: Path | None = None) -> dict[str, Any]:
    """Arguments of `ray.init` that follow from the hardware profile.

    A running cluster was not started from this environment, so a stage's variables travel in the runtime environment. A
    Ray of our own inherits them.
    """
    hardware = config.hardware
    if hardware.get("ray_address"):
        joined: dict[str, Any] = {
            "address": hardware.ray_address,
            "runtime_env": {"env_vars": stage_environment(config, metrics)},
        }
        if hardware.kind == "cpu":  # what config/verl/cpu.yaml says of a Ray of our own
            joined |= {"num_cpus": None, "num_gpus": None, "include_dashboard": None}
        return joined
    own = {"address": "local"}  # without it Ray reads all processes' command lines first, for a cluster to join
    if hardware.kind == "cpu":  # config/verl/cpu.yaml has the rest
        return own
    return own | {"num_cpus": hardware.get("ray_cpus"), "include_dashboard": False}


def metrics_file(step: Mapping[str, Any]) -> Path:
    """verl's `file` tracker truncates its file on a resume, so each attempt has its own."""
    return StepFolder(Path(step["step_dir"])).attempt_metrics(int(step.get("attempt", 1)))


def engine_kwargs(config: DictConfig) -> dict[str, Any]:
    """The picture-size policy for vLLM itself.

    It measures its memory at start with the largest picture that it may get. Without this that is the processor's own
    limit (12.8 M pixels for Qwen2.5-VL), not ours.
    """
    return {"vllm": {"mm_processor_kwargs": image_policy(config)}}


def _settings(config: DictConfig, step: Mapping[str, Any]) -> dict[str, Any]:
    """The `mmzero` block: what our trainer and rollout workers read."""
    role = step["role"]
    layout, longest = config.hardware.stages[role], _longest(config)
    return {
        "role": role,
        "iteration": step["iteration"],
        "step_dir": str(step["step_dir"]),
        "attempt": int(step.get("attempt", 1)),
        "overlap": overlap.overlap(config, role),
        "seed": derive_seed(config.seed, step["iteration"], role, 0, 3),
        "label_mode": config.solver.label_mode,
        "scoring": scoring(config),
        "failures": {"max_fraction": config.failures.max_fraction},
        "adapter": {key: config.adapter[key] for key in ("rank", "min_correlation", "checked_steps")},
        "dump": {"samples_per_step": config.dump.samples_per_step},
        "gpus_per_node": int(config.hardware.gpus_per_node),
        "peer_placement": config.hardware.get("peers", "standalone"),
        "peers": peer_spec(config, role, step["inputs"]),
        "peer_rollout": {
            "max_model_len": longest + TEMPLATE_TOKENS,
            "prompt_length": longest,
            "gpu_memory_utilization": float(layout.get("peer_gpu_memory_utilization", 0.85)),
            "max_num_seqs": int(layout.get("peer_max_num_seqs", 256)),
        },
    }


def peer_spec(config: DictConfig, stage: str, inputs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """role -> {path, adapter, gpus, tensor_parallel} for every peer that the hardware profile gives to a stage."""
    layout = config.hardware.stages[stage]
    return {
        role: {
            "path": adapters.parts(inputs, role)[0],
            "adapter": adapters.parts(inputs, role)[1],
            "gpus": int(layout.get(f"{role}_gpus", 1)),
            "tensor_parallel": int(layout.get("peer_tensor_parallel", 1)),
            "most_replicas": 1 if adapters.shared(config) else config.hardware.most_replicas,
        }
        for role in PEERS[stage]
    }


def write(config: DictConfig, step: Mapping[str, Any]) -> Path:
    """Write `STEP_DIR/verl.yaml`; returns its path."""
    overlay = OmegaConf.to_container(stage_config(config, step), resolve=False)
    places = {
        "hydra": {
            "searchpath": ["pkg://verl.trainer.config"],
            "run": {"dir": str(step["step_dir"])},
            "output_subdir": None,
        }
    }
    target = StepFolder(Path(step["step_dir"])).verl_config
    target.parent.mkdir(parents=True, exist_ok=True)
    document = OmegaConf.create(places | {"defaults": ["ppo_trainer", "_self_"]} | overlay)
    head = "# Written by mmzero; overrides verl's ppo_trainer defaults for this stage.\n"
    target.write_text(head + OmegaConf.to_yaml(document), encoding="utf-8")
    return target


def command(step_dir: Path) -> list[str]:
    """The stage's verl command, as a person would type it."""
    return ["python", "-m", "verl.trainer.main_ppo", f"--config-path={Path(step_dir).resolve()}", "--config-name=verl"]


def collect_rollout(config: DictConfig, stage: str) -> tuple[DictConfig, dict[str, Any]]:
    """(verl rollout config for peers, arguments of ray.init) of a collection step."""
    layout = config.hardware.stages[stage]
    longest = _longest(config)
    rollout = {
        "prompt_length": longest,
        "response_length": max(config[role].train.max_response_tokens for role in MANAGERS),
        "max_model_len": longest + TEMPLATE_TOKENS,
        "max_num_seqs": int(layout.get("peer_max_num_seqs", 256)),
        "gpu_memory_utilization": float(layout.get("peer_gpu_memory_utilization", 0.85)),
        "engine_kwargs": engine_kwargs(config),
    }
    full = composed(
        OmegaConf.merge(
            fragment("base"),
            fragment(config.hardware.kind),
            {"actor_rollout_ref": {"rollout": rollout}, "ray_kwargs": {"ray_init": ray_init(config)}},
            config.model.get("verl") or {},
            config.hardware.get("verl") or {},
            config.verl.get("all") or {},
        )
    )
    arguments = OmegaConf.to_container(full.ray_kwargs.ray_init, resolve=True)
    runtime_env = {key: value for key, value in (arguments.pop("runtime_env", None) or {}).items() if value}
    arguments = {key: value for key, value in arguments.items() if value is not None}
    return full.actor_rollout_ref.rollout, arguments | ({"runtime_env": runtime_env} if runtime_env else {})
