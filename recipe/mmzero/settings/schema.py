"""The typed configuration of a run: compose, check, and say what is wrong in one line.

`config/mmzero.yaml` holds every key with its default, unit and source; settings.py holds every key with its type.
`load(["model=tiny", "seed=3"])` composes the YAML with Hydra, merges it into the types and checks what types cannot
express. An unknown key, at any depth, is an error that names the nearest valid one; so is a value of the wrong type. A
key that a profile leaves out (`hardware.stages.coder.tensor_parallel=2`) is set like any other.

Not covered: whether the machine fits the profile (doctor.py, capacity.py) and verl's own keys (verl_config.py).
"""

import re
from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from importlib import resources
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from mmzero_env import RenderConfig
from mmzero_rewards.config import RewardConfig
from recipe.mmzero.settings import keys, prompts
from recipe.mmzero.settings.layout import ROLES, check_layout
from recipe.mmzero.settings.types import Architecture, Config, ConfigError, Proposer

__all__ = ["ConfigError", "check", "known_keys", "load", "nearest", "scoring"]

CHOICES = {
    "evolution.solver_init": ("previous", "base"),
    "evolution.on_mismatch": ("stop", "redo", "new"),
    "coder.judge": ("solver", "coder_init"),
    "coder.filter.mode": ("window", "window_then_variance", "variance", "off"),
    "solver.label_mode": ("offline", "online", "shuffled"),
    "solver.filter.easy_metric": ("accuracy", "consistency"),
    "render.sandbox": ("strict", "best_effort"),
    "render.blank": ("fail", "allow"),
    "alarms.on_alarm": ("warn", "stop"),
    "model.prompts": ("full", "tiny"),
    "hardware.kind": ("cpu", "gpu"),
    "hardware.peers": ("standalone", "colocated"),
}
PROPOSAL_FIELDS = ("caption", "easy_question", "easy_answer", "hard_question", "hard_answer")
GROUPS = ("model", "hardware", "rewards", "ablation")
# Typed or not ours: the listing in mmzero.yaml is not all of their keys.
NOT_LISTED = ("defaults", "hydra", "verl", "alarms", "model", "hardware")


def load(overrides: Sequence[str] = ()) -> DictConfig:
    """Compose `config/mmzero.yaml` with Hydra overrides and check it.

    Raises:
        ConfigError: unknown key, wrong type, or a contradiction; one line.
    """
    GlobalHydra.instance().clear()
    with initialize_config_module("recipe.mmzero.config", version_base=None):
        try:
            composed = compose("mmzero", overrides=[_settable(override) for override in overrides])
        except HydraException as error:
            raise ConfigError(_explain(error)) from None
    return check(composed)


def _settable(override: str) -> str:
    """Let an override set keys that the YAML leaves out; `check` finds the ones that do not exist."""
    key = override.partition("=")[0]
    plain = "=" in override and key[:1] not in "+~" and "@" not in key
    return f"++{override}" if plain and key not in GROUPS and not key.startswith("hydra.") else override


def check(composed: DictConfig) -> DictConfig:
    """Merge a composed config into the types and validate it; the result is resolved and read-only."""
    plain = OmegaConf.to_container(composed, resolve=False)
    plain.pop("hydra", None)
    for key in keys.unknown({k: v for k, v in plain.items() if k not in NOT_LISTED}, _listed()):
        raise ConfigError(_unknown_key(key))
    try:
        config = OmegaConf.merge(OmegaConf.structured(Config), plain)
        OmegaConf.resolve(config)
    except ConfigKeyError as error:
        raise ConfigError(_unknown_key(str(error.full_key))) from None
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "?"
        raise ConfigError(f"config key '{key}': {str(error).strip().splitlines()[0]}") from None
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise ConfigError(f"config key '{missing[0]}' has no value")
    for key, choices in CHOICES.items():
        value = OmegaConf.select(config, key)
        if value not in choices:
            raise ConfigError(f"config key '{key}' is {value!r}; choose one of {', '.join(choices)}")
    _check_contradictions(config)
    check_layout(config)
    try:
        scoring(config)
        prompts.templates(config)
        RenderConfig(**OmegaConf.to_container(config.render, resolve=True))
    except ValueError as error:
        raise ConfigError(str(error)) from None
    OmegaConf.set_readonly(config, True)
    return config


