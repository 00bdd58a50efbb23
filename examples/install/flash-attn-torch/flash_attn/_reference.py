"""Attention of packed sequences in fp32, one sequence after the other: slow, for devices without the kernels."""

import torch
from torch import Tensor


def packed_attention(
    q: Tensor, k: Tensor, v: Tensor, starts_q: Tensor, starts_k: Tensor, scale: float, window: tuple[int, int]
) -> Tensor:
    """Shapes as in `flash_attn_varlen_func`; window: (left, right) in tokens, -1 for no limit."""
    groups = q.shape[1] // k.shape[1]
    ends_q, ends_k = starts_q.tolist(), starts_k.tolist()
    outputs = []
    for index in range(len(ends_q) - 1):
        rows, columns = slice(*ends_q[index : index + 2]), slice(*ends_k[index : index + 2])
        queries = q[rows].float().transpose(0, 1)
        keys = k[columns].float().transpose(0, 1).repeat_interleave(groups, dim=0)
        values = v[columns].float().transpose(0, 1).repeat_interleave(groups, dim=0)
        seen = _seen(queries.shape[1], keys.shape[1], window, q.device)
        scores = (queries @ keys.transpose(1, 2) * scale).masked_fill(~seen, float("-inf"))
        # A row without any key: its softmax is not defined, flash-attn answers zeros.
        weights = scores.softmax(-1).masked_fill(~seen, 0.0)
        outputs.append((weights @ values).transpose(0, 1).to(q.dtype))
    return torch.cat(outputs)


def _seen(count_q: int, count_k: int, window: tuple[int, int], device: torch.device) -> Tensor:
    """(queries, keys): may this query look at this key? The last query stands at the last key."""
    left, right = window
    place_q = torch.arange(count_q, device=device)[:, None] + count_k - count_q
    offset = torch.arange(count_k, device=device)[None, :] - place_q
    seen = torch.ones_like(offset, dtype=torch.bool)
    if right >= 0:
        seen &= offset <= right
    if left >= 0:
        seen &= offset >= -left
    return seen
