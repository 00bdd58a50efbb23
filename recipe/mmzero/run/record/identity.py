"""What the result of a step depends on: the part of the configuration that is hashed into the journal. Pure.

Settings that only change how fast or how verbosely a step runs (hardware layout, watchdog, dumps, alarms, checkpoint
interval) are left out, and so are those of other stages: a changed Solver filter does not touch a trained Proposer.
"""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.settings import prompts
from recipe.mmzero.settings.schema import scoring
from recipe.mmzero.settings.text import short

DRAWING = ("coder.samples", "coder.prompt_fields", "coder.languages", "coder.train.max_response_tokens")
JUDGING = ("solver.votes", "solver.sampling.judge", "solver.train.max_response_tokens")
OPTIMISING = ("optim", "kl", "clip", "failures.max_fraction", "verl.all")
PROPOSING = ("proposer.topics", "proposer.sampling.collect", "proposer.train.max_response_tokens")

KEYS = {
    "proposer": (
        "proposer.train",
        "proposer.topics",
        "proposer.sampling.train",
        "coder.sampling.peer",
        *DRAWING,
        *JUDGING,
        *OPTIMISING,
        "verl.proposer",
    ),
    "collect_coder": (
        *PROPOSING,
        "coder.sampling.collect",
        *DRAWING,
        "coder.filter",
        *JUDGING,
    ),
    "coder": ("coder.train", "coder.sampling.train", "coder.judge", *DRAWING, *JUDGING, *OPTIMISING, "verl.coder"),
    "collect_solver": (
        *PROPOSING,
        "coder.sampling.collect",
        *DRAWING,
        "solver.label_votes",
        "solver.sampling.label",
        "solver.filter",
        "solver.train.max_response_tokens",
    ),
    "solver": ("solver.train", "solver.sampling.train", "solver.label_mode", *OPTIMISING, "verl.solver"),
}
SHARED = ("seed", "model.name", "model.family", "image", "checks", "grading")
RENDER = ("max_code_bytes", "max_side", "min_side", "background", "blank", "sandbox")
SCORED = {
    "proposer": ("proposer", "coder", "solver"),
    "collect_coder": ("coder", "solver", "proposer"),
    "coder": ("coder", "solver"),
    "collect_solver": ("proposer", "solver", "coder"),
    "solver": ("solver",),
}


def decisive(config: DictConfig, stage: str) -> dict[str, Any]:
    """The settings that decide the result of a stage, as plain nested data.

    Args:
        stage: proposer, collect_coder, coder, collect_solver or solver.
    """
    found: dict[str, Any] = {}
    for key in (*SHARED, *KEYS[stage]):
        value = OmegaConf.select(config, key)
        found[key] = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    scores = scoring(config)
    found["scoring"] = {role: scores[role] for role in SCORED[stage]}
    if stage != "solver":
        found["render"] = {name: config.render[name] for name in RENDER if name in config.render}
    found["prompts"] = prompts.as_dict(config)
    return found


def changes(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Settings that differ, as `key: old -> new`."""
    found = []
    for key in sorted({*before, *now}, key=str):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += changes(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key}: {short(old)} -> {short(new)}")
    return found
