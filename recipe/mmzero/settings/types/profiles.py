"""The types and ranges of a model profile (`model.*`) and of a hardware profile (`hardware.*`).

A profile's YAML (config/model, config/hardware) names what it needs; every other key has its default here. What the
counts of a layout say together is checks/layout.py's.
"""

from dataclasses import dataclass, field
from typing import Any

from mmzero_env.config.ranges import choice, flag, number, text, whole


@dataclass
class Architecture:
    """What the memory arithmetic needs of a model (capacity.py); counts and sizes as in its config.json."""

    parameters: int = whole(1)
    layers: int = whole(1)
    hidden: int = whole(1)
    intermediate: int = whole(1)
    heads: int = whole(1)
    kv_heads: int = whole(1)
    head_dim: int = whole(1)
    vocabulary: int = whole(1)
    tied_embeddings: bool = flag()
    vision_layers: int = whole(1)
    vision_hidden: int = whole(1)
    vision_intermediate: int = whole(1)


@dataclass
class Model:
    """`path`: `tiny`, a folder, or a hub id. `verl`: settings that this model needs, laid over verl's config."""

    name: str = text()
    path: str = text("`tiny`, a folder or a hub id like owner/name", path=True)
    family: str = text()
    prompts: str = choice("full", "tiny")
    image_patch_size: int = whole(1, 256)  # pixels; two by two patches are one token
    allow_download: bool = flag(default=True)
    architecture: Architecture | None = None
    verl: dict[str, Any] = field(default_factory=dict)


@dataclass
class StageLayout:
    """Who gets how many GPUs in one stage, and how they are filled. Counts are totals over all nodes.

    `train_nodes`: nodes over which `train_gpus` are spread evenly. `gpu_memory_utilization`: share of a GPU's memory
    for the trained role's server, `peer_gpu_memory_utilization` for a peer's. `tokens_per_gpu`: longest micro-batch in
    training; null is one full prompt and response, and so is less. `micro_batch`: on a CPU, most roll-outs of one; it
    says nothing on GPUs. `param_offload`, `optimizer_offload`: in host memory outside the update; `cpu_offload`: FSDP2
    keeps weights, gradients and optimiser there in it, too.
    """

    train_gpus: int = whole(0, default=0)
    train_nodes: int = whole(1, default=1)
    proposer_gpus: int = whole(0, default=0)
    coder_gpus: int = whole(0, default=0)
    solver_gpus: int = whole(0, default=0)
    tensor_parallel: int = whole(1, default=1)
    peer_tensor_parallel: int = whole(1, default=1)
    gpu_memory_utilization: float = number(above=0, most=1, default=0.5)
    peer_gpu_memory_utilization: float = number(above=0, most=1, default=0.85)
    max_num_seqs: int = whole(1, default=256)
    peer_max_num_seqs: int = whole(1, default=256)
    micro_batch: int = whole(1, default=1)
    tokens_per_gpu: int | None = whole(1, also=(None,), default=None)
    param_offload: bool = flag(default=False)
    optimizer_offload: bool = flag(default=False)
    cpu_offload: bool = flag(default=False)
    in_flight: int | None = whole(1, also=(None,), default=None)


@dataclass
class Stages:
    proposer: StageLayout = field(default_factory=StageLayout)
    collect_coder: StageLayout = field(default_factory=StageLayout)
    coder: StageLayout = field(default_factory=StageLayout)
    collect_solver: StageLayout = field(default_factory=StageLayout)
    solver: StageLayout = field(default_factory=StageLayout)


@dataclass
class Hardware:
    """One machine or cluster. `peers`: `standalone` (own GPUs), `colocated` (on the trainer's GPUs, servers.py) or
    `shared`: as adapters of one base they answer from the trained role's server, and collections have one server.

    `ray_address`: null starts a Ray of our own per stage; HOST:PORT joins a running cluster. `ray_cpus`: CPUs that our
    own Ray counts; verl reserves three for every training GPU and two for every peer GPU, and placement waits for ever.
    `cores`: CPU cores of a node, which decide the number of helper processes (cores.py); null: this machine's.
    `most_replicas`: servers of one checkpoint at most; null: as many as its GPUs allow.
    """

    name: str = text()
    kind: str = choice("cpu", "gpu")
    nodes: int = whole(1)
    gpus_per_node: int = whole(1)
    gpu_memory_gb: float = number(0)
    peers: str = choice("standalone", "colocated", "shared", default="standalone")
    most_replicas: int | None = whole(1, also=(None,), default=None)
    ray_address: str | None = text("HOST:PORT", null=True, default=None)
    ray_cpus: int | None = whole(1, also=(None,), default=None)
    cores: int | None = whole(1, also=(None,), default=None)
    stages: Stages = field(default_factory=Stages)
    verl: dict[str, Any] = field(default_factory=dict)
