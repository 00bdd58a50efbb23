"""Adapter folders in PEFT's format: a new one, what a checkpoint of verl holds, and a model with one merged into it.

Weights are fp32 throughout. verl's own merger (python -m verl.model_merger) rounds to bf16 and does not merge.
"""

import json
import math
from pathlib import Path

import torch
from omegaconf import DictConfig
from safetensors.torch import load_file, save_file
from torch.distributed.tensor import DTensor

from mmzero_env.process.replace import replacing
from recipe.mmzero.machine.model_folder import copy_small_files

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


def make(base: Path, target: Path, settings: DictConfig, seed: int) -> None:
    """Write a new adapter of `base`, which changes nothing yet: A as PEFT draws it (Kaiming, uniform), B zero.

    Args:
        settings: `adapter` of the configuration.
    Raises:
        ValueError: no layer of the model is a target.
    """
    from accelerate import init_empty_weights
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from transformers import AutoConfig, AutoModelForImageTextToText

    targets = list(settings.targets)
    with init_empty_weights():
        model = AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(base))
        description = LoraConfig(
            task_type="CAUSAL_LM",
            r=int(settings.rank),
            lora_alpha=int(settings.alpha),
            target_modules=targets[0] if targets == ["all-linear"] else targets,
            exclude_modules=settings.exclude,
            base_model_name_or_path=str(base),
        )
        try:
            wrapped = get_peft_model(model, description)
        except ValueError as error:
            found = str(error).splitlines()[0]
            raise ValueError(f"adapter.targets={targets}, adapter.exclude={settings.exclude}: {found}") from None
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, empty in sorted(get_peft_model_state_dict(wrapped).items()):
        weights[name] = torch.zeros(empty.shape)
        if ".lora_A." in name:
            torch.nn.init.kaiming_uniform_(weights[name], a=math.sqrt(5), generator=generator)
    described = description.to_dict() | {
        "target_modules": sorted({name.split(".lora_")[0].rpartition(".")[2] for name in weights}),
        "task_type": "CAUSAL_LM",
        "peft_type": "LORA",
    }
    _write(target, weights, json.dumps(described, indent=1, sort_keys=True, default=str) + "\n")


def from_checkpoint(checkpoint: Path, before: Path, target: Path) -> None:
    """Write the adapter of one of verl's checkpoints, in the form of the one that it was trained from.

    Args:
        checkpoint: `global_step_N/actor`, sharded over the training processes.
        before: the adapter folder that the stage started from.
    Raises:
        ValueError: the checkpoint does not hold exactly its layers.
    """
    files = sorted(checkpoint.glob("model_world_size_*_rank_*.pt"), key=lambda file: int(file.stem.rpartition("_")[2]))
    shards = [torch.load(file, map_location="cpu", weights_only=False) for file in files]
    names = [name for name in shards[0] if ".lora_" in name]
    weights = {name.replace(".default.", "."): _whole([shard[name] for shard in shards]).float() for name in names}
    wanted = {name: value.shape for name, value in load_file(before / WEIGHTS).items()}
    if {name: value.shape for name, value in weights.items()} != wanted:
        raise ValueError(f"{checkpoint} holds {len(weights)} weights of adapters, not the {len(wanted)} of {before}")
    _write(target, weights, (before / CONFIG).read_text(encoding="utf-8"))


def _whole(pieces: list[torch.Tensor]) -> torch.Tensor:
    first = pieces[0]
    if not isinstance(first, DTensor):
        return first
    (placement,) = first.placements
    if not placement.is_shard():
        return first.to_local()
    return torch.cat([piece.to_local() for piece in pieces], dim=placement.dim)


def _write(target: Path, weights: dict[str, torch.Tensor], described: str) -> None:
    with replacing(target) as temporary:
        temporary.mkdir()
        (temporary / CONFIG).write_text(described, encoding="utf-8")
        contiguous = {name: value.detach().clone().contiguous() for name, value in sorted(weights.items())}
        save_file(contiguous, temporary / WEIGHTS)


def merge(base: Path, adapter: Path, target: Path) -> None:
    """Write a plain transformers folder: the base with the adapter added to its weights, in fp32."""
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
    merged = PeftModel.from_pretrained(model, adapter).merge_and_unload(safe_merge=True)
    with replacing(target) as temporary:
        merged.save_pretrained(temporary)
        copy_small_files(base, temporary)
