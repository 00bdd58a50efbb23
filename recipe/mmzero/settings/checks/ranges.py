"""Every key's declared range or choice, and the first value that breaks one.

Declared where a key is read: types/ (the run), mmzero_rewards/config.py (scoring),
mmzero_env/config.py (`render`). A key without a declaration is an error of ours that a test finds.
"""

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any

from omegaconf import MISSING

from mmzero_env import RenderConfig
from mmzero_env.config.ranges import RULE, Rule, block_of, key_of, rules_of
from mmzero_rewards.config import RewardConfig
from recipe.mmzero.settings.types.run import Config

# Blocks that hold verl's own keys: compared with verl's configuration (raw keys), not with a list of ours.
OPEN = ("verl", "model.verl", "hardware.verl")


@cache
def declared() -> Mapping[str, Rule]:
    """Dotted key -> rule, for every key of a configuration but those under OPEN."""
    rewards = rules_of(RewardConfig)
    render = {f"render.{key}": rule for key, rule in rules_of(RenderConfig).items()}
    return _of_type(Config) | rewards | render


def _of_type(cls: type, prefix: str = "") -> dict[str, Rule]:
    """The rules of the fields that declare one; those that are MISSING without one are declared where they are read."""
    found: dict[str, Rule] = {}
    for item in fields(cls):
        dotted, inner = prefix + key_of(item), block_of(item)
        if dotted in OPEN:
            continue
        if inner is not None:
            found |= _of_type(inner, dotted + ".")
        elif RULE in item.metadata:
            found[dotted] = item.metadata[RULE]
        elif item.default is not MISSING:
            raise TypeError(f"{cls.__name__}.{item.name} declares no range or choice")
    return found


def leaves(node: Mapping[str, Any], prefix: str = ""):
    """(dotted key, value) of every leaf of a resolved configuration, but those under OPEN."""
    for key, value in node.items():
        dotted = f"{prefix}{key}"
        if dotted in OPEN:
            continue
        if isinstance(value, Mapping) and value:
            yield from leaves(value, dotted + ".")
        else:
            yield dotted, value


def problem(config: Mapping[str, Any]) -> str | None:
    """One line about the first value outside its range, or None.

    Args:
        config: a resolved configuration as plain data.
    """
    rules = declared()
    for key, value in leaves(config):
        if key in rules and (line := rules[key].problem(f"config key '{key}'", value)):
            return line
    return None
