"""The types and ranges of a run's settings; roles.py has those of the three roles, training.py of the update,
profiles.py of `model.*` and `hardware.*`.

A field without a default here gets it from `config/mmzero.yaml`, where its unit and source stand. A field that is
MISSING is declared where it is read: scoring keys by mmzero_rewards.RewardConfig, `render` by mmzero_env.RenderConfig,
`verl` by verl itself. checks/ranges.py joins them; blocks typed as dictionaries have exactly the keys that the YAML
lists.
"""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from mmzero_env.config.ranges import choice, choice_rule, items, number, text, whole
from recipe.mmzero.settings.types.alarms import AlarmConfig
from recipe.mmzero.settings.types.profiles import Hardware, Model
from recipe.mmzero.settings.types.roles import Coder, Proposer, Solver
from recipe.mmzero.settings.types.training import Adapter, Clip, Kl, Optim

# verl.utils.tracking.Tracking.supported_backend, which verl asserts when the first stage has loaded its models.
LOGGERS = (
    "console",
    "file",
    "wandb",
    "mlflow",
    "swanlab",
    "vemlp_wandb",
    "tensorboard",
    "clearml",
    "trackio",
    "rl_insight",
)
ROLES = ("proposer", "coder", "solver")

CARDS = ("a100_40", "a100_80", "h100", "h200", "l40s", "rtx4090", "l20")  # those of config/gpus.yaml


class ConfigError(ValueError):
    """A setting is unknown, of the wrong type, or contradicts another; the message is one line with the remedy."""


@dataclass
class Prompts:
    proposer: str | None = text("a text file", null=True, path=True, default=None)
    coder: str | None = text("a text file", null=True, path=True, default=None)
    solver: str | None = text("a text file", null=True, path=True, default=None)
    solver_text: str | None = text("a text file", null=True, path=True, default=None)


@dataclass
class Evolution:
    iterations: int = whole(1, 999)
    train: list[str] = items(choice_rule(*ROLES), 1, distinct=True)
    solver_init: str = choice("previous", "base")
    max_attempts: int = whole(1, 100)
    on_mismatch: str = choice("stop", "redo", "new")
    kill_grace_s: float = number(0, 3600)


@dataclass
class Stage:
    steps: int = whole(1)
    save_every: int = whole(1)
    keep: str = choice("hf", "all")


@dataclass
class Watchdog:
    startup_s: float = number(above=0)
    step_s: float = number(above=0)


@dataclass
class Image:
    min_pixels: int = whole(1)
    max_pixels: int = whole(1)


@dataclass
class Failures:
    max_retries: int = whole(0, 100)
    max_fraction: float = number(0, 1)
    timeout_s: float = number(above=0)


@dataclass
class Dump:
    samples_per_step: int = whole(0)


@dataclass
class Tokens:
    """Mean length by role, in tokens."""

    proposer: int = whole(1)
    coder: int = whole(1)
    solver: int = whole(1)


@dataclass
class Forecast:
    """What `mmzero plan` reckons with; no stage reads it. `gpu`: a card of config/gpus.yaml, auto: by the profile's
    memory. `price_per_gpu_hour`: in any currency; null: GPU hours only. `run`: a run folder whose measured times and
    lengths replace the constants. `prompt_tokens` are of text; pictures come on top."""

    gpu: str = choice("auto", *CARDS)
    price_per_gpu_hour: float | None = number(0, also=(None,), default=None)
    run: str | None = text("the folder of a run", null=True, path=True, default=None)
    response_tokens: Tokens = field(default_factory=Tokens)
    prompt_tokens: Tokens = field(default_factory=Tokens)
    picture_tokens: int = whole(1)
    coder_acceptance: float = number(above=0, most=1)
    valid: float = number(above=0, most=1)
    drawn: float = number(above=0, most=1)


@dataclass
class Config:
    run_dir: str = text("the folder of the run", path=True)
    seed: int = whole(0, 2**63 - 1)
    evolution: Evolution = field(default_factory=Evolution)
    stage: Stage = field(default_factory=Stage)
    watchdog: Watchdog = field(default_factory=Watchdog)
    proposer: Proposer = field(default_factory=Proposer)
    coder: Coder = field(default_factory=Coder)
    solver: Solver = field(default_factory=Solver)
    prompts: Prompts = field(default_factory=Prompts)
    grading: dict[str, Any] = MISSING
    checks: dict[str, Any] = MISSING
    verify: dict[str, Any] = MISSING
    render: dict[str, Any] = MISSING
    image: Image = field(default_factory=Image)
    failures: Failures = field(default_factory=Failures)
    optim: Optim = field(default_factory=Optim)
    kl: Kl = field(default_factory=Kl)
    clip: Clip = field(default_factory=Clip)
    adapter: Adapter = field(default_factory=Adapter)
    model: Model = field(default_factory=Model)
    hardware: Hardware = field(default_factory=Hardware)
    dump: Dump = field(default_factory=Dump)
    loggers: list[str] = items(choice_rule(*LOGGERS), 1, distinct=True)
    alarms: AlarmConfig = field(default_factory=AlarmConfig)
    forecast: Forecast = field(default_factory=Forecast)
    verl: dict[str, Any] = MISSING
