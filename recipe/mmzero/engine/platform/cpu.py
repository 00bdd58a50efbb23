"""The CPU platform: what unmodified verl 0.9.1 asks of a device, answered for a machine without an accelerator.

Registered as `VERL_PLATFORM=cpu`. verl knows nvidia, huawei and amd and falls back to nvidia
(verl/plugin/platform/platform_manager.py:83). With this class, FSDP2 over gloo trains and vLLM's CPU build serves; what
a class cannot answer is in patches.py.

Not covered: FSDP1 (it wants a device index), tensor parallelism above 1, memory counters (0) and MFU (meaningless).
"""

import types
from contextlib import contextmanager

import psutil
import torch
from verl.plugin.platform.platform_base import PlatformBase


class CpuDevice(types.ModuleType):
    """`torch.cpu` plus the parts of `torch.cuda` that verl calls and `torch.cpu` lacks.

    verl reads memory counters (verl/workers/engine_workers.py:219, verl/utils/memory_utils.py:47), the device name
    (FLOPs counter) and the RNG state (checkpoint manager). Counters are 0; sizes in bytes are those of host memory.
    """

    _NOTHING = ("empty_cache", "ipc_collect", "set_device", "manual_seed", "manual_seed_all")

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if hasattr(torch.cpu, name):
            return getattr(torch.cpu, name)
        if name == "mem_get_info":
            return lambda *args: (psutil.virtual_memory().available, psutil.virtual_memory().total)
        if "memory" in name:  # memory_allocated, max_memory_reserved, reset_peak_memory_stats, ...
            return lambda *args, **kwargs: 0
        if name in self._NOTHING:
            return lambda *args, **kwargs: None
        if name == "get_device_name":
            return lambda *args: "CPU"
        if name in ("get_rng_state", "set_rng_state"):
            return getattr(torch, name)
        raise AttributeError(name)


CPU_DEVICE = CpuDevice("mmzero_cpu_device")


class PlatformCPU(PlatformBase):
    """verl's device interface on host memory."""

    device_name = "cpu"
    vendor_name = "cpu"
    device_module = CPU_DEVICE

    def is_available(self):
        return True

    def is_platform_available(self, use_smi_check=False):
        return not torch.cuda.is_available()

    def current_device(self):
        # verl writes tensor.to(get_device_id()); .to(0) would mean cuda:0, so the "index" has to be the string.
        return "cpu"

    def device_count(self):
        return 1

    def set_device(self, device_index):
        pass

    def synchronize(self, device_index=None):
        pass

    def manual_seed(self, seed):
        torch.manual_seed(seed)

    def manual_seed_all(self, seed):
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings):
        pass

    def empty_cache(self):
        pass

    def get_device_capability(self, device_index=0):
        return None, None

    def communication_backend_name(self):
        return "gloo"

    def visible_devices_envvar(self):
        return "CUDA_VISIBLE_DEVICES"

    def ray_resource_name(self):
        # Resource pools always ask Ray for an accelerator and count only GPU and NPU
        # (verl/single_controller/ray/base.py:146-149, 230), so Ray is told that it has
        # logical GPUs (config/verl/cpu.yaml).
        return "GPU"

    def ray_noset_envvars(self):
        return []

    def is_ipc_supported(self):
        # False selects shared memory for the weight update (verl/workers/rollout/vllm_rollout/vllm_rollout.py:143).
        return False

    @contextmanager
    def nvtx_range(self, msg):
        yield

    def profiler_start(self):
        pass

    def profiler_stop(self):
        pass

    def cudart(self):
        return None
