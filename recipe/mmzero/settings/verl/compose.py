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

from recipe.mmzero.settings.checks import keys
from recipe.mmzero.settings.types.run import ROLES, ConfigError

CONFIG_DIR = Path(str(resources.files("recipe.mmzero.config")))
# Blocks of verl's configuration that pass any key on to something else.
OPEN_IN_VERL = (
    "actor_rollout_ref.model.override_config.",
    "actor_rollout_ref.rollout.engine_kwargs.",
    "ray_kwargs.ray_init.",
    "reward.custom_reward_function.reward_kwargs.",
)

# Keys of verl that decide what a step of the run is: its checks, its plan and its files follow the setting of ours.
SET_BY_A_RUN = {
    "actor_rollout_ref.model.path": "model.path",
    "actor_rollout_ref.rollout.n": "<role>.train.rollouts",
    "actor_rollout_ref.actor.ppo_mini_batch_size": "<role>.train.prompts_per_update",
    "data.train_batch_size": "<role>.train.prompts_per_step",
    "data.max_prompt_length": "<role>.train.max_prompt_tokens",
    "data.max_response_length": "<role>.train.max_response_tokens",
    "trainer.total_training_steps": "<role>.train.steps",
    "trainer.n_gpus_per_node": "hardware.stages.<role>.train_gpus",
    "trainer.nnodes": "hardware.stages.<role>.train_nodes",
    "trainer.default_local_dir": "run_dir",
    "trainer.logger": "loggers",
    "reward.reward_kwargs": "the keys of proposer, coder, solver, verify or render",
}
OF_ROLES = tuple(f"verl.{role}" for role in ROLES)


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
    """Check raw settings of verl (`verl.*`, and those of a profile) against verl's own and those that we add.

    Raises:
        ConfigError: a key that verl would ignore in silence (names the nearest), a value of another kind than verl's,
            or a key that the run itself sets and reckons with.
    """
    plain = OmegaConf.to_container(config, resolve=True)
    raw = {f"verl.{part}": overlay for part, overlay in plain["verl"].items()}
    raw |= {f"{profile}.verl": plain[profile]["verl"] for profile in ("model", "hardware")}
    if not any(raw.values()):
        return
    ours = sorted(path.stem for path in (CONFIG_DIR / "verl").glob("*.yaml"))
    valid = composed(OmegaConf.merge(*map(fragment, ours)))
    tree = OmegaConf.to_container(valid, resolve=False)
    for part, overlay in raw.items():
        overlay = overlay or {}
        for key in keys.flatten(overlay):
            if key in SET_BY_A_RUN:
                instead = SET_BY_A_RUN[key].replace(
                    "<role>", part.removeprefix("verl.") if part in OF_ROLES else "<role>"
                )
                raise ConfigError(f"{part}.{key} is set by the run, which reckons with it; set {instead}")
        for key in keys.unknown(overlay, tree):
            if not key.startswith(OPEN_IN_VERL):
                found = keys.nearest(key, list(keys.flatten(tree)))
                hint = f" (did you mean '{found}'?)" if found else ""
                raise ConfigError(f"{part}.{key} is no key of verl's configuration{hint}")
        for key in keys.flatten(overlay):
            if line := _wrong_kind(keys.at(overlay, key), keys.at(tree, key)):
                raise ConfigError(f"{part}.{key} {line}")


def _wrong_kind(value: Any, of_verl: Any) -> str | None:
    """What is wrong about a value where verl has another kind of it; null, lists and texts of verl's take anything."""
    if isinstance(of_verl, Mapping) != isinstance(value, Mapping) and of_verl not in (keys.ABSENT, None):
        kind = "a block of settings" if isinstance(of_verl, Mapping) else "one value"
        return f"is {kind}, got {value!r}"
    if isinstance(of_verl, bool) and value is not None and not isinstance(value, bool):
        return f"must be true or false, got {value!r}"
    if type(of_verl) in (int, float) and value is not None and type(value) not in (int, float):
        return f"must be a number, got {value!r}"
    return None