def scoring(config: DictConfig) -> dict[str, Any]:
    """The scoring keys of a run, as `mmzero_rewards.RewardConfig.from_dict` takes them (validated there)."""
    own = {
        "proposer": {f.name for f in fields(Proposer)} - {"train", "sampling", "topics"},
        "coder": {"penalty", "floor", "leak_penalty", "languages"},
        "solver": {"format_weight", "vote", "consistency_denominator", "non_answers"},
    }
    plain = OmegaConf.to_container(config, resolve=True)
    keys = {role: {name: plain[role][name] for name in names} for role, names in own.items()}
    keys |= {"grading": plain["grading"], "checks": plain["checks"]}
    RewardConfig.from_dict(keys)
    return keys


@cache
def _listed() -> dict[str, Any]:
    """`config/mmzero.yaml` as plain data."""
    text = resources.files("recipe.mmzero.config").joinpath("mmzero.yaml").read_text()
    return OmegaConf.to_container(OmegaConf.create(text), resolve=False)


@cache
def known_keys() -> tuple[str, ...]:
    """Every dotted key that a configuration may have, verl's own left out."""
    typed = OmegaConf.to_container(OmegaConf.structured(Config), throw_on_missing=False)
    typed["model"]["architecture"] = OmegaConf.to_container(OmegaConf.structured(Architecture), throw_on_missing=False)
    listed = {key: value for key, value in _listed().items() if key != "defaults"}
    return tuple(sorted({*keys.flatten(typed), *keys.flatten(listed)}))


def nearest(key: str) -> str | None:
    """The valid dotted key closest to `key`, or None if nothing resembles it."""
    return keys.nearest(key, known_keys())


def _unknown_key(key: str) -> str:
    found = nearest(key)
    hint = f" (did you mean '{found}'?)" if found and found != key else ""
    return f"unknown config key '{key}'{hint}; `mmzero run --help` lists all keys"


def _explain(error: HydraException) -> str:
    """One line for Hydra's multi-line errors."""
    message = str(error.__cause__ or error).strip()
    missing = re.search(r"Could not find '(\w+)/([^']*)'", message)
    if missing:
        group, name = missing.groups()
        choices = sorted(
            path.name.removesuffix(".yaml")
            for path in resources.files("recipe.mmzero.config").joinpath(group).iterdir()
            if path.name.endswith(".yaml")
        )
        return f"config group '{group}' has no '{name}'; choose one of {', '.join(choices)}"
    return f"config: {message.splitlines()[0]}"


def _check_contradictions(config: DictConfig) -> None:
    trained = list(config.evolution.train)
    if not trained or len(set(trained)) != len(trained) or not set(trained) <= set(ROLES):
        raise ConfigError(f"evolution.train={trained}: name one or more of {', '.join(ROLES)}, each once")
    for role in ROLES:
        train = config[role].train
        if train.prompts_per_step % train.prompts_per_update:
            raise ConfigError(
                f"{role}.train.prompts_per_step={train.prompts_per_step} must be a multiple of "
                f"{role}.train.prompts_per_update={train.prompts_per_update}"
            )
        if train.rollouts < 2:
            raise ConfigError(f"{role}.train.rollouts={train.rollouts}: GRPO needs groups of at least 2")
    unknown = [name for name in config.coder.prompt_fields if name not in PROPOSAL_FIELDS]
    if unknown:
        raise ConfigError(f"coder.prompt_fields has {unknown[0]!r}; choose from {', '.join(PROPOSAL_FIELDS)}")
    if config.coder.filter.min_rows < config.coder.train.prompts_per_update:
        raise ConfigError("coder.filter.min_rows must be at least coder.train.prompts_per_update")
    if config.solver.filter.min_rows < config.solver.train.prompts_per_update:
        raise ConfigError("solver.filter.min_rows must be at least solver.train.prompts_per_update")
