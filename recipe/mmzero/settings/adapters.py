"""Low-rank adapters (`adapter.*`): what a stage starts from and hands on, and the part of verl's configuration. Pure.

Two ways, by `adapter.kl_anchor`; verl's KL reference is always the model without its adapter:

    start   policy = a model folder; the stage trains a new adapter on it and hands on `hf/`, the two merged. The
            reference is the stage's start, as docs/method.md §3 has it, and stages read each other's `hf/` as ever.
    base    policy = the base or an adapter of it; the stage trains that adapter on and hands on `adapter/`. The
            reference is the untrained base in every iteration. The step's input `base` says where that is.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.settings.folder import StepFolder
from recipe.mmzero.settings.verl.compose import CONFIG_DIR

BASE = "base"
"""Name of the input, and the plan's reference, of the untrained model."""


def used(config: DictConfig) -> bool:
    return int(config.adapter.rank) > 0


def on_one_base(config: DictConfig) -> bool:
    """Do stages hand on adapters of the untrained base, in place of whole models?"""
    return used(config) and config.adapter.kl_anchor == "base"


def shared(config: DictConfig) -> bool:
    """Do frozen roles answer from the trained role's server?"""
    return config.hardware.peers == "shared"


def parts(inputs: Mapping[str, Any], name: str) -> tuple[str, str | None]:
    """(model folder, adapter folder or None) of a step's input.

    >>> parts({"base": "/m", "coder": "/r/iter_01/coder/adapter"}, "coder")
    ('/m', '/r/iter_01/coder/adapter')
    >>> parts({"base": "/m", "coder": "/m"}, "coder"), parts({"coder": "/r/hf"}, "coder")
    (('/m', None), ('/r/hf', None))
    """
    path, base = str(inputs[name]), inputs.get(BASE)
    return (path, None) if base is None or path == str(base) else (str(base), path)


def first_adapter(step: Mapping[str, Any]) -> Path:
    """The adapter that a training stage starts from: its policy's, or a new one in the stage's folder."""
    given = parts(step["inputs"], "policy")[1]
    return Path(given) if given else StepFolder(Path(step["step_dir"])).first_adapter


def verl_overlay(config: DictConfig, step: Mapping[str, Any]) -> DictConfig:
    """verl's keys for training an adapter; empty with full tuning.

    verl reads `lora_rank` in the engine and either key in the trainer: a path without a rank would train all parameters
    against themselves (verl/workers/engine/fsdp/transformer_impl.py:162, trainer/ppo/v1/trainer_base.py:237). A stage
    always starts from an adapter folder, which PEFT holds in fp32 even on a bf16 base; verl casts one that it makes
    itself to the base's type (:370-382), in which small updates are lost.
    """
    if not used(config):
        return OmegaConf.create()
    targets = list(config.adapter.targets)
    overlay: dict[str, Any] = {
        "model": {
            "lora_rank": int(config.adapter.rank),
            "lora_alpha": int(config.adapter.alpha),
            "target_modules": targets[0] if targets == ["all-linear"] else targets,
            "exclude_modules": config.adapter.exclude,
            "lora_adapter_path": str(first_adapter(step)),
        },
        "actor": {"optim": {"lr": float(config.optim.lr) * float(config.adapter.lr_factor)}},
        "rollout": {},
    }
    if shared(config):
        frozen = dict.fromkeys(parts(step["inputs"], role)[1] for role in ("coder", "solver") if role in step["inputs"])
        modules = [json.dumps({"name": folder, "path": folder}) for folder in frozen if folder]
        overlay["rollout"]["engine_kwargs"] = {"vllm": {"lora_modules": modules}}
    if config.hardware.kind == "gpu":
        overlay["actor"]["fsdp_config"] = {"model_dtype": "bf16"}  # the base is not trained; verl's default is fp32
    return OmegaConf.merge(OmegaConf.load(CONFIG_DIR / "verl" / "adapters.yaml"), {"actor_rollout_ref": overlay})
