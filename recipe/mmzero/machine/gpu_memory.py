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

With adapters of a parameters (adapter.rank) the base is frozen in bf16, and no reference is kept:

    weights       (2 P + 4 a) / W         optimiser 8 a / W, gradients 4 a / W
    gathered      2 root + 4 layer        bf16 copies as in log-prob; adapters are small beside them
                  (+ 2 layer)
    activations   + 6 T I                 an adapter's output, scaled and added: three of a layer's widest
    logits        24 C V + 2 V H          with fused kernels: a chunk's part of the head's gradient is made and dropped
    server        + 2 a for each adapter  in bf16
    hand-over     weights + server's      verl brings the base back to collect its adapters, and of those only `bucket`
    host          2 P for each server     its weights, while it sleeps

Not covered: fragmentation (the reserve of 3% is for it), adapters on some layers only (all are counted), other engines
than FSDP2 and vLLM. Computed, not measured: no GPU was at hand when it was written.
"""

from dataclasses import dataclass

from recipe.mmzero.machine.sizes import Layout, Model
from recipe.mmzero.settings.verl.config import FORWARD_ONLY

__all__ = ["Layout", "Model", "Part", "account", "host_gb", "requests_at_once"]

GIB = 2**30
USABLE = 0.97  # of a card's memory
CONTEXT = 1.0  # GiB: CUDA context, NCCL buffers and workspaces of one process
SLEEPING = 1.5  # GiB: context and CUDA graphs of a sleeping vLLM server
GRAPHS = 1.5  # GiB: CUDA graphs and buffers of a vLLM server beside weights, KV cache and activations


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
    beside = layout.peer_servers * layout.peer_gpu_memory_utilization * layout.gpu_gb if layout.colocated else 0.0
    if layout.train_gpus:
        for phase, filled in (
            ("update", _update(model, layout)),
            ("log-prob", _log_prob(model, layout)),
            ("roll-out", _rollout(model, layout)),
            ("hand-over", _handover(model, layout)),
        ):
            parts.append(Part(phase, filled | {"peers": beside}, limit))
        share = layout.gpu_memory_utilization * layout.gpu_gb
        parts.append(Part("server", _server(model, layout, peer=False), share))
    if layout.peer_servers:
        share = layout.peer_gpu_memory_utilization * layout.gpu_gb
        parts.append(Part("peer", _server(model, layout, peer=True), share))
    return parts


def _resident(model: Model, layout: Layout) -> dict[str, float]:
    """Training state of one GPU in the update, GiB."""
    if layout.cpu_offload:
        return {"weights": 0.0, "optimiser": 0.0, "gradients": 0.0}
    share = model.parameters / layout.train_gpus / GIB
    if not layout.rank:
        return {"weights": 4 * share, "optimiser": 8 * share, "gradients": 4 * share}
    adapter = model.adapter_parameters(layout.rank) / layout.train_gpus / GIB
    return {"weights": 2 * share + 4 * adapter, "optimiser": 8 * adapter, "gradients": 4 * adapter}


def _gathered(model: Model, layout: Layout, gradients: bool) -> float:
    """Whole copies of what FSDP2 spreads over the GPUs, GiB."""
    layers = 2 if layout.prefetch else 0
    if gradients and not layout.rank:
        return (6 * model.root + (8 + layers) * model.layer) / GIB
    return (2 * model.root + (4 + layers) * model.layer) / GIB


def _update(model: Model, layout: Layout) -> dict[str, float]:
    adapted = 6 * layout.tokens * model.intermediate if layout.rank else 0
    return _resident(model, layout) | {
        "gathered": _gathered(model, layout, gradients=True),
        "activations": (model.activation_bytes(layout.tokens) + adapted) / GIB,
        "vision": model.vision_bytes(layout.pictures(layout.tokens)) / GIB,
        "logits": model.logits_bytes(layout.tokens, layout.fused, not layout.rank) / GIB,
        "processes": CONTEXT + SLEEPING,
    }


def _log_prob(model: Model, layout: Layout) -> dict[str, float]:
    state, tokens = _resident(model, layout), FORWARD_ONLY * layout.tokens
    patches = layout.pictures(tokens) * model.patches_per_picture
    return {
        "weights": state["weights"],
        "optimiser": 0.0 if layout.optimizer_offload else state["optimiser"],
        "gathered": _gathered(model, layout, gradients=False),
        "activations": (model.layer_bytes(tokens) + 2 * tokens * model.hidden) / GIB,
        "vision": model.vision_layer_bytes(patches) / GIB,
        "logits": model.logits_bytes(tokens, layout.fused, not layout.rank) / GIB,
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
    beside = {
        "server's weights": 2 * model.parameters / layout.tensor_parallel / GIB,
        "bucket": layout.bucket_gb,
        "processes": CONTEXT + SLEEPING,
    }
    if layout.rank:
        return _outside_the_update(model, layout) | {"weights": _resident(model, layout)["weights"]} | beside
    largest = 4 * model.vocabulary * model.hidden / GIB
    return _outside_the_update(model, layout) | beside | {"largest tensor": largest}


def _server(model: Model, layout: Layout, peer: bool) -> dict[str, float]:
    """What a vLLM server needs at least on each of its GPUs: one request of full length."""
    width, context = layout.tensor_parallel, layout.context
    if peer:
        width = layout.peer_tensor_parallel
    if peer or layout.shared:
        context = layout.peer_context
    patches = max(4 * layout.batched_tokens, model.patches_per_picture)
    decoder = model.layer_bytes(layout.batched_tokens) + 8 * layout.sequences * model.vocabulary
    return {
        "weights": 2 * model.parameters / width / GIB,
        "adapters": 2 * layout.adapters(peer) * model.adapter_parameters(layout.rank) / width / GIB,
        "KV cache of one request": context * model.kv_bytes_per_token / width / GIB,
        "engine": GRAPHS + max(decoder / width, model.vision_layer_bytes(patches)) / GIB,
    }


def requests_at_once(model: Model, layout: Layout, peer: bool) -> int:
    """Requests of full length that fit into a server's KV cache together."""
    share = layout.peer_gpu_memory_utilization if peer else layout.gpu_memory_utilization
    needs = _server(model, layout, peer)
    one = needs.pop("KV cache of one request")
    return max(0, int((share * layout.gpu_gb - sum(needs.values())) / one))


def host_gb(model: Model, layout: Layout) -> float:
    """GiB of host memory on a training node: offloaded state, the reference, and the export of a checkpoint.

    With adapters: offloaded state and what sleeping servers hold, or afterwards the model into which one is merged.
    """
    if not layout.train_gpus:
        return 0.0
    share = model.parameters / layout.train_nodes / GIB
    if layout.rank:
        adapter = model.adapter_parameters(layout.rank) / layout.train_nodes / GIB
        weights = (2 * share + 4 * adapter) * (layout.param_offload or layout.cpu_offload)
        rest = 12 * adapter * layout.cpu_offload or 8 * adapter * layout.optimizer_offload
        servers = layout.train_gpus / layout.train_nodes / layout.tensor_parallel
        training = weights + rest + 2 * servers * model.parameters / GIB
        return max(training, 0.0 if layout.one_base else 4 * model.parameters / GIB)
    state = 4 * share * layout.param_offload + 8 * share * layout.optimizer_offload
    return (16 * share if layout.cpu_offload else state) + 4 * share + 4 * model.parameters / GIB
