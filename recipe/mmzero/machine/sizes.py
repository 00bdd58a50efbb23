"""The sizes that decide memory: of a model, and of a stage's layout. Pure; gpu_memory.py has the arithmetic."""

from dataclasses import dataclass

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

    def logits_bytes(self, tokens: int, fused: bool, head_is_trained: bool = True) -> int:
        if fused:
            head = (4 if head_is_trained else 2) * self.vocabulary * self.hidden
            return 24 * min(tokens, CHUNK) * self.vocabulary + head
        return 8 * tokens * self.vocabulary

    def adapter_parameters(self, rank: int) -> int:
        """Of an adapter on every linear layer of the decoder: rank x (inputs + outputs) each."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        attention = 2 * (self.hidden + queries) + 2 * (self.hidden + keys)
        return rank * self.layers * (attention + 3 * (self.hidden + self.intermediate))


@dataclass(frozen=True)
class Layout:
    """The numbers of a stage's settings.StageLayout that decide memory, its lengths in tokens, and verl's switches.

    `rank`: of adapters, 0: every parameter is trained. `one_base`: frozen roles are adapters of one base and share a
    server. `shared`: in training that is the trained role's own. `colocated`: peers' servers are on the trainer's GPUs.
    """

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
    rank: int = 0
    one_base: bool = False
    shared: bool = False

    @property
    def peer_servers(self) -> int:
        """Kinds of servers beside the trained role's."""
        if self.shared and self.train_gpus:
            return 0
        return min(1, len(self.peer_gpus)) if self.one_base else len(self.peer_gpus)

    def adapters(self, peer: bool) -> int:
        """Adapters that a server holds."""
        if not self.rank:
            return 0
        frozen = len(self.peer_gpus) if self.one_base and (peer or self.shared) else 0
        return frozen if peer else 1 + frozen

    def pictures(self, tokens: int) -> int:
        """Pictures in a micro-batch that consists of nothing else; only the Solver is trained with them."""
        return max(1, tokens // self.picture_tokens) if self.stage == "solver" else 0
