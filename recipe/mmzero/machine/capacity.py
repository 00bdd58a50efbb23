"""GiB per GPU and host that each stage of a profile needs. Pure; doctor.py compares it with the machine.

P parameters, W training GPUs, T tokens of one micro-batch, V vocabulary, H hidden size, L layers, I intermediate size,
A heads x head size of queries, keys and values. verl 0.9.1 trains with FSDP2: fp32 master weights and AdamW moments,
bf16 computation, fp32 gradient reduction, gradient checkpointing. Bytes:

    weights       4 P / W                 in host memory outside the update with param_offload
    optimiser     8 P / W                 two moments; in host memory outside the update with optimizer_offload
    gradients     4 P / W                 during the update only
    gathered      6 root + 8 layer        bf16 copy and fp32 gradient of the embeddings and head, which stay whole
                                          through the update; two layers in flight and one gradient
    activations   2 T H L                 one saved input per layer
                  + 4 T (4 H + A + 3 I)   one layer recomputed, and its gradients
    vision        the same for the vision tower, with the patches of the pictures in a micro-batch
    logits        8 T V                   bf16 logits, their gradient, one fp32 copy
    server        utilization x memory    weights 2 P / tp, KV cache, activations: vLLM reserves it as a whole. During
                                          the update the trained role's server sleeps and keeps SLEEPING
    KV cache      4 L kv_heads head_dim / tp per token
    reference     0                       FSDP2 keeps a forward-only model in host memory (4 P per node)

With cpu_offload weights, gradients and optimiser stay in host memory (16 P) and only `gathered` visits the GPU.
Not covered: fragmentation (the reserve of 3% is for it), LoRA, other engines than FSDP2 and vLLM. Estimates, not
measurements: no GPU was at hand when they were written.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.settings.layout import PEERS, ROLES, STAGES

GIB = 2**30
USABLE = 0.97  # of a card's memory
CONTEXT = 1.0  # GiB: CUDA context, NCCL buffers and workspaces of one process
SLEEPING = 1.5  # GiB: context and CUDA graphs of a sleeping vLLM server
ENGINE = 3.0  # GiB: activations, graphs and buffers of a vLLM server beside weights and KV cache


@dataclass(frozen=True)
class Model:
    """The sizes of settings.Architecture and the patches of the largest picture."""

    parameters: int
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied_embeddings: bool
    vision_layers: int
    vision_hidden: int
    vision_intermediate: int
    patches_per_picture: int

    @property
    def root(self) -> int:
        """Parameters of embeddings and head, which FSDP gathers as one unit."""
        return self.vocabulary * self.hidden * (1 if self.tied_embeddings else 2)

    @property
    def layer(self) -> int:
        """Parameters of one decoder layer."""
        attention = self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        return attention + 3 * self.hidden * self.intermediate

    @property
    def kv_bytes_per_token(self) -> int:
        """Keys and values of all layers in bf16."""
        return 2 * 2 * self.layers * self.kv_heads * self.head_dim

    def activation_bytes(self, tokens: int) -> int:
        heads = self.head_dim * (self.heads + 2 * self.kv_heads)
        saved = 2 * tokens * self.hidden * self.layers
        return saved + 2 * 2 * tokens * (4 * self.hidden + heads + 3 * self.intermediate)

    def vision_bytes(self, pictures: int) -> int:
        patches = pictures * self.patches_per_picture
        saved = 2 * patches * self.vision_hidden * self.vision_layers
        return saved + 2 * 2 * patches * (7 * self.vision_hidden + 3 * self.vision_intermediate)


@dataclass(frozen=True)
class Layout:
    """The numbers of a stage's settings.StageLayout that decide memory, and its lengths in tokens."""

    stage: str
    gpu_gb: float
    train_gpus: int
    train_nodes: int
    tensor_parallel: int
    peer_gpus: tuple[int, ...]
    peer_tensor_parallel: int
    gpu_memory_utilization: float
    peer_gpu_memory_utilization: float
    param_offload: bool
    optimizer_offload: bool
    cpu_offload: bool
    colocated: bool
    tokens: int
    context: int
    peer_context: int
    pictures: int


