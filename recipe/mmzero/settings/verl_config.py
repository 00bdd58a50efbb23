"""One training stage as a verl config: fragments under config/verl, then what follows from our settings, then `verl.*`.

`stage_config` is a pure function of (our config, step); `write` puts the result where

    python -m verl.trainer.main_ppo --config-path=STEP_DIR --config-name=verl

finds it. The file holds only what differs from verl's defaults, so two stages can be compared with `diff`.

Not covered: what verl makes of it (`validate_config` and its dataclasses; tests/contract runs both on every profile).
"""

import sys
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf, open_dict

from recipe.mmzero.settings import keys, prompts
from recipe.mmzero.settings.environment import stage_environment
from recipe.mmzero.settings.layout import PEERS
from recipe.mmzero.settings.schema import scoring
from recipe.mmzero.settings.seeds import derive_seed
from recipe.mmzero.settings.types import ConfigError

CONFIG_DIR = Path(str(resources.files("recipe.mmzero.config")))
AGENT_LOOP_CONFIG = str(CONFIG_DIR / "agent_loops.yaml")
MANAGERS = {"proposer": "ProposerRewardManager", "coder": "CoderRewardManager", "solver": "SolverRewardManager"}
# Room for the chat template around a prompt, in tokens.
TEMPLATE_TOKENS = 64
# Blocks of verl's configuration that pass any key on to something else.
OPEN_IN_VERL = (
    "actor_rollout_ref.model.override_config.",
    "actor_rollout_ref.rollout.engine_kwargs.",
    "ray_kwargs.ray_init.",
    "reward.reward_kwargs.",
    "reward.custom_reward_function.reward_kwargs.",
)


