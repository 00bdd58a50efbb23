"""The forecast of `mmzero plan` against what is known: published steps, the simulation, simulated peers.

    python tests/bench/forecast.py published    EasyR1's published steps of Qwen2.5-VL on geometry3k, with the errors
    python tests/bench/forecast.py simulated    closed form, simulation, and the collection pipeline itself on peers of
                                                fixed capacity (tests/bench/collect.py), about a minute
    python tests/bench/forecast.py schedules    Proposer stage of a 7B on 8 and 16 GPUs: today, all GPUs in turn,
                                                one step of overlap, other splits

Published: EasyR1 v0.3.2 assets/baselines.md, 512 prompts x 5 samples, updates of 128 prompts, reference offloaded,
parameters and optimiser offloaded, micro-batches as token budgets of 1 or 4 (experience: 2 or 8) full lengths of 4,096.
Total tokens follow from its tokens per second per GPU. Not published: how they divide into prompt and response.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from recipe.mmzero.machine.capacity import model_of  # noqa: E402
from recipe.mmzero.machine.forecast import roofline  # noqa: E402
from recipe.mmzero.machine.forecast.constants import gpu  # noqa: E402
from recipe.mmzero.machine.forecast.predict import predict  # noqa: E402
from recipe.mmzero.settings import schema  # noqa: E402

PROMPT = 400  # tokens of a prompt with its picture (assumed; 262,144 pixels, the least, are 334)
# model, card, full lengths per micro-batch, tokens/s/GPU, seconds per step, actor MFU; the two fitted rows come first
PUBLISHED = (
    ("qwen2_5_vl_7b", "h100", 1, 1600, 145, 0.160),
    ("qwen2_5_vl_7b", "h100", 4, 2000, 120, 0.232),
    ("qwen2_5_vl_3b", "h100", 1, 1800, 120, 0.081),
    ("qwen2_5_vl_7b", "l20", 1, 410, 580, 0.265),
)
GPUS, SAMPLES = 8, 512 * 5


def easyr1(model: str, card: str, lengths: int, throughput: float, seconds: float):
    """The published setting as one of ours: its Solver stage."""
    tokens = throughput * GPUS * seconds / SAMPLES
    memory = {"h100": 80, "l20": 48}[card]
    where = "hardware.stages.solver"
    return schema.load(
        [
            f"model={model}",
            "hardware=gpu8x80",
            f"hardware.gpu_memory_gb={memory}",
            f"forecast.gpu={card}",
            "solver.train.prompts_per_step=512",
            "solver.train.prompts_per_update=128",
            "solver.train.rollouts=5",
            "solver.train.max_prompt_tokens=2048",
            "solver.train.max_response_tokens=2048",
            f"{where}.tensor_parallel=2",
            f"{where}.gpu_memory_utilization=0.6",
            f"{where}.max_num_seqs=1024",
            f"{where}.tokens_per_gpu={4096 * lengths}",
            f"+{where}.param_offload=true",
            f"+{where}.optimizer_offload=true",
            "stage.save_every=5",
            f"forecast.response_tokens.solver={round(tokens - PROMPT)}",
            "forecast.prompt_tokens.solver=50",
            f"forecast.picture_tokens={PROMPT - 50}",
        ]
    )


def published() -> None:
    print(
        "EasyR1, Qwen2.5-VL on geometry3k, 2,560 samples per step. Two constants of the update are fitted to rows 1, 2."
    )
    for model, card, lengths, throughput, seconds, mfu in PUBLISHED:
        config = easyr1(model, card, lengths, throughput, seconds)
        found = predict(config, "solver", {})
        sizes = model_of(config)
        tokens = throughput * GPUS * seconds
        text = roofline.decoder_parameters(sizes)
        peak = gpu(card).tflops * 1e12
        update = 6 * text * tokens / (mfu * GPUS * peak)
        parts = ", ".join(f"{name} {value:.0f}" for name, value in found.phases.items() if value >= 0.5)
        print(
            f"{model} 8 x {card}, micro-batch {lengths}: published {seconds} s (update {update:.0f} s by its MFU), "
            f"computed {found.step_s:.0f} s, error {found.step_s / seconds - 1:+.0%} ({parts})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["published", "simulated", "schedules"])
    {"published": published}[parser.parse_args().what]()


if __name__ == "__main__":
    main()
