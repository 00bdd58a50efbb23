"""verl's own configuration, as installed: composed with an overlay, and the check of raw `verl.*` keys against it."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf, open_dict

from recipe.mmzero.settings import keys
from recipe.mmzero.settings.types import ConfigError

CONFIG_DIR = Path(str(resources.files("recipe.mmzero.config")))
# Blocks of verl's configuration that pass any key on to something else.
OPEN_IN_VERL = (
    "actor_rollout_ref.model.override_config.",
    "actor_rollout_ref.rollout.engine_kwargs.",
    "ray_kwargs.ray_init.",
    "reward.reward_kwargs.",
    "reward.custom_reward_function.reward_kwargs.",
)


def composed(overlay: Mapping[str, Any] | DictConfig) -> DictConfig:
    """verl's full config with an overlay on top, as Hydra would compose it from a stage's verl.yaml."""
    config = _verl_defaults()
    with open_dict(config):
        return OmegaConf.merge(config, overlay)  # a copy


def verl_defaults() -> DictConfig:
    """verl's `ppo_trainer` with its defaults. Reads the installed YAML without importing verl (seconds)."""
    return _verl_defaults().copy()


@cache
def _verl_defaults() -> DictConfig:
    GlobalHydra.instance().clear()
    folder = Path(find_spec("verl").submodule_search_locations[0]) / "trainer" / "config"
    with initialize_config_dir(str(folder), version_base=None):
        return compose("ppo_trainer")


@cache
def fragment(name: str) -> DictConfig:
    """`config/verl/NAME.yaml`, what this package itself sets of verl's keys. Read once; merging leaves it as it is."""
    return OmegaConf.load(CONFIG_DIR / "verl" / f"{name}.yaml")


def check_raw(config: DictConfig) -> None:
    """Check the keys of the user's `verl.*` block against verl's own and those that we add.

    Raises:
        ConfigError: a key that verl would ignore in silence; names the nearest.
    """
    raw = OmegaConf.to_container(config.verl, resolve=True)
    if not any(raw.values()):
        return
    ours = sorted(path.stem for path in (CONFIG_DIR / "verl").glob("*.yaml"))
    valid = composed(OmegaConf.merge(*map(fragment, ours)))
    tree = OmegaConf.to_container(valid, resolve=False)
    for part, overlay in raw.items():
        for key in keys.unknown(overlay, tree):
            if not key.startswith(OPEN_IN_VERL):
                found = keys.nearest(key, list(keys.flatten(tree)))
                hint = f" (did you mean '{found}'?)" if found else ""
                raise ConfigError(f"verl.{part}.{key} is no key of verl's configuration{hint}")