def stage_config(config: DictConfig, step: Mapping[str, Any]) -> DictConfig:
    """verl's settings for one training step, as the overlay on verl's defaults.

    Args:
        config: our resolved configuration.
        step: step.yaml: role, iteration, step_dir, inputs {policy, coder, solver, data}.
    """
    role = step["role"]
    kind = config.hardware.kind
    parts = [
        OmegaConf.load(CONFIG_DIR / "verl" / "base.yaml"),
        OmegaConf.load(CONFIG_DIR / "verl" / f"{kind}.yaml"),
        OmegaConf.create(_computed(config, step)),
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
    role, step_dir, inputs = step["role"], Path(step["step_dir"]), step["inputs"]
    train = config[role].train
    sampling = config[role].sampling["train"]
    layout = config.hardware.stages[role]
    nodes = int(layout.get("train_nodes", 1))
    length = train.max_prompt_tokens + train.max_response_tokens
    rows = str(step_dir / "rows.parquet")
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
            "model": {"path": str(inputs["policy"])},
            "actor": {
                "ppo_mini_batch_size": train.prompts_per_update,
                "ppo_micro_batch_size_per_gpu": layout.get("micro_batch", 1),
                "ppo_max_token_len_per_gpu": max(length, int(layout.get("tokens_per_gpu") or 0)),
                "grad_clip": config.optim.grad_clip,
                "clip_ratio": config.clip.low,
                "clip_ratio_low": config.clip.low,
                "clip_ratio_high": config.clip.high,
                "clip_ratio_c": config.clip.dual,
                "kl_loss_coef": config.kl.coef,
                "kl_loss_type": config.kl.type,
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
            "ref": {"log_prob_micro_batch_size_per_gpu": layout.get("micro_batch", 1)},
            "rollout": {
                "n": train.rollouts,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": sampling.top_k,
                "seed": derive_seed(config.seed, step["iteration"], role, 0, 1) % 2**31,
                "max_model_len": length + TEMPLATE_TOKENS,
                "max_num_seqs": int(layout.get("max_num_seqs", 256)),
                "log_prob_micro_batch_size_per_gpu": layout.get("micro_batch", 1),
                "tensor_model_parallel_size": int(layout.get("tensor_parallel", 1)),
                "gpu_memory_utilization": float(layout.get("gpu_memory_utilization", 0.5)),
                "agent": {"agent_loop_config_path": AGENT_LOOP_CONFIG, "default_agent_loop": f"mmzero_{role}"},
            },
        },
        "reward": {"reward_manager": {"name": MANAGERS[role]}},
        "trainer": {
            "n_gpus_per_node": int(layout.train_gpus) // nodes,
            "nnodes": nodes,
            "total_training_steps": train.steps,
            "save_freq": min(config.stage.save_every, train.steps),
            "max_actor_ckpt_to_keep": 2,
            "default_local_dir": str(step_dir / "checkpoints"),
            "experiment_name": step["id"].replace("/", "_"),
            "logger": list(config.loggers),
        },
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
            joined["runtime_env"]["py_executable"] = sys.executable
        return joined
    if hardware.kind == "cpu":  # config/verl/cpu.yaml has it all
        return {}
    return {"num_cpus": hardware.get("ray_cpus"), "include_dashboard": False}


def metrics_file(step: Mapping[str, Any]) -> Path:
    """verl's `file` tracker truncates its file on a resume, so each attempt has its own."""
    return Path(step["step_dir"]) / f"metrics.attempt{int(step.get('attempt', 1)):02d}.jsonl"


def image_policy(config: DictConfig) -> dict[str, int]:
    """The one picture-size policy of rewards, labels and training (METHOD `picture_size`), in pixels."""
    return {"min_pixels": int(config.image.min_pixels), "max_pixels": int(config.image.max_pixels)}


def reward_kwargs(config: DictConfig, step: Mapping[str, Any]) -> dict[str, Any]:
    """What the reward manager of this step reads (`config.reward.reward_kwargs`, mmzero_rewards/managers/roles.py)."""
    role = step["role"]
    coder, solver = config.coder, config.solver
    peers: dict[str, Any] = {}
    if "coder" in PEERS[role]:
        peers["coder"] = {
            "addresses": [],
            "model": str(step["inputs"]["coder"]),
            "samples": coder.samples,
            "sampling": _sampling(coder.sampling["peer"], coder.train.max_response_tokens),
        }
    if "solver" in PEERS[role]:
        peers["solver"] = {
            "addresses": [],
            "model": str(step["inputs"]["solver"]),
            "votes": solver.votes,
            "sampling": _sampling(solver.sampling["judge"], solver.train.max_response_tokens),
        }
    return {
        "scoring": scoring(config),
        "render": OmegaConf.to_container(config.render, resolve=True),
        "peers": peers,
        "prompts": prompts.as_dict(config),
        "prompt_fields": list(coder.prompt_fields),
        "failures": {
            "max_retries": config.failures.max_retries,
            "timeout_s": config.failures.timeout_s,
        },
        "image": image_policy(config),
        "seed": derive_seed(config.seed, step["iteration"], role, 0, 2),
        "dump_dir": str(Path(step["step_dir"]) / "samples") if config.dump.samples_per_step else None,
    }


def _sampling(sampling: Any, max_tokens: int) -> dict[str, Any]:
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "max_tokens": max_tokens,
    }


