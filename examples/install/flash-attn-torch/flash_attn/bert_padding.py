"""A padded batch to packed tokens and back, as in flash-attn (verl's remove-padding path)."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

__all__ = ["index_first_axis", "pad_input", "rearrange", "unpad_input"]  # verl imports einops' rearrange from here


def index_first_axis(tensor: Tensor, indices: Tensor) -> Tensor:
    return tensor[indices]


def pad_input(hidden_states: Tensor, indices: Tensor, batch: int, seqlen: int) -> Tensor:
    """Packed (tokens, ...) to (batch, seqlen, ...), zeros where `indices` names nothing."""
    padded = hidden_states.new_zeros(batch * seqlen, *hidden_states.shape[1:])
    return padded.index_copy(0, indices, hidden_states).unflatten(0, (batch, seqlen))


def unpad_input(
    hidden_states: Tensor, attention_mask: Tensor, unused_mask: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor, int, Tensor]:
    """(batch, seqlen, ...) to (packed tokens, their indices, cu_seqlens, longest sequence, used tokens of each).

    Args:
        attention_mask: (batch, seqlen), 1 for a token in use.
        unused_mask: (batch, seqlen), 1 for a token that is kept in the packed batch but not in use.
    """
    kept = attention_mask if unused_mask is None else attention_mask + unused_mask
    lengths = kept.sum(dim=-1, dtype=torch.int32)
    indices = kept.flatten().nonzero().flatten()
    starts = F.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0))
    used = attention_mask.sum(dim=-1, dtype=torch.int32)
    return hidden_states.flatten(0, 1)[indices], indices, starts, int(lengths.max()), used
