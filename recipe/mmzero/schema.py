"""The typed configuration of a run: compose, check, and say what is wrong in one line.

`config/mmzero.yaml` holds every key with its default, unit and source; the dataclasses here hold every key with its
type. `load(["model=tiny", "seed=3"])` composes the YAML with Hydra, merges it into the types and checks what types
cannot express. An unknown key is an error that names the nearest valid one; so is a value of the wrong type.

Not covered: whether the machine fits the profile (doctor.py, memory.py) and verl's own keys (verl_config.py).
"""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from recipe.mmzero.alarms import AlarmConfig

from mmzero_rewards.config import RewardConfig

ROLES = ("proposer", "coder", "solver")
COLLECTIONS = ("collect_coder", "collect_solver")


class ConfigError(ValueError):
    """A setting is unknown, of the wrong type, or contradicts another; the message is one line with the remedy."""


@dataclass
class Sampling:
    temperature: float = MISSING
    top_p: float = MISSING
    top_k: int = MISSING


@dataclass
class Train:
    prompts_per_step: int = MISSING
    prompts_per_update: int = MISSING
    rollouts: int = MISSING
    steps: int = MISSING
    max_prompt_tokens: int = MISSING
    max_response_tokens: int = MISSING
    rows: int | None = None


@dataclass
class Proposer:
    train: Train = field(default_factory=Train)
    sampling: dict[str, Sampling] = MISSING
    topics: list[str] = MISSING
    solvability_cap: float = MISSING
    easy_hard: dict[str, float] = MISSING
    content_type: dict[str, Any] = MISSING
    diversity: dict[str, Any] = MISSING
    no_render: str = MISSING
    empty_body: str = MISSING
    min_consistency: float = MISSING
    blind_penalty: float = MISSING


@dataclass
class CoderFilter:
    mode: str = MISSING
    window: list[float] = MISSING
    target_rows: int = MISSING
    attempt_budget: int = MISSING
    min_rows: int = MISSING


@dataclass
class Coder:
    train: Train = field(default_factory=Train)
    sampling: dict[str, Sampling] = MISSING
    samples: int = MISSING
    prompt_fields: list[str] = MISSING
    languages: list[str] = MISSING
    judge: str = MISSING
    filter: CoderFilter = field(default_factory=CoderFilter)
    penalty: dict[str, float] = MISSING
    floor: float = MISSING
    leak_penalty: float = MISSING


@dataclass
class SolverFilter:
    proposals: int = MISSING
    easy_metric: str = MISSING
    easy_min: float = MISSING
    hard_consistency: list[float] = MISSING
    require_hard_answer: bool = MISSING
    target_rows: int | None = None
    attempt_budget: int = MISSING
    min_rows: int = MISSING


@dataclass
class Solver:
    train: Train = field(default_factory=Train)
    sampling: dict[str, Sampling] = MISSING
    votes: int = MISSING
    label_votes: int = MISSING
    label_mode: str = MISSING
    format_weight: float = MISSING
    consistency_denominator: str = MISSING
    non_answers: list[str] = MISSING
    filter: SolverFilter = field(default_factory=SolverFilter)


@dataclass
class Evolution:
    iterations: int = MISSING
    solver_init: str = MISSING
    max_attempts: int = MISSING
    on_mismatch: str = MISSING
    kill_grace_s: float = MISSING


@dataclass
class Stage:
    steps: int = MISSING
    save_every: int = MISSING
    validation: str | None = None


@dataclass
class Watchdog:
    startup_s: float = MISSING
    step_s: float = MISSING


@dataclass
class Optim:
    lr: float = MISSING
    weight_decay: float = MISSING
    betas: list[float] = MISSING
    grad_clip: float = MISSING


@dataclass
class Config:
    run_dir: str = MISSING
    seed: int = MISSING
    evolution: Evolution = field(default_factory=Evolution)
    stage: Stage = field(default_factory=Stage)
    watchdog: Watchdog = field(default_factory=Watchdog)
    proposer: Proposer = field(default_factory=Proposer)
    coder: Coder = field(default_factory=Coder)
    solver: Solver = field(default_factory=Solver)
    grading: dict[str, Any] = MISSING
    checks: dict[str, Any] = MISSING
    render: dict[str, Any] = MISSING
    image: dict[str, int] = MISSING
    failures: dict[str, Any] = MISSING
    optim: Optim = field(default_factory=Optim)
    kl: dict[str, Any] = MISSING
    clip: dict[str, float] = MISSING
    model: dict[str, Any] = MISSING
    hardware: dict[str, Any] = MISSING
    dump: dict[str, int] = MISSING
    loggers: list[str] = MISSING
    alarms: AlarmConfig = field(default_factory=AlarmConfig)
    verl: dict[str, Any] = MISSING


