"""GiB per GPU and host that a stage needs: the arithmetic, from sizes alone.

capacity.py takes the sizes from a profile.

P parameters, W training GPUs, T tokens of one micro-batch, V vocabulary, H hidden size, L layers, I intermediate size,
A heads x head size of queries, keys and values, B tokens that a server computes at once. verl 0.9.1 trains with FSDP2:
fp32 master weights and AdamW moments, bf16 computation, fp32 gradient reduction, gradient checkpointing. Bytes:

    weights       4 P / W                 in host memory outside the update with param_offload
    optimiser     8 P / W                 two moments; in host memory outside the update with optimizer_offload
    gradients     4 P / W                 during the update only
    gathered      6 root + 8 layer        bf16 copy and fp32 gradient of the embeddings and head, which stay whole
                  (+ 2 layer)             through the update; two layers in flight and one gradient; with
                                          forward_prefetch the bf16 copy of a third
    activations   2 T H L                 one saved input per layer
                  + 4 T (4 H + A + 3 I)   one layer recomputed, and its gradients
    vision        the same for the vision tower, with the patches of the pictures in a micro-batch
    logits        8 T V                   bf16 logits, their gradient, one fp32 copy
                  24 C V + 4 V H          with fused kernels: a chunk of C = 512 tokens at a time (logits in bf16 and
                                          fp32, shares, one-hot, gradient in fp32 and bf16), the head's gradient and a
                                          chunk's part of it in bf16
    server        utilization x memory    vLLM reserves it as a whole: weights 2 P / tp, KV cache, engine. During the
                                          update the trained role's server sleeps and keeps SLEEPING
    KV cache      4 L kv_heads head_dim / tp per token
    engine        GRAPHS + the larger of  the profile runs at start, one after the other:
                  2 B (4 H + A + 3 I) + 8 S V   B tokens through one layer, fp32 logits of S sequences, twice
                  8 B (7 Hv + 3 Iv)       4 B patches through one layer of the vision tower: vLLM's encoder budget is B
                                          or one largest picture, whichever is more
    log-prob      2 root + 4 layer        forward-only passes (old log-probabilities, reference) of 2 T tokens: bf16
                  (+ 2 layer)             copies, activations of one layer, the stream between layers; no gradients
    hand-over     BUCKET + 4 V H          new weights on the way to the server, before its KV cache is back: verl's
                                          buffer and the largest tensor, gathered in fp32
    reference     0                       FSDP2 keeps a forward-only model in host memory (4 P per node)

With cpu_offload weights, gradients and optimiser stay in host memory (16 P) and only `gathered` visits the GPU.
Not covered: fragmentation (the reserve of 3% is for it), LoRA, other engines than FSDP2 and vLLM. Computed, not
measured: no GPU was at hand when it was written.
"""

from dataclasses import dataclass

from recipe.mmzero.settings.verl_config import FORWARD_ONLY

GIB = 2**30
USABLE = 0.97  # of a card's memory
CONTEXT = 1.0  # GiB: CUDA context, NCCL buffers and workspaces of one process
SLEEPING = 1.5  # GiB: context and CUDA graphs of a sleeping vLLM server
GRAPHS = 1.5  # GiB: CUDA graphs and buffers of a vLLM server beside weights, KV cache and activations
CHUNK = 512  # tokens: verl/utils/experimental/torch_functional.py FusedLinearForPPO


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

    def layer_bytes(self, tokens: int) -> int:
        """Activations of one decoder layer in bf16."""
        heads = self.head_dim * (self.heads + 2 * self.kv_heads)
        return 2 * tokens * (4 * self.hidden + heads + 3 * self.intermediate)

    def activation_bytes(self, tokens: int) -> int:
        return 2 * tokens * self.hidden * self.layers + 2 * self.layer_bytes(tokens)

    def vision_layer_bytes(self, patches: int) -> int:
        return 2 * patches * (7 * self.vision_hidden + 3 * self.vision_intermediate)

    def vision_bytes(self, pictures: int) -> int:
        patches = pictures * self.patches_per_picture
        return 2 * patches * self.vision_hidden * self.vision_layers + 2 * self.vision_layer_bytes(patches)

    def logits_bytes(self, tokens: int, fused: bool) -> int:
        if fused:
            return 24 * min(tokens, CHUNK) * self.vocabulary + 4 * self.vocabulary * self.hidden
        return 8 * tokens * self.vocabulary


