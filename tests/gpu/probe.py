#!/usr/bin/env python3
"""What can be known in seconds before anything is trained: python probe.py [NAME ...]

Each check prints OK or FAIL, its seconds and one line; all of them run. Exit code: number of failures.
"""

import os
import subprocess
import sys
import time
import traceback
from importlib.metadata import version
from itertools import pairwise


def versions():
    import torch

    names = ("torch", "transformers", "tokenizers", "vllm", "ray", "verl", "tensordict", "flash-attn", "numpy", "numba")
    place = torch.cuda.get_device_properties(0)
    found = " ".join(f"{name} {version(name)}" for name in names)
    free, total = torch.cuda.mem_get_info()
    return (
        f"{place.name} sm_{place.major}{place.minor} {total / 2**30:.0f} GiB ({free / 2**30:.0f} free), CUDA "
        f"{torch.version.cuda}, kernel {os.uname().release}, {os.cpu_count()} cores, /dev/shm "
        f"{os.statvfs('/dev/shm').f_blocks * os.statvfs('/dev/shm').f_frsize / 2**30:.0f} GiB; {found}"
    )


def torch_attention():
    """flash_attn on torch's own kernels against fp32, forward and backward, sizes of text and vision tower."""
    import torch
    import torch.nn.functional as F
    from flash_attn import flash_attn_varlen_func

    torch.manual_seed(0)
    worst = 0.0
    for heads, kv, size, causal in ((16, 16, 128, True), (16, 2, 128, True), (16, 16, 80, False), (4, 4, 32, True)):
        starts = torch.tensor([0, 100, 613, 1024], dtype=torch.int32, device="cuda")
        kind = dict(device="cuda", dtype=torch.bfloat16, requires_grad=True)
        q, k, v = (torch.randn(1024, count, size, **kind) for count in (heads, kv, kv))
        longest = starts.diff().max()
        out = flash_attn_varlen_func(q, k, v, starts, starts, longest, longest, causal=causal)
        weight = torch.randn_like(out)
        grads = torch.autograd.grad((out * weight).sum(), (q, k, v))
        copies = [x.detach().float().requires_grad_() for x in (q, k, v)]
        parts = []
        for a, b in pairwise(starts.tolist()):
            one = [x[a:b].transpose(0, 1)[None] for x in copies]
            parts.append(
                F.scaled_dot_product_attention(*one, is_causal=causal, enable_gqa=heads != kv)[0].transpose(0, 1)
            )
        wanted = torch.cat(parts)
        wanted_grads = torch.autograd.grad((wanted * weight.float()).sum(), copies)
        for got, want in zip((out, *grads), (wanted, *wanted_grads), strict=True):
            worst = max(worst, ((got.float() - want).norm() / want.norm()).item())
    assert worst < 2e-2, f"relative error {worst:.1e}"
    return f"forward and backward, packed, 4 shapes: relative error at most {worst:.1e}"


