"""`mmzero plan --commands`: every training stage's resolved verl command and config, without running anything."""

from collections.abc import Iterable
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.settings import verl_config


def commands(config: DictConfig, steps: Iterable[Any]) -> str:
    """The commands of the plan's steps, and for training stages the verl overlay they run with (YAML)."""
    blocks = []
    for step in steps:
        blocks.append(f"# --- {step.id}\n+ {' '.join(step.command)}")
        if step.kind != "train":
            continue
        described = {
            "id": step.id,
            "role": step.role,
            "iteration": step.iteration,
            "step_dir": f"{config.run_dir}/{step.id}",
            "inputs": {name: str(value) for name, value in step.inputs.items()},
        }
        overlay = verl_config.stage_config(config, described)
        blocks.append("+ " + " ".join(verl_config.command(described["step_dir"])))
        blocks.append(OmegaConf.to_yaml(overlay).rstrip())
    return "\n".join(blocks)
