"""`flash_attn` on torch's own kernels: what verl 0.9.1 and transformers 5.9.0 call, with flash-attn 2's signatures.

torch >= 2.10 carries FlashAttention 2, forward and backward, for packed sequences (`torch.nn.attention.varlen`),
compiled for every GPU that torch supports. On other devices the same function is computed one sequence after the other
in fp32 (`_reference.py`), which is what the tests compare with `scaled_dot_product_attention`.

Not covered, and refused with one line: dropout, soft caps, ALiBi, attention probabilities, paged or growing caches, and
`deterministic=True` while torch itself may choose other kernels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from flash_attn._reference import packed_attention

__version__ = "2.8.3+torch"
__all__ = ["flash_attn_func", "flash_attn_varlen_func", "flash_attn_with_kvcache"]

HEAD_MULTIPLE = 8  # the kernels take head sizes that are a multiple of it; others are padded with zeros


def flash_attn_varlen_func(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    max_seqlen_q: int | Tensor,
    max_seqlen_k: int | Tensor,
    dropout_p: float = 0.0,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int, int] = (-1, -1),
    softcap: float = 0.0,
    alibi_slopes: Tensor | None = None,
    deterministic: bool = False,
    return_attn_probs: bool = False,
    block_table: Tensor | None = None,
) -> Tensor:
    """Attention inside each of several packed sequences.

    Args:
        q, k, v: (tokens, heads, head size); keys and values may have fewer heads, a divisor of the queries'.
        cu_seqlens_q, cu_seqlens_k: (sequences + 1,) where each sequence starts, and the end.
        max_seqlen_q, max_seqlen_k: tokens of the longest sequence.
        causal: the mask is aligned to the last query and the last key, as in flash-attn since 2.1.
        window_size: keys to the left and to the right of a query that it sees; -1: all.

    Returns:
        (tokens, heads, head size). A query that sees no key gets zeros.
    """
    _refuse(
        dropout_p=dropout_p,
        softcap=softcap,
        alibi_slopes=alibi_slopes is not None,
        return_attn_probs=return_attn_probs,
        block_table=block_table is not None,
        deterministic=deterministic and not torch.are_deterministic_algorithms_enabled(),
    )
    window = (int(window_size[0]), 0 if causal else int(window_size[1]))
    starts_q, starts_k = (starts.to(torch.int32).contiguous() for starts in (cu_seqlens_q, cu_seqlens_k))
    scale = q.shape[-1] ** -0.5 if softmax_scale is None else float(softmax_scale)
    if not q.is_cuda:
        return packed_attention(q, k, v, starts_q, starts_k, scale, window)

    from torch.nn.attention.varlen import varlen_attn

    longest_q = int(max_seqlen_q)  # of a tensor on the GPU: the CPU waits for it, so not twice for the same one
    longest_k = longest_q if max_seqlen_k is max_seqlen_q else int(max_seqlen_k)
    size = q.shape[-1]
    q, k, v = (_as_the_kernel_wants(x) for x in (q, k, v))
    out = varlen_attn(q, k, v, starts_q, starts_k, longest_q, longest_k, scale=scale, window_size=window)
    return out[..., :size]


def flash_attn_func(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    dropout_p: float = 0.0,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int, int] = (-1, -1),
    softcap: float = 0.0,
    alibi_slopes: Tensor | None = None,
    deterministic: bool = False,
    return_attn_probs: bool = False,
) -> Tensor:
    """The same for a batch of sequences of one length: (batch, tokens, heads, head size)."""
    batch, tokens_q, tokens_k = q.shape[0], q.shape[1], k.shape[1]
    steps = torch.arange(batch + 1, dtype=torch.int32, device=q.device)
    out = flash_attn_varlen_func(
        q.flatten(0, 1),
        k.flatten(0, 1),
        v.flatten(0, 1),
        steps * tokens_q,
        steps * tokens_k,
        tokens_q,
        tokens_k,
        dropout_p=dropout_p,
        softmax_scale=softmax_scale,
        causal=causal,
        window_size=window_size,
        softcap=softcap,
        alibi_slopes=alibi_slopes,
        deterministic=deterministic,
        return_attn_probs=return_attn_probs,
    )
    return out.unflatten(0, (batch, tokens_q))


def flash_attn_with_kvcache(*args, **kwargs) -> Tensor:
    """transformers imports it and calls it only to generate with a paged cache, which nothing here does."""
    raise NotImplementedError("flash_attn on torch: no key-value cache; install flash-attn itself for it")


def _refuse(**asked: object) -> None:
    names = [name for name, value in asked.items() if value]
    if names:
        remedy = "; call torch.use_deterministic_algorithms(True)" if names == ["deterministic"] else ""
        raise NotImplementedError(f"flash_attn on torch: not supported: {', '.join(names)}{remedy}")


def _as_the_kernel_wants(x: Tensor) -> Tensor:
    missing = -x.shape[-1] % HEAD_MULTIPLE
    if missing:
        return F.pad(x, (0, missing))
    return x if x.stride(-1) == 1 else x.contiguous()
