"""Cross entropy over a large vocabulary in blocks of rows, so that no fp32 copy of all logits exists.

verl takes log-probabilities from it; where it is missing verl loops over the single tokens of a packed batch
(verl/utils/torch_functional.py, logprobs_from_logits_v2): thousands of small kernels per micro-batch.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK_ELEMENTS = 1 << 25  # of one fp32 block: 128 MiB


def cross_entropy_loss(
    logits: Tensor,
    labels: Tensor,
    precomputed_lse: Tensor | None = None,
    label_smoothing: float = 0.0,
    logit_scale: float = 1.0,
    lse_square_scale: float = 0.0,
    ignore_index: int = -100,
    inplace_backward: bool = False,
    process_group: object | None = None,
) -> tuple[Tensor, Tensor]:
    """Losses per token in fp32, and z losses (all zero).

    Args:
        logits: (tokens, vocabulary).
        labels: (tokens,); `ignore_index` gives a loss and a gradient of zero.
        inplace_backward: the gradient takes the place of the logits.
    """
    if precomputed_lse is not None or label_smoothing or logit_scale != 1.0 or lse_square_scale or process_group:
        raise NotImplementedError("flash_attn on torch: plain cross entropy only")
    losses = _CrossEntropy.apply(logits, labels, ignore_index, inplace_backward)
    return losses, torch.zeros_like(losses)


def _blocks(logits: Tensor) -> Iterator[slice]:
    rows = max(1, BLOCK_ELEMENTS // logits.shape[-1])
    return (slice(start, start + rows) for start in range(0, logits.shape[0], rows))


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits: Tensor, labels: Tensor, ignore_index: int, inplace_backward: bool) -> Tensor:
        ignored = labels == ignore_index
        targets = labels.masked_fill(ignored, 0)[:, None]
        lse = torch.empty(logits.shape[0], dtype=torch.float32, device=logits.device)
        for block in _blocks(logits):
            lse[block] = torch.logsumexp(logits[block].float(), dim=-1)
        ctx.save_for_backward(logits, targets, ignored, lse)
        ctx.inplace_backward = inplace_backward
        return (lse - logits.gather(1, targets).squeeze(1).float()).masked_fill(ignored, 0.0)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        logits, targets, ignored, lse = ctx.saved_tensors
        grad = grad.float().masked_fill(ignored, 0.0)[:, None]
        out = logits.detach() if ctx.inplace_backward else torch.empty_like(logits)
        for block in _blocks(logits):
            share = torch.exp(logits[block].float() - lse[block, None])
            share.scatter_add_(1, targets[block], torch.full_like(share[:, :1], -1.0))
            out[block] = (share * grad[block]).to(out.dtype)
        return out, None, None, None
