"""What preparing a picture once for all roll-outs of its prompt saves: `python tests/bench/prepared.py`.

CPU seconds of one agent-loop process for one prompt of a Solver step: every roll-out prepares its picture twice, as
verl does, with the image processor as it is and with one that remembers (recipe/mmzero/engine/rollout/pictures.py).
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from recipe.mmzero.engine.rollout.pictures import PreparedOnce

ROLLOUTS, CALLS, PASSES = 8, 2, 3


def seconds(preprocess, side: int) -> float:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8))
    start = time.process_time()
    for _ in range(ROLLOUTS * CALLS):
        preprocess([picture.copy()], return_tensors="pt")
    return time.process_time() - start


def main() -> None:
    torch.set_num_threads(1)
    plain = Qwen2VLImageProcessor(size={"shortest_edge": 3136, "longest_edge": 1073296}).preprocess
    print(f"s of CPU a prompt, {ROLLOUTS} roll-outs, best of {PASSES}")
    print(f"{'picture':<14}{'as verl':>10}{'once':>10}{'ratio':>8}")
    for side in (112, 512, 1036):
        before = min(seconds(plain, side) for _ in range(PASSES))
        after = min(seconds(PreparedOnce(plain), side) for _ in range(PASSES))
        print(f"{side:>5} x {side:<6}{before:>10.3f}{after:>10.3f}{after / before:>8.2f}")


if __name__ == "__main__":
    main()
