"""The types of a configuration: every key of `config/mmzero.yaml` and of the model and hardware profiles.

A field without a default here gets it from the YAML, where its unit and source stand. Blocks typed as dictionaries have
exactly the keys that the YAML lists (keys.py).
"""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from recipe.mmzero.report.alarms.rules import AlarmConfig


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


@dataclass
class ProposerTrain(Train):
    rows: int | None = None


@dataclass
class Proposer:
    train: ProposerTrain = field(default_factory=ProposerTrain)
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
    vote: str = MISSING
    consistency_denominator: str = MISSING
    non_answers: list[str] = MISSING
    filter: SolverFilter = field(default_factory=SolverFilter)


@dataclass
class Prompts:
    proposer: str | None = None
    coder: str | None = None
    solver: str | None = None


@dataclass
class Evolution:
    iterations: int = MISSING
    train: list[str] = MISSING
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
class Architecture:
    """What the memory arithmetic needs of a model (capacity.py); counts and sizes as in its config.json."""

    parameters: int = MISSING
    layers: int = MISSING
    hidden: int = MISSING
    intermediate: int = MISSING
    heads: int = MISSING
    kv_heads: int = MISSING
    head_dim: int = MISSING
    vocabulary: int = MISSING
    tied_embeddings: bool = MISSING
    vision_layers: int = MISSING
    vision_hidden: int = MISSING
    vision_intermediate: int = MISSING


@dataclass
class Model:
    """`path`: `tiny`, a folder, or a hub id. `verl`: settings that this model needs, laid over verl's config."""

    name: str = MISSING
    path: str = MISSING
    family: str = MISSING
    prompts: str = MISSING
    image_patch_size: int = MISSING
    allow_download: bool = True
    architecture: Architecture | None = None
    verl: dict[str, Any] = field(default_factory=dict)


@dataclass
class StageLayout:
    """Who gets how many GPUs in one stage, and how they are filled. Counts are totals over all nodes.

    `train_nodes`: nodes over which `train_gpus` are spread evenly. `gpu_memory_utilization`: share of a GPU's memory
    for the trained role's server, `peer_gpu_memory_utilization` for a peer's. `tokens_per_gpu`: longest micro-batch in
    training; null is one full prompt and response. `param_offload`, `optimizer_offload`: in host memory outside the
    update; `cpu_offload`: FSDP2 keeps weights, gradients and optimiser there during the update, too.
    """

    train_gpus: int = 0
    train_nodes: int = 1
    proposer_gpus: int = 0
    coder_gpus: int = 0
    solver_gpus: int = 0
    tensor_parallel: int = 1
    peer_tensor_parallel: int = 1
    gpu_memory_utilization: float = 0.5
    peer_gpu_memory_utilization: float = 0.85
    max_num_seqs: int = 256
    peer_max_num_seqs: int = 256
    micro_batch: int = 1
    tokens_per_gpu: int | None = None
    param_offload: bool = False
    optimizer_offload: bool = False
    cpu_offload: bool = False
    in_flight: int | None = None


@dataclass
class Stages:
    proposer: StageLayout = field(default_factory=StageLayout)
    collect_coder: StageLayout = field(default_factory=StageLayout)
    coder: StageLayout = field(default_factory=StageLayout)
    collect_solver: StageLayout = field(default_factory=StageLayout)
    solver: StageLayout = field(default_factory=StageLayout)


@dataclass
class Hardware:
    """One machine or cluster. `peers`: `standalone` (own GPUs) or `colocated` (on the trainer's GPUs, peers.py).

    `ray_address`: null starts a Ray of our own per stage; HOST:PORT joins a running cluster. `ray_cpus`: CPUs that our
    own Ray counts; verl reserves three for every training GPU and two for every peer GPU, and placement waits for ever.
    `most_replicas`: servers of one checkpoint at most; null: as many as its GPUs allow.
    """

    name: str = MISSING
    kind: str = MISSING
    nodes: int = MISSING
    gpus_per_node: int = MISSING
    gpu_memory_gb: float = MISSING
    peers: str = "standalone"
    most_replicas: int | None = None
    ray_address: str | None = None
    ray_cpus: int | None = None
    stages: Stages = field(default_factory=Stages)
    verl: dict[str, Any] = field(default_factory=dict)


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
    prompts: Prompts = field(default_factory=Prompts)
    grading: dict[str, Any] = MISSING
    checks: dict[str, Any] = MISSING
    render: dict[str, Any] = MISSING
    image: dict[str, int] = MISSING
    failures: dict[str, Any] = MISSING
    optim: Optim = field(default_factory=Optim)
    kl: dict[str, Any] = MISSING
    clip: dict[str, float] = MISSING
    model: Model = field(default_factory=Model)
    hardware: Hardware = field(default_factory=Hardware)
    dump: dict[str, int] = MISSING
    loggers: list[str] = MISSING
    alarms: AlarmConfig = field(default_factory=AlarmConfig)
    verl: dict[str, Any] = MISSING
