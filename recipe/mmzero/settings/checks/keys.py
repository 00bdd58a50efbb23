"""Which dotted keys a configuration may have, and the nearest valid one to a typo.

Typed blocks know their keys. Blocks that types/run.py types as plain dictionaries (`render`, `proposer.diversity`, ...)
may have exactly the keys that `config/mmzero.yaml` lists; an empty dictionary there is open.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from omegaconf import OmegaConf

from mmzero_env.config.hints import nearest as nearest_of
from recipe.mmzero.settings.types.profiles import Architecture
from recipe.mmzero.settings.types.run import Config

ABSENT = object()
OPTIONAL = ("model.architecture",)  # a block that may be null
# The blocks of verl's own configuration, which its users write without `verl.all.`.
OF_VERL = (
    "model_engine",
    "actor_rollout_ref",
    "data",
    "critic",
    "custom_reward_function",
    "reward_model",
    "sandbox_fusion",
    "reward",
    "algorithm",
    "distillation",
    "transfer_queue",
    "trainer",
    "global_profiler",
    "skip",
    "ray_kwargs",
)


def flatten(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Every dotted key of a tree, inner nodes included."""
    for key, value in node.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from flatten(value, dotted + ".")
        yield dotted


def unknown(node: Mapping[str, Any], listed: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted keys of `node` that `listed` does not have; blocks that are empty in `listed` are open."""
    for key, value in node.items():
        dotted = f"{prefix}{key}"
        if key not in listed:
            yield dotted
        elif isinstance(value, Mapping) and isinstance(listed[key], Mapping) and listed[key]:
            yield from unknown(value, listed[key], dotted + ".")


def at(node: Mapping[str, Any], dotted: str) -> Any:
    """The value at a dotted key, or ABSENT."""
    for part in dotted.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return ABSENT
        node = node[part]
    return node


@cache
def listed() -> dict[str, Any]:
    """`config/mmzero.yaml` as plain data."""
    text = resources.files("recipe.mmzero.config").joinpath("mmzero.yaml").read_text(encoding="utf-8")
    return OmegaConf.to_container(OmegaConf.create(text), resolve=False)


@cache
def tree() -> dict[str, Any]:
    """Every block and key of a configuration as nested data; values mean nothing."""
    typed = OmegaConf.to_container(OmegaConf.structured(Config), throw_on_missing=False)
    typed["model"]["architecture"] = OmegaConf.to_container(OmegaConf.structured(Architecture), throw_on_missing=False)
    ours = {key: value for key, value in listed().items() if key not in ("defaults", "hydra")}
    return OmegaConf.to_container(OmegaConf.merge(typed, ours), resolve=False)


@cache
def known_keys() -> tuple[str, ...]:
    """Every dotted key that a configuration may have, verl's own left out."""
    return tuple(sorted(flatten(tree())))


@cache
def blocks() -> dict[str, tuple[str, ...]]:
    """Dotted key -> names in it, of every block that is not open; outer ones first."""
    found: dict[str, tuple[str, ...]] = {}

    def walk(node: Mapping[str, Any], prefix: str) -> None:
        for key, value in node.items():
            if isinstance(value, Mapping):
                found[f"{prefix}{key}"] = tuple(value)
                walk(value, f"{prefix}{key}.")

    walk(tree(), "")
    return found


def nearest(key: str, valid=None) -> str | None:
    """The valid dotted key closest to `key`, or None if nothing resembles it."""
    return nearest_of(key, known_keys() if valid is None else valid)


def unknown_key(key: str, value: Any = None) -> str:
    """The message for a key that does not exist; `value` tells a block of verl's from a mistyped group."""
    if key in OF_VERL and isinstance(value, Mapping):
        return f"'{key}' is a block of verl's own settings: write verl.all.{key}.KEY=..., or verl.<role>.{key}.KEY=..."
    groups = [next(iter(entry)) for entry in listed()["defaults"] if isinstance(entry, dict)]
    found = nearest(key, [*known_keys(), *groups])
    hint = f" (did you mean '{found}'?)" if found and found != key else ""
    return f"unknown config key '{key}'{hint}; `mmzero run --help` lists all keys"