@dataclass(frozen=True)
class Part:
    """What fills a device in one phase (update, roll-out, server, peer), in GiB, and how much there may be."""

    phase: str
    parts: dict[str, float]
    limit: float

    @property
    def total(self) -> float:
        return sum(self.parts.values())

    @property
    def fits(self) -> bool:
        return self.total <= self.limit

    def line(self) -> str:
        items = " + ".join(f"{name} {size:.1f}" for name, size in self.parts.items() if size >= 0.05)
        return f"{self.phase}: {self.total:.1f} of {self.limit:.1f} GiB ({items})"


def model_of(config: DictConfig) -> Model | None:
    """The sizes of the configured model; None if the profile does not list them (the tiny model)."""
    architecture = config.model.get("architecture")
    if not architecture:
        return None
    sizes = OmegaConf.to_container(architecture, resolve=True)
    side = int(config.model.image_patch_size)
    return Model(**sizes, patches_per_picture=-(-int(config.image.max_pixels) // side**2))


def layout_of(config: DictConfig, stage: str) -> Layout:
    """The numbers of one stage."""
    layout, hardware = config.hardware.stages[stage], config.hardware
    lengths = {role: config[role].train.max_prompt_tokens + config[role].train.max_response_tokens for role in ROLES}
    context = lengths.get(stage, 0)
    tokens = max(context, int(layout.tokens_per_gpu or 0))
    picture = -(-int(config.image.max_pixels) // (2 * int(config.model.image_patch_size)) ** 2)
    return Layout(
        stage=stage,
        gpu_gb=float(hardware.gpu_memory_gb),
        train_gpus=int(layout.train_gpus) if stage in ROLES else 0,
        train_nodes=int(layout.train_nodes),
        tensor_parallel=int(layout.tensor_parallel),
        peer_gpus=tuple(int(layout[f"{role}_gpus"]) for role in PEERS[stage]),
        peer_tensor_parallel=int(layout.peer_tensor_parallel),
        gpu_memory_utilization=float(layout.gpu_memory_utilization),
        peer_gpu_memory_utilization=float(layout.peer_gpu_memory_utilization),
        param_offload=bool(layout.param_offload),
        optimizer_offload=bool(layout.optimizer_offload),
        cpu_offload=bool(layout.cpu_offload),
        colocated=hardware.peers == "colocated",
        tokens=tokens,
        context=context,
        peer_context=max(lengths.values()),
        pictures=max(1, tokens // picture) if stage == "solver" else 0,
    )


def account(model: Model, layout: Layout) -> list[Part]:
    """Every device of a stage: the training GPU in both phases, its server, a peer's GPU."""
    limit = USABLE * layout.gpu_gb
    parts = []
    beside = len(layout.peer_gpus) * layout.peer_gpu_memory_utilization * layout.gpu_gb if layout.colocated else 0.0
    if layout.train_gpus:
        parts.append(Part("update", _update(model, layout) | {"peers": beside}, limit))
        parts.append(Part("roll-out", _rollout(model, layout) | {"peers": beside}, limit))
        share = layout.gpu_memory_utilization * layout.gpu_gb
        parts.append(Part("server", _server(model, layout.tensor_parallel, layout.context), share))
    if layout.peer_gpus:
        share = layout.peer_gpu_memory_utilization * layout.gpu_gb
        parts.append(Part("peer", _server(model, layout.peer_tensor_parallel, layout.peer_context), share))
    return parts


def _resident(model: Model, layout: Layout) -> dict[str, float]:
    """Training state of one GPU in the update, GiB."""
    if layout.cpu_offload:
        return {"weights": 0.0, "optimiser": 0.0, "gradients": 0.0}
    share = model.parameters / layout.train_gpus / GIB
    return {"weights": 4 * share, "optimiser": 8 * share, "gradients": 4 * share}


def _update(model: Model, layout: Layout) -> dict[str, float]:
    return _resident(model, layout) | {
        "gathered": (6 * model.root + 8 * model.layer) / GIB,
        "activations": model.activation_bytes(layout.tokens) / GIB,
        "vision": model.vision_bytes(layout.pictures) / GIB,
        "logits": 8 * layout.tokens * model.vocabulary / GIB,
        "processes": CONTEXT + SLEEPING,
    }


def _rollout(model: Model, layout: Layout) -> dict[str, float]:
    state = _resident(model, layout)
    return {
        "weights": 0.0 if layout.param_offload else state["weights"],
        "optimiser": 0.0 if layout.optimizer_offload else state["optimiser"],
        "server": layout.gpu_memory_utilization * layout.gpu_gb,
        "processes": CONTEXT,
    }


def _server(model: Model, width: int, context: int) -> dict[str, float]:
    """What a vLLM server needs at least on each of its GPUs: one request of full length."""
    return {
        "weights": 2 * model.parameters / width / GIB,
        "KV cache of one request": context * model.kv_bytes_per_token / width / GIB,
        "engine": ENGINE,
    }


def requests_at_once(model: Model, layout: Layout, peer: bool) -> int:
    """Requests of full length that fit into a server's KV cache together."""
    width = layout.peer_tensor_parallel if peer else layout.tensor_parallel
    share = layout.peer_gpu_memory_utilization if peer else layout.gpu_memory_utilization
    needs = _server(model, width, layout.peer_context if peer else layout.context)
    one = needs.pop("KV cache of one request")
    return max(0, int((share * layout.gpu_gb - sum(needs.values())) / one))


def host_gb(model: Model, layout: Layout) -> float:
    """GiB of host memory on a training node: offloaded state, the reference, and the export of a checkpoint."""
    if not layout.train_gpus:
        return 0.0
    share = model.parameters / layout.train_nodes / GIB
    state = 4 * share * layout.param_offload + 8 * share * layout.optimizer_offload
    return (16 * share if layout.cpu_offload else state) + 4 * share + 4 * model.parameters / GIB


@dataclass(frozen=True)
class Verdict:
    """One stage: what it needs and, if it does not fit, the settings that make it fit (None: no setting does)."""

    stage: str
    parts: list[Part]
    remedy: str | None = None

    @property
    def fits(self) -> bool:
        return all(part.fits for part in self.parts)

    @property
    def tightest(self) -> Part:
        return max(self.parts, key=lambda part: part.total / part.limit)


def judge(config: DictConfig, stage: str) -> Verdict | None:
    """Does one stage fit the profile's GPUs? None where there is nothing to compare (no GPUs, unknown sizes)."""
    model = model_of(config)
    if model is None or config.hardware.kind != "gpu":
        return None
    layout = layout_of(config, stage)
    parts = account(model, layout)
    if all(part.fits for part in parts):
        return Verdict(stage, parts)
    return Verdict(stage, parts, remedy(model, layout))


def judge_all(config: DictConfig) -> list[Verdict]:
    """The verdicts of all stages that have one."""
    return [verdict for stage in STAGES if (verdict := judge(config, stage)) is not None]


def remedy(model: Model, layout: Layout) -> str | None:
    """The first change of the stage's settings, from harmless to slow, after which it fits."""
    for change in _changes(layout):
        if all(part.fits for part in account(model, replace(layout, **change))):
            where = f"hardware.stages.{layout.stage}"
            return " ".join(f"{where}.{key}={_spelled(value)}" for key, value in change.items())
    return None


def _changes(layout: Layout) -> Iterator[dict[str, Any]]:
    shares: list[dict[str, Any]] = [{}]
    if layout.train_gpus:
        shares += [{"gpu_memory_utilization": share} for share in (0.7, 0.6, 0.5, 0.4, 0.35, 0.3, 0.25)]
    if layout.peer_gpus and not layout.colocated:
        shares.append({"peer_gpu_memory_utilization": 0.9})
    offloads: list[dict[str, Any]] = [{}]
    if layout.train_gpus:
        offloads += [{"param_offload": True}, {"param_offload": True, "optimizer_offload": True}, {"cpu_offload": True}]
    widths: list[dict[str, Any]] = [{}]
    for width in (2, 4, 8):
        if layout.train_gpus and layout.train_gpus % width == 0:
            widths.append({"tensor_parallel": width})
        if layout.peer_gpus and not layout.colocated and not any(count % width for count in layout.peer_gpus):
            widths.append({"peer_tensor_parallel": width})
    for width in widths:
        for offload in offloads:
            for share in shares:
                change = {**share, **offload, **width}
                if any(getattr(layout, key) != value for key, value in change.items()):
                    yield change


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