def _settings(config: DictConfig, step: Mapping[str, Any]) -> dict[str, Any]:
    """The `mmzero` block: what our trainer and rollout workers read."""
    role = step["role"]
    layout = config.hardware.stages[role]
    longest = max(config[peer].train.max_prompt_tokens + config[peer].train.max_response_tokens for peer in MANAGERS)
    return {
        "role": role,
        "iteration": step["iteration"],
        "step_dir": str(step["step_dir"]),
        "seed": derive_seed(config.seed, step["iteration"], role, 0, 3),
        "label_mode": config.solver.label_mode,
        "scoring": scoring(config),
        "failures": {"max_fraction": config.failures.max_fraction},
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
    """role -> {path, gpus, tensor_parallel} for every peer that the hardware profile gives to a stage."""
    layout = config.hardware.stages[stage]
    return {
        role: {
            "path": str(inputs[role]),
            "gpus": int(layout.get(f"{role}_gpus", 1)),
            "tensor_parallel": int(layout.get("peer_tensor_parallel", 1)),
            "most_replicas": config.hardware.get("most_replicas"),
        }
        for role in PEERS[stage]
    }


def write(config: DictConfig, step: Mapping[str, Any]) -> Path:
    """Write `STEP_DIR/verl.yaml`; returns its path."""
    overlay = OmegaConf.to_container(stage_config(config, step), resolve=False)
    head = {
        "hydra": {
            "searchpath": ["pkg://verl.trainer.config"],
            "run": {"dir": str(step["step_dir"])},
            "output_subdir": None,
        }
    }
    target = Path(step["step_dir"]) / "verl.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    document = OmegaConf.create(head | {"defaults": ["ppo_trainer", "_self_"]} | overlay)
    target.write_text(
        "# Written by mmzero; overrides verl's ppo_trainer defaults for this stage.\n" + OmegaConf.to_yaml(document)
    )
    return target


def command(step_dir: Path) -> list[str]:
    """The stage's verl command, as a person would type it."""
    return ["python", "-m", "verl.trainer.main_ppo", f"--config-path={Path(step_dir).resolve()}", "--config-name=verl"]


def composed(overlay: Mapping[str, Any] | DictConfig) -> DictConfig:
    """verl's full config with an overlay on top, as Hydra would compose it from a stage's verl.yaml."""
    config = verl_defaults()
    with open_dict(config):
        return OmegaConf.merge(config, overlay)


def verl_defaults() -> DictConfig:
    """verl's `ppo_trainer` with its defaults. Reads the installed YAML without importing verl (seconds)."""
    return _verl_defaults().copy()


@cache
def _verl_defaults() -> DictConfig:
    GlobalHydra.instance().clear()
    folder = Path(find_spec("verl").submodule_search_locations[0]) / "trainer" / "config"
    with initialize_config_dir(str(folder), version_base=None):
        return compose("ppo_trainer")


def check_raw(config: DictConfig) -> None:
    """Check the keys of the user's `verl.*` block against verl's own and those that we add.

    Raises:
        ConfigError: a key that verl would ignore in silence; names the nearest.
    """
    raw = OmegaConf.to_container(config.verl, resolve=True)
    if not any(raw.values()):
        return
    valid = composed(OmegaConf.merge(*[OmegaConf.load(path) for path in sorted((CONFIG_DIR / "verl").glob("*.yaml"))]))
    tree = OmegaConf.to_container(valid, resolve=False)
    for part, overlay in raw.items():
        for key in keys.unknown(overlay, tree):
            if not key.startswith(OPEN_IN_VERL):
                found = keys.nearest(key, list(keys.flatten(tree)))
                hint = f" (did you mean '{found}'?)" if found else ""
                raise ConfigError(f"verl.{part}.{key} is no key of verl's configuration{hint}")


def collect_rollout(config: DictConfig, stage: str) -> tuple[DictConfig, dict[str, Any]]:
    """(verl rollout config for peers, arguments of ray.init) of a collection step."""
    layout = config.hardware.stages[stage]
    longest = max(config[role].train.max_prompt_tokens + config[role].train.max_response_tokens for role in MANAGERS)
    rollout = {
        "prompt_length": longest,
        "response_length": max(config[role].train.max_response_tokens for role in MANAGERS),
        "max_model_len": longest + TEMPLATE_TOKENS,
        "max_num_seqs": int(layout.get("peer_max_num_seqs", 256)),
        "gpu_memory_utilization": float(layout.get("peer_gpu_memory_utilization", 0.85)),
    }
    full = composed(
        OmegaConf.merge(
            OmegaConf.load(CONFIG_DIR / "verl" / "base.yaml"),
            OmegaConf.load(CONFIG_DIR / "verl" / f"{config.hardware.kind}.yaml"),
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
