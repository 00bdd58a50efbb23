"""How fast a card decodes, prefills and trains a model: bytes over bandwidth, operations over peak, and overheads.

P parameters, D of the decoder's layers with the head (E: without), V of the vision tower, W training GPUs, t width of a
server (tensor parallel), b sequences, c their mean context, T tokens, I patches of pictures. Bytes and operations:

    decoding step  max(2 D / t + b c KV / t  over memory,  2 D b / t  over compute) + step overhead
                   (weights once, keys and values of every sequence; S. Williams et al., Roofline, CACM 2009)
    prefill        2 E T + 2 V I operations over t cards (the head is for the last token only)
    update         max(8 (D T + V I) operations: forward 2, recomputation 2, backward 4 (gradient checkpointing),
                       per micro-batch 8 P (W - 1) / W bytes over the link: two gathers in bf16, gradients in fp32)
                   + per micro-batch 3 passes of every layer
    log-prob       the same with 2 (D T + V I) operations, one gather and one pass; the reference's weights, which FSDP2
                   keeps in host memory, come from there first: 4 P / W bytes per micro-batch
    with adapters  6 D T + 2 V I operations (no gradients of the frozen base, whose vision tower is only passed) and
                   4 P (W - 1) / W bytes; optimiser, hand-over and checkpoint are of the adapter; no reference is kept

Attention's own operations are left out: under 4% of a 7B at 2,000 tokens. FSDP gathers the next layer while one
computes, so the longer of the two counts.
"""

from dataclasses import dataclass, replace

from recipe.mmzero.machine.forecast.constants import Cpu, Engine, Gpu
from recipe.mmzero.machine.gpu_memory import Layout, Model, requests_at_once
from recipe.mmzero.settings.verl.config import FORWARD_ONLY


@dataclass(frozen=True)
class Speed:
    """One server. Seconds: `fixed_s` of a decoding step, `kv_s` per token of context, `token_s` per sequence in a step.

    `slots`: sequences at once.
    """

    fixed_s: float
    weights_s: float
    kv_s: float
    token_s: float
    prefill_token_s: float
    picture_s: float
    slots: int

    def step_s(self, sequences: int, context: float) -> float:
        """Seconds of a decoding step of `sequences` with `context` tokens each on average."""
        memory = self.weights_s + sequences * context * self.kv_s
        return self.fixed_s + max(memory, sequences * self.token_s)

    def prefill_s(self, tokens: float, pictures: int = 0) -> float:
        return tokens * self.prefill_token_s + pictures * self.picture_s


@dataclass(frozen=True)
class Phases:
    """Seconds of one GRPO step after its roll-outs are rewarded."""

    old_log_prob: float = 0.0
    ref: float = 0.0
    update_actor: float = 0.0
    update_weights: float = 0.0
    save_checkpoint: float = 0.0
    other: float = 0.0

    @property
    def total(self) -> float:
        return sum(vars(self).values())


def decoder_parameters(model: Model) -> int:
    """What a decoding step reads: all decoder layers and the head."""
    return model.layers * model.layer + model.vocabulary * model.hidden


def vision_parameters(model: Model) -> int:
    """Of the vision tower: what is neither a decoder layer nor embeddings and head, whatever its layers look like."""
    return model.parameters - model.layers * model.layer - model.root


def server(model: Model, layout: Layout, gpu: Gpu, engine: Engine, peer: bool, tokens: float, most: int) -> Speed:
    """A server of a stage: the trained role's, or a peer's.

    Args:
        most: sequences at once (`max_num_seqs`); memory may hold fewer.
        tokens: mean length of a prompt with its response; what the KV cache holds of one sequence.
    """
    width = layout.peer_tensor_parallel if peer else layout.tensor_parallel
    weights, bandwidth = decoder_parameters(model), gpu.memory_gbs * 1e9 * engine.memory * width
    compute = gpu.tflops * 1e12 * engine.prefill_compute * width
    context = layout.peer_context if peer else layout.context
    held = requests_at_once(model, layout, peer) * context / max(1.0, tokens)
    reduces = 2 * model.layers * engine.allreduce_s if width > 1 else 0.0
    return Speed(
        fixed_s=engine.decode_step_s + reduces,
        weights_s=2 * weights / bandwidth,
        kv_s=model.kv_bytes_per_token / bandwidth,
        token_s=2 * weights / compute,
        prefill_token_s=2 * model.layers * model.layer / compute,
        picture_s=2 * vision_parameters(model) * model.patches_per_picture / compute,
        slots=max(1, min(most, int(held))),
    )


