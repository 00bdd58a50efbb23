"""The stand-in for flash-attn (examples/install/flash-attn-torch): values and gradients against torch's own functions.

On a CPU its plain loop answers, and the call of torch's CUDA kernels is checked with fake tensors (arguments, shapes).
The kernels themselves, forward and backward, are compared with fp32 by tests/gpu.
"""

import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

FOLDER = Path(__file__).parents[2] / "examples" / "install" / "flash-attn-torch"


@pytest.fixture(scope="module")
def flash_attn():
    """The package from the checkout, gone again afterwards: other tests run in an environment without it."""
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "flash_attn"}
    for name in before:
        del sys.modules[name]
    sys.path.insert(0, str(FOLDER))
    try:
        import flash_attn
        import flash_attn.bert_padding
        import flash_attn.ops.triton.cross_entropy

        assert Path(flash_attn.__file__).is_relative_to(FOLDER)
        yield flash_attn
    finally:
        sys.path.remove(str(FOLDER))
        for name in [name for name in sys.modules if name.split(".")[0] == "flash_attn"]:
            del sys.modules[name]
        sys.modules.update(before)


def packed(lengths, heads, size, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(sum(lengths), heads, size, generator=generator, dtype=dtype).requires_grad_()


def starts(lengths):
    return F.pad(torch.tensor(lengths).cumsum(0), (1, 0)).to(torch.int32)


def by_sdpa(q, k, v, lengths, causal, scale=None):
    """torch's scaled_dot_product_attention, called for each sequence alone."""
    parts, at = [], 0
    for length in lengths:
        one = [x[at : at + length].transpose(0, 1)[None] for x in (q, k, v)]
        gqa = q.shape[1] != k.shape[1]
        out = F.scaled_dot_product_attention(*one, is_causal=causal, scale=scale, enable_gqa=gqa)
        parts.append(out[0].transpose(0, 1))
        at += length
    return torch.cat(parts)


CASES = [
    ([5, 1, 9], 4, 4, 16, True),  # as the text layers call it; a sequence of one token
    ([5, 1, 9], 4, 2, 16, True),  # grouped keys and values
    ([7, 4], 3, 3, 20, False),  # as the vision tower calls it; a head size that the kernels do not take
    ([12], 2, 1, 8, False),
]


@pytest.mark.parametrize(("lengths", "heads", "kv_heads", "size", "causal"), CASES)
def test_values_and_gradients_are_those_of_sdpa(flash_attn, lengths, heads, kv_heads, size, causal):
    ours = [packed(lengths, count, size, seed) for seed, count in enumerate((heads, kv_heads, kv_heads))]
    theirs = [x.detach().clone().requires_grad_() for x in ours]
    place, longest = starts(lengths), torch.tensor(max(lengths))  # transformers passes the longest as a tensor
    got = flash_attn.flash_attn_varlen_func(*ours, place, place, longest, longest, causal=causal)
    want = by_sdpa(*theirs, lengths, causal)
    torch.testing.assert_close(got, want)
    weight = torch.randn_like(want)
    for mine, other in zip(
        torch.autograd.grad((got * weight).sum(), ours),
        torch.autograd.grad((want * weight).sum(), theirs),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)


def test_sequences_do_not_see_each_other(flash_attn):
    """The comparison above could fail: without the boundaries the same tokens give something else."""
    lengths = [5, 9]
    q, k, v = (packed(lengths, 2, 16, seed) for seed in range(3))
    apart = flash_attn.flash_attn_varlen_func(q, k, v, starts(lengths), starts(lengths), 9, 9, causal=True)
    joined = flash_attn.flash_attn_varlen_func(q, k, v, starts([14]), starts([14]), 14, 14, causal=True)
    torch.testing.assert_close(apart[:5], joined[:5])
    assert (apart[5:] - joined[5:]).abs().max() > 0.1


def test_causal_mask_is_aligned_to_the_end(flash_attn):
    """Two queries against five keys are the last two places; with more queries than keys the first see nothing."""
    q, k, v = packed([2], 1, 8, 0), packed([5], 1, 8, 1), packed([5], 1, 8, 2)
    got = flash_attn.flash_attn_varlen_func(q, k, v, starts([2]), starts([5]), 2, 5, causal=True)
    mask = torch.ones(2, 5, dtype=torch.bool).tril(3)
    want = F.scaled_dot_product_attention(*(x.transpose(0, 1)[None] for x in (q, k, v)), attn_mask=mask)
    torch.testing.assert_close(got, want[0].transpose(0, 1))
    late = flash_attn.flash_attn_varlen_func(k, q, q, starts([5]), starts([2]), 5, 2, causal=True)
    assert late[:3].abs().max() == 0 and late[3:].abs().max() > 0 and late.isfinite().all()


def test_window_and_scale(flash_attn):
    q, k, v = (packed([6], 1, 8, seed) for seed in range(3))
    got = flash_attn.flash_attn_varlen_func(
        q, k, v, starts([6]), starts([6]), 6, 6, softmax_scale=0.3, causal=True, window_size=(2, 2)
    )
    mask = torch.ones(6, 6, dtype=torch.bool).tril() & torch.ones(6, 6, dtype=torch.bool).triu(-2)
    want = F.scaled_dot_product_attention(*(x.transpose(0, 1)[None] for x in (q, k, v)), attn_mask=mask, scale=0.3)
    torch.testing.assert_close(got, want[0].transpose(0, 1))


def test_batch_of_equal_lengths(flash_attn):
    q, k, v = (torch.randn(3, 7, heads, 16) for heads in (4, 2, 2))
    got = flash_attn.flash_attn_func(q, k, v, causal=True)
    want = F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v)), is_causal=True, enable_gqa=True)
    torch.testing.assert_close(got, want.transpose(1, 2))


