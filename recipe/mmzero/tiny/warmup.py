"""Supervised warm-up of the tiny base: all tasks at once, first clean (but for leaks), then with errors.

Deterministic by seed and number of steps (never by wall time), so that the cache key decides the result.
"""

import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as functional

from recipe.mmzero.tiny.batches import IGNORED, PATCHES, Batch, Batches
from recipe.mmzero.tiny.corpus import FIRST, Errors
from recipe.mmzero.tiny.model import build_model, build_processor, build_tokenizer, save
from recipe.mmzero.tiny.settings import WarmupConfig


def warm_up(folder: Path, config: WarmupConfig, report=print) -> dict[str, float]:
    """Build the base in `folder`; returns {"seconds", "steps", "loss"} (loss: mean of the last 25 steps)."""
    started = time.time()
    torch.set_flush_denormal(True)
    tokenizer = build_tokenizer()
    model = build_model(tokenizer, config.seed)
    _batched_vision(model)
    batches = Batches(tokenizer, config.seed + 1)
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim <= 1]
    groups = [dict(params=matrices, weight_decay=0.05), dict(params=vectors, weight_decay=0.0)]
    optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98))
    model.train()
    recent: list[float] = []
    for step in range(config.steps):
        progress = step / config.steps
        warm = min(1.0, (step + 1) / config.lr_warmup_steps)
        rate = config.learning_rate * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        errors = FIRST if progress < config.clean_share else Errors()
        optimiser.zero_grad(set_to_none=True)
        tasks = (
            (1.0, batches.solver(config.solver_batch, errors)),
            (1.0, batches.reader(config.reader_batch, errors)),
            (0.5, batches.proposer(config.proposer_batch, errors)),
            (0.5, batches.coder(config.coder_batch, errors)),
        )
        total = 0.0
        for weight, batch in tasks:
            loss = weight * loss_of(model, batch)
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        recent = [*recent[-24:], total]
        if (step + 1) % 40 == 0 or step + 1 == config.steps:
            speed = (step + 1) / (time.time() - started)
            left = (config.steps - step - 1) / speed
            report(
                f"tiny base: step {step + 1}/{config.steps}  loss {sum(recent) / len(recent):.3f}  "
                f"{speed:.2f} steps/s  {left:.0f} s left"
            )
            sys.stdout.flush()
    model.eval()
    save(model, build_processor(tokenizer), folder)
    return {"seconds": time.time() - started, "steps": config.steps, "loss": sum(recent) / len(recent)}


def loss_of(model, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy of the reply tokens."""
    extra = {}
    if batch.patches is not None:
        grid = int(PATCHES**0.5)
        extra = {
            "pixel_values": batch.patches,
            "image_grid_thw": torch.tensor([[1, grid, grid]]).expand(len(batch.ids), 3),
        }
    hidden = model.model(input_ids=batch.ids, position_ids=batch.positions, use_cache=False, **extra).last_hidden_state
    learned = batch.labels != IGNORED
    return functional.cross_entropy(model.lm_head(hidden[learned]).float(), batch.labels[learned])


def _batched_vision(model) -> None:
    """Same arithmetic, much faster for pictures of one size: one attention call per layer, patches as a matmul."""
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import apply_rotary_pos_emb_vision

    def attention(self, hidden_states, cu_seqlens, rotary_pos_emb=None, position_embeddings=None, **kwargs):
        length = hidden_states.shape[0]
        count = length // PATCHES
        query, key, value = self.qkv(hidden_states).view(length, 3, self.num_heads, -1).permute(1, 0, 2, 3).unbind(0)
        query, key = apply_rotary_pos_emb_vision(query, key, *position_embeddings)

        def split(tensor):
            return tensor.reshape(count, PATCHES, self.num_heads, -1).transpose(1, 2)

        mixed = functional.scaled_dot_product_attention(split(query), split(key), split(value))
        return self.proj(mixed.transpose(1, 2).reshape(length, -1))

    def embed(self, hidden_states):
        weight = self.proj.weight
        return functional.linear(hidden_states.to(weight.dtype), weight.reshape(weight.shape[0], -1))

    for block in model.model.visual.blocks:
        block.attn.forward = attention.__get__(block.attn)
    patch_embed = model.model.visual.patch_embed
    patch_embed.forward = embed.__get__(patch_embed)
