"""How many helper processes a GPU stage gets, from the CPU cores of its node.

verl's own numbers (8 rollout workers, 8 reward workers, 8 loaders) suit a node of 128 cores. On 16 they would start 32
render children, all of them busy; on 192 the tokenizer and the image processor, which work in the rollout workers,
would hold the GPUs up. Shares are ours, not measured on a GPU: an eighth of the cores prepares roll-outs, a
sixteenth scores, and each scorer keeps `render.workers` children, together a quarter of the cores with the default of
4.
"""

import os
from pathlib import Path

from omegaconf import DictConfig


def available(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Cores that this process may use: its affinity, and a container's share of the time of all cores."""
    cores = len(os.sched_getaffinity(0))
    words = quota.read_text(encoding="utf-8").split() if quota.is_file() else ["max"]
    return max(1, min(cores, int(words[0]) // int(words[1]))) if words[0].isdigit() else cores


def of_node(config: DictConfig) -> int:
    """Cores of one node: the profile's, else this machine's."""
    return int(config.hardware.cores or available())


def rollout_workers(cores: int) -> int:
    return min(32, max(1, cores // 8))


def reward_workers(cores: int) -> int:
    return min(8, max(1, cores // 16))


def loader_workers(cores: int) -> int:
    return min(4, max(1, cores // 16))