REFUSED = [
    {"dropout_p": 0.1},
    {"softcap": 30.0},
    {"alibi_slopes": torch.ones(2)},
    {"return_attn_probs": True},
    {"deterministic": True},
]


@pytest.mark.parametrize("asked", REFUSED, ids=lambda asked: next(iter(asked)))
def test_what_it_cannot_do_is_refused(flash_attn, asked):
    q = torch.randn(1, 3, 2, 8)
    with pytest.raises(NotImplementedError, match=next(iter(asked))):
        flash_attn.flash_attn_func(q, q, q, **asked)


@pytest.mark.parametrize(("kv_heads", "size", "causal"), [(2, 128, True), (16, 80, False), (16, 36, True)])
def test_cuda_tensors_go_to_the_kernels_of_torch(flash_attn, monkeypatch, kv_heads, size, causal):
    """Fake CUDA tensors go through torch's own operator; the call is recorded. (Its backward needs a real device.)"""
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.nn.attention import varlen

    calls, kernel = [], varlen.varlen_attn

    def record(*args, **kwargs):
        calls.append((args, kwargs))
        return kernel(*args, **kwargs)

    monkeypatch.setattr(varlen, "varlen_attn", record)
    with FakeTensorMode():
        q, k, v = (
            torch.empty(24, heads, size, device="cuda", dtype=torch.bfloat16, requires_grad=True)
            for heads in (16, kv_heads, kv_heads)
        )
        place = torch.empty(4, device="cuda", dtype=torch.int64)
        out = flash_attn.flash_attn_varlen_func(q, k, v, place, place, 9, 9, causal=causal)
        assert out.shape == q.shape and out.device.type == "cuda" and out.requires_grad
    ((args, kwargs),) = calls
    assert args[0].shape[-1] % 8 == 0 and args[3].dtype == torch.int32 and args[5:] == (9, 9)
    assert kwargs["window_size"] == ((-1, 0) if causal else (-1, -1))
    assert kwargs["scale"] == pytest.approx(size**-0.5), "of the true head size, not of the padded one"


def test_padding_roundtrip(flash_attn):
    mask = torch.tensor([[1, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1]])
    batch = torch.randn(3, 4, 2, 5, requires_grad=True)
    tokens, indices, place, longest, used = flash_attn.bert_padding.unpad_input(batch, mask)
    assert tokens.shape == (9, 2, 5) and place.tolist() == [0, 3, 5, 9] and longest == 4 and used.tolist() == [3, 2, 4]
    again = flash_attn.bert_padding.pad_input(tokens, indices, 3, 4)
    torch.testing.assert_close(again, batch * mask[..., None, None])
    (grad,) = torch.autograd.grad((again * 2).sum(), batch)
    torch.testing.assert_close(grad, (2.0 * mask)[..., None, None].expand_as(batch))
    torch.testing.assert_close(flash_attn.bert_padding.index_first_axis(batch.flatten(0, 1), indices), tokens)


def test_padding_is_that_of_verl(flash_attn):
    from verl.utils import attention_utils

    mask = torch.tensor([[0, 1, 1], [1, 1, 0]])
    batch = torch.randn(2, 3, 4)
    ours, theirs = flash_attn.bert_padding.unpad_input(batch, mask), attention_utils._fallback_unpad_input(batch, mask)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("inplace", [False, True])
def test_cross_entropy(flash_attn, monkeypatch, inplace, dtype):
    """Several blocks, one shorter than the others, an ignored label, and a weight per token."""
    module = flash_attn.ops.triton.cross_entropy
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", 3 * 50)
    torch.manual_seed(0)
    logits = torch.randn(10, 50, dtype=dtype) * 5
    labels = torch.randint(0, 50, (10,))
    labels[4] = -100
    weight = torch.randn(10)
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    losses, z_losses = module.cross_entropy_loss(ours * 1.0, labels, inplace_backward=inplace)
    want = F.cross_entropy(theirs.float(), labels, reduction="none")
    assert losses.dtype == torch.float32 and z_losses.abs().max() == 0
    torch.testing.assert_close(losses, want)
    (losses * weight).sum().backward()
    (want * weight).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    assert ours.grad[4].abs().max() == 0 and ours.grad[3].abs().max() > 0


def test_log_probabilities_of_verl(flash_attn, monkeypatch):
    from verl.utils import torch_functional as verl_functions

    function = flash_attn.ops.triton.cross_entropy.cross_entropy_loss
    monkeypatch.setattr(verl_functions, "cross_entropy_loss", function, raising=False)
    logits, labels = torch.randn(2, 6, 40), torch.randint(0, 40, (2, 6))
    got = verl_functions.logprobs_from_logits_flash_attn(logits.flatten(0, 1), labels.flatten()).view(2, 6)
    torch.testing.assert_close(got, verl_functions.logprobs_from_logits_naive(logits, labels))


def test_cross_entropy_refuses_the_rest(flash_attn):
    with pytest.raises(NotImplementedError, match="plain cross entropy"):
        flash_attn.ops.triton.cross_entropy.cross_entropy_loss(torch.randn(2, 3), torch.zeros(2).long(), None, 0.1)