@dataclass(frozen=True)
class Layout:
    """The numbers of a stage's settings.StageLayout that decide memory, its lengths in tokens, and verl's switches."""

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
    picture_tokens: int
    fused: bool
    prefetch: bool
    batched_tokens: int
    sequences: int
    bucket_gb: float

    def pictures(self, tokens: int) -> int:
        """Pictures in a micro-batch that consists of nothing else; only the Solver is trained with them."""
        return max(1, tokens // self.picture_tokens) if self.stage == "solver" else 0


@dataclass(frozen=True)
class Part:
    """GiB that fill a device in one phase of a stage, and how many there may be."""

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


def account(model: Model, layout: Layout) -> list[Part]:
    """Every device of a stage: the training GPU in its phases, its server, a peer's GPU."""
    limit = USABLE * layout.gpu_gb
    parts = []
    beside = len(layout.peer_gpus) * layout.peer_gpu_memory_utilization * layout.gpu_gb if layout.colocated else 0.0
    if layout.train_gpus:
        for phase, filled in (
            ("update", _update(model, layout)),
            ("log-prob", _log_prob(model, layout)),
            ("roll-out", _rollout(model, layout)),
            ("hand-over", _handover(model, layout)),
        ):
            parts.append(Part(phase, filled | {"peers": beside}, limit))
        share = layout.gpu_memory_utilization * layout.gpu_gb
        parts.append(Part("server", _server(model, layout, layout.tensor_parallel, layout.context), share))
    if layout.peer_gpus:
        share = layout.peer_gpu_memory_utilization * layout.gpu_gb
        parts.append(Part("peer", _server(model, layout, layout.peer_tensor_parallel, layout.peer_context), share))
    return parts


def _resident(model: Model, layout: Layout) -> dict[str, float]:
    """Training state of one GPU in the update, GiB."""
    if layout.cpu_offload:
        return {"weights": 0.0, "optimiser": 0.0, "gradients": 0.0}
    share = model.parameters / layout.train_gpus / GIB
    return {"weights": 4 * share, "optimiser": 8 * share, "gradients": 4 * share}


def _update(model: Model, layout: Layout) -> dict[str, float]:
    return _resident(model, layout) | {
        "gathered": (6 * model.root + (10 if layout.prefetch else 8) * model.layer) / GIB,
        "activations": model.activation_bytes(layout.tokens) / GIB,
        "vision": model.vision_bytes(layout.pictures(layout.tokens)) / GIB,
        "logits": model.logits_bytes(layout.tokens, layout.fused) / GIB,
        "processes": CONTEXT + SLEEPING,
    }


def _log_prob(model: Model, layout: Layout) -> dict[str, float]:
    state, tokens = _resident(model, layout), FORWARD_ONLY * layout.tokens
    patches = layout.pictures(tokens) * model.patches_per_picture
    return {
        "weights": state["weights"],
        "optimiser": 0.0 if layout.optimizer_offload else state["optimiser"],
        "gathered": (2 * model.root + (6 if layout.prefetch else 4) * model.layer) / GIB,
        "activations": (model.layer_bytes(tokens) + 2 * tokens * model.hidden) / GIB,
        "vision": model.vision_layer_bytes(patches) / GIB,
        "logits": model.logits_bytes(tokens, layout.fused) / GIB,
        "processes": CONTEXT + SLEEPING,
    }


def _outside_the_update(model: Model, layout: Layout) -> dict[str, float]:
    state = _resident(model, layout)
    return {
        "weights": 0.0 if layout.param_offload else state["weights"],
        "optimiser": 0.0 if layout.optimizer_offload else state["optimiser"],
    }


def _rollout(model: Model, layout: Layout) -> dict[str, float]:
    server = {"server": layout.gpu_memory_utilization * layout.gpu_gb, "processes": CONTEXT}
    return _outside_the_update(model, layout) | server


def _handover(model: Model, layout: Layout) -> dict[str, float]:
    return _outside_the_update(model, layout) | {
        "server's weights": 2 * model.parameters / layout.tensor_parallel / GIB,
        "bucket": layout.bucket_gb,
        "largest tensor": 4 * model.vocabulary * model.hidden / GIB,
        "processes": CONTEXT + SLEEPING,
    }


def _server(model: Model, layout: Layout, width: int, context: int) -> dict[str, float]:
    """What a vLLM server needs at least on each of its GPUs: one request of full length."""
    patches = max(4 * layout.batched_tokens, model.patches_per_picture)
    decoder = model.layer_bytes(layout.batched_tokens) + 8 * layout.sequences * model.vocabulary
    return {
        "weights": 2 * model.parameters / width / GIB,
        "KV cache of one request": context * model.kv_bytes_per_token / width / GIB,
        "engine": GRAPHS + max(decoder / width, model.vision_layer_bytes(patches)) / GIB,
    }


def requests_at_once(model: Model, layout: Layout, peer: bool) -> int:
    """Requests of full length that fit into a server's KV cache together."""
    width = layout.peer_tensor_parallel if peer else layout.tensor_parallel
    share = layout.peer_gpu_memory_utilization if peer else layout.gpu_memory_utilization
    needs = _server(model, layout, width, layout.peer_context if peer else layout.context)
    one = needs.pop("KV cache of one request")
    return max(0, int((share * layout.gpu_gb - sum(needs.values())) / one))


def host_gb(model: Model, layout: Layout) -> float:
    """GiB of host memory on a training node: offloaded state, the reference, and the export of a checkpoint."""
    if not layout.train_gpus:
        return 0.0
    share = model.parameters / layout.train_nodes / GIB
    state = 4 * share * layout.param_offload + 8 * share * layout.optimizer_offload
    return (16 * share if layout.cpu_offload else state) + 4 * share + 4 * model.parameters / GIB
