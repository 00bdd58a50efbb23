"""Roll-outs of one pass of the trainer on a CPU; on GPUs a pass holds `tokens_per_gpu` tokens instead (config/verl)."""

from collections.abc import Mapping
from typing import Any


def micro_batch(train: Mapping[str, Any], layout: Mapping[str, Any]) -> int:
    """As many as `hardware.stages.ROLE.micro_batch` allows of those into which a rank's share of an update divides.

    verl asserts that they divide (prepare_micro_batches in verl/workers/engine/utils.py), at the first update.

    Args:
        train: `ROLE.train`: prompts_per_update, rollouts.
        layout: `hardware.stages.ROLE`: train_gpus (dividing the update's roll-outs), micro_batch.
    """
    share = train["prompts_per_update"] * train["rollouts"] // layout["train_gpus"]
    return max(size for size in range(1, min(layout["micro_batch"], share) + 1) if share % size == 0)
