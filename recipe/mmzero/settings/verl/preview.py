"""`mmzero plan --commands`: every training stage's resolved verl command and config, without running anything."""

import shlex
from collections.abc import Callable, Iterable
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.settings.verl import config as verl_config


def commands(
    config: DictConfig,
    steps: Iterable[Any],
    checkpoint: Callable[[str], str] = str,
    calls: Callable[[Any], dict[str, int]] = lambda step: {},
) -> str:
    """The commands of the plan's steps, quoted for a shell, and for training stages the verl overlay they run with.

    Args:
        checkpoint: the model folder (or hub id) of a step's input: `base` or the id of the step that makes it.
        calls: of a step to its peers at once (machine/forecast/calls.py).
    """
    blocks = []
    for step in steps:
        blocks.append(f"# --- {step.id}\n+ {shlex.join(step.command)}")
        if step.kind != "train":
            continue
        described = {
            "id": step.id,
            "role": step.role,
            "iteration": step.iteration,
            "step_dir": f"{config.run_dir}/{step.id}",
            "inputs": {name: checkpoint(str(value)) for name, value in step.inputs.items()},
            "calls": calls(step),
        }
        overlay = verl_config.stage_config(config, described)
        blocks.append("+ " + shlex.join(verl_config.command(described["step_dir"])))
        blocks.append(OmegaConf.to_yaml(overlay).rstrip())
    return "\n".join(blocks)
