"""The constants of config/gpus.yaml as typed objects."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml
from omegaconf import DictConfig


@dataclass(frozen=True)
class Gpu:
    """One card. `tflops`: 1e12/s in dense bf16; `memory_gb`: GiB; the others 1e9 bytes/s."""

    name: str
    tflops: float
    memory_gb: float
    memory_gbs: float
    link_gbs: float
    host_gbs: float


@dataclass(frozen=True)
class Engine:
    """Shares of a card's peaks that are reached, and seconds beside the kernels; see config/gpus.yaml."""

    training_compute: float
    prefill_compute: float
    memory: float
    link: float
    host: float
    decode_step_s: float
    allreduce_s: float
    layer_pass_s: float
    sync_s_per_gb: float
    optimiser_s_per_1e9: float
    disk_gbs: float
    wake_s: float
    train_startup_s: float
    collect_startup_s: float
    other_s: float
    picture_s: float
    poll_s: float


@dataclass(frozen=True)
class Cpu:
    """The same for the tiny model on a machine without GPUs, per token and per step."""

    decode_step_s: float
    token_s: float
    prefill_token_s: float
    prefill_picture_s: float
    prepare_picture_s: float
    old_log_prob_token_s: float
    ref_token_s: float
    update_token_s: float
    save_s: float
    sync_s: float
    other_s: float
    picture_s: float
    poll_s: float
    train_startup_s: float
    collect_startup_s: float
    warm_s: float


@cache
def listed() -> dict[str, Any]:
    """config/gpus.yaml as plain data."""
    text = resources.files("recipe.mmzero.config").joinpath("gpus.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def gpu(name: str) -> Gpu:
    """A card by its name in config/gpus.yaml."""
    return Gpu(name, **{key: float(value) for key, value in listed()["gpus"][name].items()})


def gpu_of(config: DictConfig) -> Gpu | None:
    """The card that the forecast reckons with: `forecast.gpu`, else by the profile's memory.

    Returns:
        None for a machine without GPUs, or if no listed card has that much memory.
    """
    if config.hardware.kind != "gpu":
        return None
    name = config.forecast.gpu
    if name == "auto":
        name = listed()["of_memory"].get(round(float(config.hardware.gpu_memory_gb)))
    return gpu(name) if name else None


def engine() -> Engine:
    return Engine(**{key: float(value) for key, value in listed()["engine"].items()})


def cpu() -> Cpu:
    return Cpu(**{key: float(value) for key, value in listed()["cpu"].items()})


def spread() -> float:
    """Standard deviation of response lengths as a share of their mean."""
    return float(listed()["spread"])