def cpu_server(cpu: Cpu, slots: int) -> Speed:
    return Speed(cpu.decode_step_s, 0.0, 0.0, cpu.token_s, cpu.prefill_token_s, cpu.prefill_picture_s, slots)


def micro_batches(tokens: float, most: int) -> int:
    """Micro-batches that hold so many tokens of one GPU; at least one."""
    return max(1, -(-int(tokens) // most))


def training(
    model: Model, layout: Layout, gpu: Gpu, engine: Engine, tokens: float, pictures: float, updates: int, saved: float
) -> Phases:
    """One GRPO step's passes over `tokens` (prompts and responses of all samples) on the training GPUs.

    Args:
        pictures: of all samples, of `model.patches_per_picture` each.
        updates: optimiser steps.
        saved: checkpoints per step.
    """
    gpus, size, adapted = layout.train_gpus, model.parameters, layout.rank > 0
    trained = model.adapter_parameters(layout.rank) if adapted else size
    held = 2 if adapted else 4  # bytes of a weight between the passes
    text, vision = decoder_parameters(model), vision_parameters(model)
    each, patches = tokens / gpus, pictures * model.patches_per_picture / gpus
    compute = gpu.tflops * 1e12 * engine.training_compute
    link = gpu.link_gbs * 1e9 * engine.link
    host = gpu.host_gbs * 1e9 * engine.host
    others = (gpus - 1) / gpus
    layers = model.layers + model.vision_layers

    forward = micro_batches(each, FORWARD_ONLY * layout.tokens)
    forward_s = max(2 * (text * each + vision * patches) / compute, forward * 2 * size * others / link)
    forward_s += forward * layers * engine.layer_pass_s
    there_and_back = 2 * held * size / gpus / host if layout.param_offload else 0.0
    streamed = forward * held * size / gpus / host if layout.cpu_offload else 0.0

    backward = updates * micro_batches(each / updates, layout.tokens)
    operations = (6 if adapted else 8) * text * each + (2 if adapted else 8) * vision * patches
    update_s = max(operations / compute, backward * (4 if adapted else 8) * size * others / link)
    update_s += backward * 3 * layers * engine.layer_pass_s
    if layout.cpu_offload:
        update_s += backward * (2 * held * size + 4 * trained) / gpus / host
        update_s += updates * engine.optimiser_s_per_1e9 * trained / 1e9 / layout.train_nodes
    elif layout.optimizer_offload:
        update_s += 2 * 8 * trained / gpus / host
    return Phases(
        old_log_prob=forward_s + streamed + there_and_back,
        ref=forward_s + (streamed + there_and_back if adapted else forward * 4 * size / gpus / host),
        update_actor=update_s + there_and_back,
        update_weights=2 * trained / 1e9 * engine.sync_s_per_gb + there_and_back,
        save_checkpoint=saved * 12 * trained / layout.train_nodes / 1e9 / engine.disk_gbs,
        other=engine.other_s,
    )


def cpu_training(cpu: Cpu, tokens: float, saved: float) -> Phases:
    return Phases(
        old_log_prob=tokens * cpu.old_log_prob_token_s,
        ref=tokens * cpu.ref_token_s,
        update_actor=tokens * cpu.update_token_s,
        update_weights=cpu.sync_s,
        save_checkpoint=saved * cpu.save_s,
        other=cpu.other_s,
    )


def scaled(phases: Phases, factors: dict[str, float]) -> Phases:
    """The phases times what a run's measurements say of them (1 where it says nothing)."""
    return replace(phases, **{name: value * factors.get(name, 1.0) for name, value in vars(phases).items()})