def cross_entropy():
    import torch
    import torch.nn.functional as F
    from flash_attn.ops.triton.cross_entropy import cross_entropy_loss

    torch.manual_seed(0)
    logits = torch.randn(4096, 151936, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    labels = torch.randint(0, 151936, (4096,), device="cuda")
    want = torch.cat(
        [
            F.cross_entropy(part.float(), label, reduction="none")
            for part, label in zip(logits.detach().split(512), labels.split(512), strict=True)
        ]
    )
    torch.cuda.synchronize()
    started = time.time()
    loss, _ = cross_entropy_loss(logits * 1.0, labels, inplace_backward=True)
    loss.sum().backward()
    torch.cuda.synchronize()
    seconds = time.time() - started
    error = (loss - want).abs().max().item()
    assert error < 1e-2, f"error {error:.1e}"
    return f"4,096 tokens x 151,936: error {error:.1e}, forward and backward {1000 * seconds:.0f} ms"


def vllm_kernels():
    """vLLM's own kernels and FlashAttention on this GPU: 3 on Hopper, 2 elsewhere."""
    import torch
    import torch.nn.functional as F
    import vllm._C_stable_libtorch  # noqa: F401
    from vllm import _custom_ops as ops
    from vllm.vllm_flash_attn import flash_attn_varlen_func

    generation = 3 if torch.cuda.get_device_capability()[0] == 9 else 2
    torch.manual_seed(0)
    x, weight = (
        torch.randn(64, 2048, device="cuda", dtype=torch.bfloat16),
        torch.randn(2048, device="cuda", dtype=torch.bfloat16),
    )
    out = torch.empty_like(x)
    ops.rms_norm(out, x, weight, 1e-6)
    want = x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-6) * weight.float()
    norm_error = ((out.float() - want).norm() / want.norm()).item()
    half = torch.empty(64, 1024, device="cuda", dtype=torch.bfloat16)
    torch.ops._C.silu_and_mul(half, x)
    want = F.silu(x[:, :1024].float()) * x[:, 1024:].float()
    gate_error = ((half.float() - want).norm() / want.norm()).item()
    errors = []
    for size, kv in ((128, 2), (32, 16), (80, 16)):
        q = torch.randn(256, 16, size, device="cuda", dtype=torch.bfloat16)
        k, v = (torch.randn(256, kv, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
        starts = torch.tensor([0, 56, 256], dtype=torch.int32, device="cuda")
        got = flash_attn_varlen_func(q, k, v, 200, starts, 200, cu_seqlens_k=starts, causal=True, fa_version=generation)
        want = torch.cat(
            [
                F.scaled_dot_product_attention(
                    *(x[a:b].float().transpose(0, 1)[None] for x in (q, k, v)), is_causal=True, enable_gqa=True
                )[0].transpose(0, 1)
                for a, b in ((0, 56), (56, 256))
            ]
        )
        errors.append(((got.float() - want).norm() / want.norm()).item())
    assert max(norm_error, gate_error, *errors) < 2e-2, (norm_error, gate_error, errors)
    attention = f"FlashAttention {generation} (heads of 128, 32, 80) {max(errors):.1e}"
    return f"rms_norm {norm_error:.1e}, silu_and_mul {gate_error:.1e}, {attention}"


def sleep_mode():
    """vLLM's allocator gives memory back and takes it again: the trained role's server sleeps during the update."""
    import torch
    from vllm.device_allocator.cumem import CuMemAllocator

    allocator = CuMemAllocator.get_instance()
    with allocator.use_memory_pool(tag="weights"):
        block = torch.full((1 << 28,), 7, dtype=torch.uint8, device="cuda")
    before = torch.cuda.mem_get_info()[0]
    allocator.sleep(offload_tags=("weights",))
    freed = torch.cuda.mem_get_info()[0] - before
    allocator.wake_up()
    assert freed >= 1 << 28 and int(block[-1]) == 7
    return f"{freed / 2**20:.0f} MiB freed and restored"


def ipc():
    """A GPU buffer of one process read in another: how verl hands new weights to the server."""
    import pickle

    import torch
    from torch.multiprocessing.reductions import reduce_tensor

    block = torch.arange(1 << 20, device="cuda")
    torch.cuda.synchronize()
    code = "import sys, pickle, torch; f, a = pickle.load(sys.stdin.buffer); print(int(f(*a).sum()))"
    answer = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(reduce_tensor(block)), capture_output=True, timeout=60
    )
    assert answer.returncode == 0, answer.stderr.decode()[-400:]
    assert int(answer.stdout) == int(block.sum())
    return "another process reads the same buffer"


def vision_forward():
    """The patch embedding of transformers' vision tower, which some torch/cuDNN pairs compute far too slowly."""
    from recipe.mmzero.machine.vision_speed import is_slow, measure

    found = measure()
    line = f"Conv3d {1000 * found['conv3d_s']:.2f} ms, the same as a product {1000 * found['product_s']:.2f} ms"
    assert found["difference"] < 0.1, f"{line}, difference {found['difference']:.1e}"
    assert not is_slow(found), line
    return line


def plugin():
    from recipe.mmzero.plugin import verify

    return f"{len(verify())} registrations"


def renders():
    """Ten SVG and ten Python pictures with text, sandboxed as configured."""
    from mmzero_env import RenderConfig, RenderEnv, RenderRequest

    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"><rect x="{0}" y="9" width="40" height="90" '
        'fill="red"/><text x="20" y="150" font-size="24">value {0}</text></svg>'
    )
    plot = (
        "import matplotlib.pyplot as plt\nplt.bar(['a', 'b'], [{0} + 1, 2])\nplt.title('number {0}')\n"
        "plt.savefig('out.png')\n"
    )
    sandbox = os.environ.get("MMZERO_SANDBOX", "strict")
    started = time.time()
    with RenderEnv(RenderConfig(workers=4, sandbox=sandbox)) as env:
        results = [env.render(RenderRequest(svg.format(n), "svg")) for n in range(10)]
        results += [env.render(RenderRequest(plot.format(n), "python")) for n in range(10)]
    bad = [f"{result.status.value}: {result.message}" for result in results if not result.ok]
    assert not bad, f"{len(bad)} of 20 failed, first: {bad[0]}"
    assert any("value 3" in " ".join(result.text) for result in results), "no text was drawn: are there fonts?"
    return f"20 of 20 in {time.time() - started:.1f} s, sandbox {sandbox}"


CHECKS = (versions, torch_attention, cross_entropy, vllm_kernels, sleep_mode, ipc, vision_forward, plugin, renders)


def main(names: list[str]) -> int:
    failed = 0
    for check in CHECKS:
        if names and check.__name__ not in names:
            continue
        started = time.time()
        try:
            line = f"OK    {check.__name__}: {check()}"
        except BaseException as error:  # a failed assertion, an ImportError or a CUDA error: the others still run
            failed += 1
            traceback.print_exc()
            line = f"FAIL  {check.__name__}: {type(error).__name__}: {str(error)[:500]}"
        print(f"{line} ({time.time() - started:.1f} s)", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
