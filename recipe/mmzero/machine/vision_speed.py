"""How fast is the first layer of the vision tower on this GPU? `python -m recipe.mmzero.machine.vision_speed`: JSON.

transformers cuts a picture into patches with a Conv3d whose stride is its kernel: the same as one matrix product. Some
pairs of torch and cuDNN have no fast kernel for it in bf16 (torch 2.9, pytorch/pytorch#174051; cuDNN 9.20 again), and
every forward of the trainer is then 10 to 20 times slower in the vision tower, without a word in any log. So both are
timed on one picture and compared. vLLM has a matrix product of its own and is not concerned.
"""

import json
import sys
import time
from collections.abc import Callable

SLOW_FACTOR, SLOW_S = 20.0, 0.005  # slower than the product by more than this, and noticeable at all (ours, a guess)
# Qwen2.5-VL's patch embedding, and the patches of a 1,036 x 1,036 picture.
CHANNELS, DEPTH, SIDE, HIDDEN, PATCHES = 3, 2, 14, 1280, 74 * 74


def measure(device: str = "cuda", patches: int = PATCHES, repeats: int = 5) -> dict[str, float]:
    """Seconds of one picture's patch embedding as Conv3d and as a matrix product, and how far apart the results are."""
    import torch

    kernel = (DEPTH, SIDE, SIDE)
    torch.manual_seed(0)
    kind = torch.bfloat16 if device == "cuda" else torch.float32
    convolution = torch.nn.Conv3d(CHANNELS, HIDDEN, kernel, stride=kernel, bias=False, device=device, dtype=kind)
    pixels = torch.randn(patches, CHANNELS, *kernel, device=device, dtype=kind)
    weight = convolution.weight.detach().flatten(1)

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    def seconds(function: Callable[[], object]) -> float:
        function()  # loads kernels
        wait()
        started = time.perf_counter()
        for _ in range(repeats):
            function()
        wait()
        return (time.perf_counter() - started) / repeats

    with torch.no_grad():
        difference = (convolution(pixels).flatten(1).float() - (pixels.flatten(1) @ weight.T).float()).abs().max()
        return {
            "conv3d_s": seconds(lambda: convolution(pixels)),
            "product_s": seconds(lambda: pixels.flatten(1) @ weight.T),
            "difference": float(difference),
        }


def is_slow(found: dict[str, float]) -> bool:
    return found["conv3d_s"] > SLOW_S and found["conv3d_s"] > SLOW_FACTOR * found["product_s"]


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:2])))
