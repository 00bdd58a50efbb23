"""The typed configuration of a run: compose, check, and say what is wrong in one line.

`load(["model=tiny", "seed=3"])` composes the YAML (compose.py), merges it into the types (types/) and checks, in this
order: unknown keys, blocks and types, ranges (checks/ranges.py), GPU counts (checks/layout.py), settings that cannot
work together (checks/contradictions.py), and what scoring, prompts and the renderer refuse themselves.

Not covered: whether the machine fits the profile (doctor.py, capacity.py) and verl's own keys (verl/config.py).
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import BooleanNode, DictConfig, FloatNode, IntegerNode, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException, ValidationError

from mmzero_env import RenderConfig
from mmzero_env.config.ranges import FLAG
from recipe.mmzero.settings import prompts
from recipe.mmzero.settings.checks import keys, ranges
from recipe.mmzero.settings.checks.contradictions import check_prompts, check_together
from recipe.mmzero.settings.checks.keys import known_keys, listed, nearest, unknown_key
from recipe.mmzero.settings.checks.layout import ROLES, check_layout
from recipe.mmzero.settings.compose import composed
from recipe.mmzero.settings.scoring import scoring
from recipe.mmzero.settings.types.run import Config, ConfigError

__all__ = ["ConfigError", "check", "known_keys", "load", "nearest", "scoring"]

# Typed or not ours: the listing in mmzero.yaml is not all of their keys.
NOT_LISTED = ("defaults", "hydra", "verl", "alarms", "model", "hardware")
VERL_PARTS = ("all", *ROLES)


def load(overrides: Sequence[str] = ()) -> DictConfig:
    """Compose `config/mmzero.yaml` with Hydra overrides and check it.

    Raises:
        ConfigError: unknown key, wrong type, a value outside its range, or a contradiction; one line.
    """
    return check(composed(overrides))


def check(composed: DictConfig) -> DictConfig:
    """Merge a composed config into the types and validate it; the result is resolved and read-only."""
    plain = OmegaConf.to_container(composed, resolve=False)
    plain.pop("hydra", None)
    _check_blocks(plain)
    _check_flags(plain)
    for key in keys.unknown({k: v for k, v in plain.items() if k not in NOT_LISTED}, listed()):
        raise ConfigError(unknown_key(key, keys.at(plain, key)))
    config = _merged(plain)
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise ConfigError(f"config key '{missing[0]}' has no value")
    _expand_paths(config)
    _read_texts(config)
    line = ranges.problem(OmegaConf.to_container(config, resolve=True))
    if line:
        raise ConfigError(line)
    check_layout(config)
    check_together(config)
    try:
        scoring(config)
        check_prompts(prompts.templates(config), list(config.coder.prompt_fields))
        RenderConfig(**OmegaConf.to_container(config.render, resolve=True))
    except ValueError as error:
        raise ConfigError(str(error)) from None
    OmegaConf.set_readonly(config, True)
    return config


def _check_blocks(plain: Mapping[str, Any]) -> None:
    """A block of settings where one value was given, and parts of `verl` that no stage reads."""
    for block, names in keys.blocks().items():
        value = keys.at(plain, block)
        if block.startswith("verl."):
            continue  # below, part by part
        if value is not keys.ABSENT and not isinstance(value, Mapping) and block not in keys.OPTIONAL:
            some = ", ".join(f"{block}.{name}" for name in names[:3]) + (", ..." if len(names) > 3 else "")
            raise ConfigError(f"config key '{block}' is a block of settings, got {value!r}; set {some}")
    parts = [f"verl.{part}" for part in VERL_PARTS]
    for part, overlay in plain.get("verl", {}).items():
        if part not in VERL_PARTS:
            found = keys.nearest(f"verl.{part}", parts)
            hint = f" (did you mean '{found}'?)" if found else ""
            raise ConfigError(f"config key 'verl.{part}' is no part of a run{hint}; the parts are {', '.join(parts)}")
        if overlay is not None and not isinstance(overlay, Mapping):
            raise ConfigError(f"config key 'verl.{part}' is a block of verl's settings, got {overlay!r}")


def _check_flags(plain: Mapping[str, Any]) -> None:
    """A number is no flag: OmegaConf takes every one, 2 as well, in typed blocks and none in plain ones."""
    for key, rule in ranges.declared().items():
        value = keys.at(plain, key)
        if rule is FLAG and isinstance(value, int | float) and (line := rule.problem(f"config key '{key}'", value)):
            raise ConfigError(line)


def _merged(plain: Mapping[str, Any]) -> DictConfig:
    """The types with `plain` laid over them, interpolations resolved."""
    try:
        config = OmegaConf.merge(_types(), plain)
    except ConfigKeyError as error:
        raise ConfigError(unknown_key(str(error.full_key))) from None
    except OmegaConfBaseException as error:
        raise ConfigError(_wrong_type(str(error.full_key or "?"), plain, error)) from None
    try:
        OmegaConf.resolve(config)
    except OmegaConfBaseException as error:
        raise ConfigError(f"config key '{_unresolved(config)}': {_first_line(error)}") from None
    return config


@cache
def _types() -> DictConfig:
    """The types' defaults; merging leaves them as they are."""
    return OmegaConf.structured(Config)


def _unresolved(config: DictConfig) -> str:
    """The first key whose value cannot be resolved."""
    for key in keys.flatten(OmegaConf.to_container(config, resolve=False)):
        try:
            OmegaConf.select(config, key, throw_on_missing=False)
        except OmegaConfBaseException:
            return key
    return "?"


def _wrong_type(key: str, plain: Mapping[str, Any], error: Exception) -> str:
    """What the key may be, where that is declared; OmegaConf names its own classes."""
    key = key.partition("[")[0]
    rule = ranges.declared().get(key)
    return (
        rule and rule.problem(f"config key '{key}'", keys.at(plain, key))
    ) or f"config key '{key}': {_first_line(error)}"


def _read_texts(config: DictConfig) -> None:
    """A number or flag that came as a text (from a variable of the environment, or in quotes), also in plain blocks.

    Typed blocks are read by OmegaConf alone, and by the same converters.
    """
    for key, rule in ranges.declared().items():
        value = OmegaConf.select(config, key)
        if not isinstance(value, str) or rule.accepts(value):
            continue
        for node in (BooleanNode, IntegerNode, FloatNode):
            with suppress(ValidationError):
                if rule.accepts(read := node(value)._value()):
                    OmegaConf.update(config, key, read)
                    break


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _expand_paths(config: DictConfig) -> None:
    """A leading ~ in a path is the home folder; the shell does not expand it behind `key=`."""
    for key, rule in ranges.declared().items():
        value = OmegaConf.select(config, key) if rule.path else None
        if isinstance(value, str) and value.startswith("~"):
            try:
                OmegaConf.update(config, key, str(Path(value).expanduser()))
            except RuntimeError:
                raise ConfigError(f"{key}={value}: no such user; write the whole path") from None
