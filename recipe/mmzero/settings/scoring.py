"""The scoring keys of a run, as `mmzero_rewards.RewardConfig` takes them."""

from dataclasses import fields
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mmzero_rewards.config import LabelFilterConfig, RewardConfig
from recipe.mmzero.settings.types.roles import Proposer


def scoring(config: DictConfig) -> dict[str, Any]:
    """What the reward managers and the trainer score with, as plain data.

    Raises:
        ValueError: a value that RewardConfig refuses, also in `solver.filter`, which only the collection reads.
    """
    own = {
        "proposer": {f.name for f in fields(Proposer)} - {"train", "sampling", "topics", "overlap"},
        "coder": {"penalty", "floor", "leak_penalty", "difficulty_weight", "languages"},
        "solver": {"format_weight", "vote", "consistency_denominator", "non_answers"},
    }
    plain = OmegaConf.to_container(config, resolve=True)
    keys = {role: {name: plain[role][name] for name in names} for role, names in own.items()}
    keys |= {"grading": plain["grading"], "checks": plain["checks"], "verify": plain["verify"]}
    labels = {item.name: plain["solver"]["filter"][item.name] for item in fields(LabelFilterConfig)}
    RewardConfig.from_dict(keys | {"solver": keys["solver"] | {"filter": labels}})
    return keys
