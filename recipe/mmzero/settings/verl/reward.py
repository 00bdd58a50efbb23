"""What the reward manager of a training step reads, as `reward.reward_kwargs` of its verl config."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.settings import adapters, prompts
from recipe.mmzero.settings.checks.layout import PEERS
from recipe.mmzero.settings.folder import StepFolder
from recipe.mmzero.settings.schema import scoring
from recipe.mmzero.settings.seeds import derive_seed

JUDGES_FIRST = -1
"""Priority of the calls to frozen roles on the trained role's servers; roll-outs have 0, lower is earlier."""


def image_policy(config: DictConfig) -> dict[str, int]:
    """The one picture-size policy of rewards, labels and training (docs/method.md §6.1), in pixels."""
    return {"min_pixels": int(config.image.min_pixels), "max_pixels": int(config.image.max_pixels)}


def reward_kwargs(config: DictConfig, step: Mapping[str, Any]) -> dict[str, Any]:
    """What the reward manager of this step reads (`config.reward.reward_kwargs`, mmzero_rewards/managers/roles.py).

    Args:
        step: step.yaml; `calls`: role -> calls of one reward worker at once, where they are known.
    """
    role, folder = step["role"], StepFolder(Path(step["step_dir"]))
    coder, solver = config.coder, config.solver
    # The trained role's servers get all roll-outs of a step at once; behind them a judge's call would run out of time.
    priority = {"priority": JUDGES_FIRST} if adapters.shared(config) else {}
    peers: dict[str, Any] = {}
    if "coder" in PEERS[role]:
        peers["coder"] = {
            "addresses_file": str(folder.peer_addresses("coder")),
            "model": str(step["inputs"]["coder"]),
            "samples": coder.samples,
            "sampling": _sampling(coder.sampling["peer"], coder.train.max_response_tokens) | priority,
        }
    if "solver" in PEERS[role]:
        peers["solver"] = {
            "addresses_file": str(folder.peer_addresses("solver")),
            "model": str(step["inputs"]["solver"]),
            "votes": solver.votes,
            "sampling": _sampling(solver.sampling["judge"], solver.train.max_response_tokens) | priority,
        }
    for name, calls in (step.get("calls") or {}).items():
        peers[name]["max_concurrency"] = int(calls)
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
        "dump_dir": str(folder.samples) if config.dump.samples_per_step else None,
    }


def _sampling(sampling: Any, max_tokens: int) -> dict[str, Any]:
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "max_tokens": max_tokens,
    }
