"""What the result of a step depends on: the part of the configuration that is hashed into the journal. Pure.

Which setting decides which stage is declared in decides.py. Here the configuration is taken apart into its leaves
(dotted key -> value), and the texts of the prompts are added to them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.run.record.decides import decided, selects
from recipe.mmzero.settings import prompts
from recipe.mmzero.settings.text import short

WHOLE = ("model.architecture", "model.verl", "hardware.verl", "verl.all", "verl.proposer", "verl.coder", "verl.solver")
"""Blocks with any keys: compared as one value, so that a key that appears or goes is a change."""


def leaves(config: DictConfig) -> dict[str, Any]:
    """Dotted key -> plain value of every setting."""
    return dict(_leaves(OmegaConf.to_container(config, resolve=True), ""))


def _leaves(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value and key not in WHOLE:
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def decisive(config: DictConfig, stage: str) -> dict[str, Any]:
    """The settings that decide the result of a stage: dotted key -> value; prompts as `template.<name>` -> text.

    Args:
        stage: proposer, collect_coder, coder, collect_solver or solver.
    """
    everything = leaves(config) | {f"template.{name}": text for name, text in prompts.as_dict(config).items()}
    return {key: value for key, value in everything.items() if stage in decided(config, key)}


def of_rows(config: DictConfig, stage: str) -> dict[str, Any]:
    """`decisive` without what only chooses among the finished rows of a collection: what one row depends on."""
    return unfinished(decisive(config, stage), stage)


def unfinished(settings: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """The part of `decisive` settings that an unfinished step must keep: a collection may select in another way."""
    return {key: value for key, value in settings.items() if not selects(key, stage)}


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Settings that differ, as `key: old -> new`."""
    keys = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    return [f"{key}: {short(before.get(key))} -> {short(now.get(key))}" for key in keys]
