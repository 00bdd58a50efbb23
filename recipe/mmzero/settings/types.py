"""The types and ranges of a run's settings; profiles.py has those of `model.*` and `hardware.*`.

A field without a default here gets it from `config/mmzero.yaml`, where its unit and source stand. A field that is
MISSING is declared where it is read: scoring keys by mmzero_rewards.RewardConfig, `render` by mmzero_env.RenderConfig,
`verl` by verl itself. ranges.py joins them; blocks typed as dictionaries have exactly the keys that the YAML lists.
"""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from mmzero_env.config.ranges import choice, choice_rule, items, number, number_rule, text, text_rule, whole
from mmzero_rewards.parsing.proposal import PROPOSAL_FIELDS
from recipe.mmzero.settings.alarms import AlarmConfig
from recipe.mmzero.settings.profiles import Hardware, Model

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
# verl.trainer.ppo.core_algos.kl_penalty; `full` raises NotImplementedError there. "+": the gradient of k2.
KL_TYPES = ("low_var_kl", "k3", "kl", "k1", "abs", "mse", "k2", "low_var_kl+", "k3+", "kl+", "k1+", "abs+")
SHARE = number_rule(0, 1)
ROLES = ("proposer", "coder", "solver")

CARDS = ("a100_40", "a100_80", "h100", "h200", "l40s", "rtx4090", "l20")  # those of config/gpus.yaml


class ConfigError(ValueError):
    """A setting is unknown, of the wrong type, or contradicts another; the message is one line with the remedy."""


@dataclass
class Sampling:
    """`top_k`: -1 or 0 is off."""

    temperature: float = number(0, 10)
    top_p: float = number(above=0, most=1)
    top_k: int = whole(1, also=(-1, 0))


@dataclass
class TrainSampling(Sampling):
    """GRPO compares different roll-outs of a prompt, so this is never greedy (vLLM raises a temperature to 0.01)."""

    temperature: float = number(0.01, 10)
    top_k: int = whole(2, also=(-1, 0))


@dataclass
class ProposerSampling:
    train: TrainSampling = field(default_factory=TrainSampling)
    collect: Sampling = field(default_factory=Sampling)


@dataclass
class CoderSampling:
    train: TrainSampling = field(default_factory=TrainSampling)
    peer: Sampling = field(default_factory=Sampling)
    collect: Sampling = field(default_factory=Sampling)


@dataclass
class SolverSampling:
    train: TrainSampling = field(default_factory=TrainSampling)
    judge: Sampling = field(default_factory=Sampling)
    label: Sampling = field(default_factory=Sampling)


@dataclass
class Train:
    prompts_per_step: int = whole(1)
    prompts_per_update: int = whole(1)
    rollouts: int = whole(1)
    steps: int = whole(1)
    max_prompt_tokens: int = whole(1)
    max_response_tokens: int = whole(1)


@dataclass
class ProposerTrain(Train):
    rows: int | None = whole(1, also=(None,), default=None)


@dataclass
class Proposer:
    train: ProposerTrain = field(default_factory=ProposerTrain)
    sampling: ProposerSampling = field(default_factory=ProposerSampling)
    topics: list[str] = items(text_rule(), 1)
    solvability_cap: float = MISSING
    difficulty: str = MISSING
    easy_hard: dict[str, float] = MISSING
    content_type: dict[str, Any] = MISSING
    diversity: dict[str, Any] = MISSING
    no_render: str = MISSING
    empty_body: str = MISSING
    min_consistency: float = MISSING
    blind_penalty: float = MISSING


@dataclass
class CoderFilter:
    mode: str = choice("window", "window_then_variance", "variance", "off")
    window: list[float] = items(SHARE, 2, 2, ascending=True)
    target_rows: int = whole(1)
    attempt_budget: int = whole(1)
    min_rows: int = whole(1)


@dataclass
class Coder:
    train: Train = field(default_factory=Train)
    sampling: CoderSampling = field(default_factory=CoderSampling)
    samples: int = whole(1)
    prompt_fields: list[str] = items(choice_rule(*PROPOSAL_FIELDS), 1, distinct=True)
    languages: list[str] = MISSING
    judge: str = choice("solver", "coder_init")
    filter: CoderFilter = field(default_factory=CoderFilter)
    penalty: dict[str, float] = MISSING
    floor: float = MISSING
    leak_penalty: float = MISSING
    difficulty_weight: float = MISSING


@dataclass
class SolverFilter:
    proposals: int = whole(1)
    easy_metric: str = MISSING
    easy_min: float = MISSING
    hard_consistency: list[float] = MISSING
    require_hard_answer: bool = MISSING
    target_rows: int | None = whole(1, also=(None,), default=None)
    attempt_budget: int = whole(1)
    min_rows: int = whole(1)


@dataclass
class Solver:
    train: Train = field(default_factory=Train)
    sampling: SolverSampling = field(default_factory=SolverSampling)
    votes: int = whole(1)
    label_votes: int = whole(1)
    label_mode: str = choice("offline", "online", "shuffled", "caption", "program")
    programs: int = whole(1)
    row_sampling: str = choice("uniform", "variance")
    replay: float = number(0, 0.9)
    format_weight: float = MISSING
    vote: str = MISSING
    consistency_denominator: str = MISSING
    non_answers: list[str] = MISSING
    filter: SolverFilter = field(default_factory=SolverFilter)


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
class Optim:
    lr: float = number(above=0, most=1)
    weight_decay: float = number(0, 1)
    betas: list[float] = items(number_rule(0, below=1), 2, 2)
    grad_clip: float = number(above=0)


@dataclass
class Kl:
    coef: float = number(0, 1000)
    type: str = choice(*KL_TYPES)


@dataclass
class Clip:
    """`dual`: verl asserts that it is above 1."""

    low: float = number(above=0, most=1)
    high: float = number(above=0, most=100)
    dual: float = number(above=1, most=1000)


@dataclass
class Adapter:
    """`rank` 0: no adapters. `kl_anchor`: what the KL reference is, and with it what a stage hands on (adapters.py)."""

    rank: int = whole(0, 512)
    alpha: int = whole(1)
    targets: list[str] = items(text_rule(), 1, distinct=True)
    exclude: str | None = text("an expression for names of layers", null=True)
    kl_anchor: str = choice("start", "base")
    lr_factor: float = number(above=0, most=1000)
    min_correlation: float = number(0, 1)
    checked_steps: int = whole(0)


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
