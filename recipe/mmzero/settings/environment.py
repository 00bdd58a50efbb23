"""The environment variables of a stage's processes, in one place.

verl reads the platform and the plug-in list from the environment of every process (notes in platform/ and plugin.py);
Ray passes the environment of its first process on to all workers of a single-node cluster.
"""

import os
from pathlib import Path

from omegaconf import DictConfig

# vLLM on CPU: GiB of KV cache (unset: a share of host memory); two servers must not pin themselves to the same cores.
CPU = {
    "VERL_PLATFORM": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # else vLLM makes of config/verl/cpu.yaml's "uni" an "mp"
    "OMP_NUM_THREADS": "1",
    "TORCH_COMPILE_DISABLE": "1",  # else each server runs a C++ compiler at its start
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
ALL = {
    "VERL_USE_EXTERNAL_MODULES": "recipe.mmzero.plugin",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "HYDRA_FULL_ERROR": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "PYTHONFAULTHANDLER": "1",
}


def stage_environment(config: DictConfig, metrics_file: Path | None = None) -> dict[str, str]:
    """What a stage adds to the environment; the caller's own variables win, so that a user can override any of them."""
    added = dict(ALL)
    if config.hardware.kind == "cpu":
        added |= CPU
    if not config.model.get("allow_download", config.hardware.kind != "cpu"):
        added |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    if not config.hardware.get("ray_address"):
        # Ray replaces a loopback address by one that other machines reach, even where it was asked for, and verl's
        # servers bind to the node's address without authentication; this switch keeps a Ray of our own on loopback.
        added["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    if metrics_file is not None:
        added["VERL_FILE_LOGGER_PATH"] = str(metrics_file)
    return {name: os.environ.get(name, value) for name, value in added.items()}


def inherited(config: DictConfig) -> dict[str, str]:
    """This process's environment without what would lead a stage astray."""
    astray = {"PYTHONDONTWRITEBYTECODE"}  # of container images; a dozen interpreters would compile the same again
    if not config.hardware.get("ray_address"):
        astray.add("RAY_ADDRESS")  # each step has a Ray of its own, whatever else runs on this machine
    if config.hardware.kind == "cpu":
        astray.add("CUDA_VISIBLE_DEVICES")  # Ray refuses logical GPUs when an empty list says that there are none
    return {name: value for name, value in os.environ.items() if name not in astray}
