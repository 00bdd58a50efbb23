"""What verl loads: registers the platform, the patches and the trainer; `verify()` proves that it did.

verl imports this module in every process, through the entry point group `verl.plugins` (a failing entry point is only
logged at DEBUG) and through `VERL_USE_EXTERNAL_MODULES=recipe.mmzero.plugin` (a failing import raises), which our
scripts set. It must stay light: whatever needs the trainer or the engine waits for their import.

Rollout workers and reward managers need no registration: verl resolves them by path
(`rollout.agent.agent_loop_config_path`, `reward.reward_manager.module.path`); `verify()` resolves them too.
"""

import os
from importlib.metadata import version

from recipe.mmzero.engine.platform.hooks import after_import
from recipe.mmzero.engine.platform.patches import VERL, install

TRAINER = "mmzero_sync"
AGENT_LOOPS = ("mmzero_proposer", "mmzero_coder", "mmzero_solver")
MANAGERS = ("ProposerRewardManager", "CoderRewardManager", "SolverRewardManager")


class PluginError(RuntimeError):
    """A registration that a stage depends on is missing; the message says which and why that matters."""


def register() -> None:
    """Register everything once per process; safe to call again."""
    global _registered
    if _registered:
        return
    _registered = True
    on_cpu = os.environ.get("VERL_PLATFORM") == "cpu"
    if on_cpu:
        from verl.plugin.platform.platform_manager import PlatformRegistry

        from recipe.mmzero.engine.platform.cpu import PlatformCPU

        PlatformRegistry.register(platform="cpu")(PlatformCPU)
    install(cpu=on_cpu)
    after_import("verl.trainer.ppo.v1.trainer_sync", _register_trainer)


def _register_trainer(_module) -> None:
    from recipe.mmzero.engine.train import trainer  # noqa: F401  (registers itself under TRAINER)


def verify() -> list[str]:
    """Check every registration in this process; returns one line per check.

    Raises:
        PluginError: one line naming what is missing.
    """
    checks = [f"verl {version('verl')}"]
    if version("verl") != VERL:
        raise PluginError(f"mmzero needs verl=={VERL}, found {version('verl')}")
    from verl.trainer.ppo.v1 import trainer_sync  # noqa: F401  (its import triggers ours)
    from verl.trainer.ppo.v1.trainer_base import get_trainer_cls
    from verl.utils.import_utils import load_extern_object

    trainer = get_trainer_cls(TRAINER)
    checks.append(f"trainer {TRAINER} -> {trainer.__module__}.{trainer.__name__}")
    for name in MANAGERS:
        load_extern_object(module_path="pkg://mmzero_rewards.managers", object_name=name)
        checks.append(f"reward manager {name}")
    from omegaconf import OmegaConf

    from recipe.mmzero.settings.verl.config import AGENT_LOOP_CONFIG

    listed = {entry.name: entry._target_ for entry in OmegaConf.load(AGENT_LOOP_CONFIG)}
    for name in AGENT_LOOPS:
        if name not in listed:
            raise PluginError(f"rollout worker '{name}' is not listed in {AGENT_LOOP_CONFIG}")
        module, _, attribute = listed[name].rpartition(".")
        getattr(__import__(module, fromlist=[attribute]), attribute)
        checks.append(f"rollout worker {name} -> {listed[name]}")
    if os.environ.get("VERL_PLATFORM") == "cpu":
        from verl.plugin.platform import get_platform

        if get_platform().device_name != "cpu":
            raise PluginError(
                f"platform is {get_platform().device_name!r}, not 'cpu': set VERL_PLATFORM before importing verl"
            )
        checks.append("platform cpu")
    return checks


_registered = False
register()