CHOICES = {
    "evolution.solver_init": ("previous", "base"),
    "evolution.on_mismatch": ("stop", "redo", "new"),
    "coder.judge": ("solver", "coder_init"),
    "coder.filter.mode": ("window", "window_then_variance", "variance", "off"),
    "solver.label_mode": ("offline", "online"),
    "solver.filter.easy_metric": ("accuracy", "consistency"),
    "render.sandbox": ("strict", "best_effort"),
    "render.blank": ("fail", "allow"),
    "alarms.on_alarm": ("warn", "stop"),
    "model.prompts": ("full", "tiny"),
    "hardware.kind": ("cpu", "gpu"),
}
PROPOSAL_FIELDS = ("caption", "easy_question", "easy_answer", "hard_question", "hard_answer")
OPEN_BLOCKS = ("verl", "hydra")  # verl checks its own keys (verl_config.py)


def load(overrides: Sequence[str] = ()) -> DictConfig:
    """Compose `config/mmzero.yaml` with Hydra overrides and check it.

    Raises:
        ConfigError: unknown key, wrong type, or a contradiction; one line.
    """
    GlobalHydra.instance().clear()
    with initialize_config_module("recipe.mmzero.config", version_base=None):
        try:
            composed = compose("mmzero", overrides=list(overrides))
        except HydraException as error:
            raise ConfigError(_explain(error, overrides)) from None
    return check(composed)


def check(composed: DictConfig) -> DictConfig:
    """Merge a composed config into the types and validate it; the result is resolved and read-only."""
    plain = OmegaConf.to_container(composed, resolve=False)
    plain.pop("hydra", None)
    try:
        config = OmegaConf.merge(OmegaConf.structured(Config), plain)
        OmegaConf.resolve(config)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "?"
        first_line = str(error).strip().splitlines()[0]
        raise ConfigError(f"config key '{key}': {first_line}{_nearest_hint(key)}") from None
    for key, choices in CHOICES.items():
        value = OmegaConf.select(config, key)
        if value not in choices:
            raise ConfigError(f"config key '{key}' is {value!r}; choose one of {', '.join(choices)}")
    _check_contradictions(config)
    try:
        scoring(config)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    OmegaConf.set_readonly(config, True)
    return config


def scoring(config: DictConfig) -> dict[str, Any]:
    """The scoring keys of a run, as `mmzero_rewards.RewardConfig.from_dict` takes them (validated there)."""
    own = {
        "proposer": {f.name for f in fields(Proposer)} - {"train", "sampling", "topics"},
        "coder": {"penalty", "floor", "leak_penalty", "languages"},
        "solver": {"format_weight", "consistency_denominator", "non_answers"},
    }
    plain = OmegaConf.to_container(config, resolve=True)
    keys = {role: {name: plain[role][name] for name in names} for role, names in own.items()}
    keys |= {"grading": plain["grading"], "checks": plain["checks"]}
    RewardConfig.from_dict(keys)
    return keys


def known_keys() -> list[str]:
    """Every dotted key of the default configuration."""
    GlobalHydra.instance().clear()
    with initialize_config_module("recipe.mmzero.config", version_base=None):
        composed = compose("mmzero")
    return list(_flatten(OmegaConf.to_container(composed, resolve=False)))


def nearest(key: str, valid: Sequence[str]) -> str | None:
    """The valid dotted key closest to `key`, or None if nothing resembles it."""
    matches = difflib.get_close_matches(key, valid, n=1, cutoff=0.6)
    if not matches:
        tail = {name.rsplit(".", 1)[-1]: name for name in valid}
        close = difflib.get_close_matches(key.rsplit(".", 1)[-1], list(tail), n=1, cutoff=0.7)
        matches = [tail[close[0]]] if close else []
    return matches[0] if matches else None


def _flatten(node: Any, prefix: str = "") -> Iterator[str]:
    for key, value in node.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            yield from _flatten(value, dotted + ".")
        yield dotted


def _nearest_hint(key: str) -> str:
    found = nearest(key, [k for k in known_keys() if not k.startswith(OPEN_BLOCKS)])
    return f" (did you mean '{found}'?)" if found and found != key else ""


def _explain(error: HydraException, overrides: Sequence[str]) -> str:
    """One line for Hydra's multi-line errors, with the nearest valid key when a key is unknown."""
    message = str(error.__cause__ or error).strip().splitlines()[0]
    for override in overrides:
        key = override.lstrip("+~").split("=", 1)[0].split("@")[0]
        if key in str(error) and ("struct" in str(error) or "Could not override" in str(error)):
            return f"unknown config key '{key}'{_nearest_hint(key)}; `mmzero run --help` lists all keys"
    return f"config: {message}"


def _check_contradictions(config: DictConfig) -> None:
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
