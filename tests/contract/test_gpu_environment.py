"""The environment of `setup_env.sh gpu`: everything that a GPU stage imports, up to the driver.

Skips in any other environment. Without a driver vLLM's Python imports, its compiled kernels do not: the tests demand
that libcuda.so.1, which comes with the driver, is the only thing missing, and print which libraries wait for it.
"""

import ctypes
import importlib
from importlib.metadata import version
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from recipe.mmzero.machine import facts as machine
from recipe.mmzero.run.plan import plan
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.checks.layout import ROLES
from recipe.mmzero.settings.verl import config as verl_config

pytestmark = pytest.mark.skipif(
    not machine.cuda_environment(), reason="not the environment of `bash examples/setup_env.sh gpu` (vLLM's CUDA build)"
)

# What the server, the trainer and the loop import in their own processes.
MODULES = [
    "vllm",
    "vllm.v1.engine.async_llm",
    "vllm.v1.worker.gpu_worker",
    "vllm.model_executor.models.qwen2_5_vl",
    "vllm.model_executor.models.qwen3_vl",
    "verl.workers.rollout.vllm_rollout.vllm_async_server",
    "verl.workers.rollout.vllm_rollout.vllm_rollout",
    "verl.workers.engine.fsdp.transformer_impl",
    "verl.utils.kernel.linear_cross_entropy",
    "flash_attn",
    "flash_attn.bert_padding",
    "flash_attn.ops.triton.cross_entropy",
    "recipe.mmzero.engine.train.trainer",
    "recipe.mmzero.engine.collect",
    "recipe.mmzero.engine.servers",
    "mmzero_rewards.managers",
]


def has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


@pytest.mark.parametrize("name", MODULES)
def test_module_imports(name):
    importlib.import_module(name)


@pytest.mark.parametrize("hardware", ["gpu1x80", "gpu8x80", "gpu8x40"])
def test_every_class_path_of_the_profile_imports(hardware):
    from verl.utils.import_utils import load_class_from_fqn, load_extern_object

    config = schema.load(["model=qwen2_5_vl_7b", f"hardware={hardware}"])
    found = 0
    for role in ROLES:
        step = next(step for step in plan(config) if step.stage == role)
        document = {"id": step.id, "role": role, "iteration": 1, "step_dir": "/run/x"}
        document |= {"inputs": {name: "/models/base" for name in step.inputs}}
        stage = verl_config.composed(verl_config.stage_config(config, document))
        for key, value in _leaves(OmegaConf.to_container(stage, resolve=False)):
            if key.endswith("_target_"):
                assert load_class_from_fqn(value, key)
                found += 1
        manager = stage.reward.reward_manager
        assert load_extern_object(module_path=manager.module.path, object_name=manager.name)
        loops = OmegaConf.load(stage.actor_rollout_ref.rollout.agent.agent_loop_config_path)
        for loop in loops:
            assert load_class_from_fqn(loop._target_, "agent loop")
            found += 1
    assert found > 30, "verl's config lists its dataclasses by _target_"


def test_compiled_kernels_lack_only_the_driver(capsys):
    """Every compiled library of vLLM in this environment."""
    import torch  # noqa: F401  (its libraries are loaded first, as in a server)

    folder = Path(importlib.util.find_spec("vllm").submodule_search_locations[0])
    libraries = sorted(folder.rglob("*.abi3.so"))
    assert libraries, f"no compiled library under {folder}"
    waiting = []
    for library in libraries:
        try:
            ctypes.CDLL(str(library))
        except OSError as error:
            assert "libcuda.so.1" in str(error), f"{library.name}: {error}"
            waiting.append(library.name.removesuffix(".abi3.so"))
    if has_driver():
        assert not waiting
    elif waiting:
        with capsys.disabled():
            print(f"\nvllm {version('vllm')}: without a driver, libcuda.so.1 is missing for {', '.join(waiting)}")


def test_stand_in_is_what_transformers_and_verl_find():
    """transformers asks for a distribution named flash-attn, 2.3.3 or newer, and a GPU: the first two are there."""
    from packaging.version import Version
    from transformers.utils import import_utils

    assert "flash-attn" in [name.replace("_", "-") for name in import_utils.PACKAGE_DISTRIBUTION_MAPPING["flash_attn"]]
    assert Version(version("flash-attn")) >= Version("2.3.3")


def _leaves(node, prefix=""):
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in pairs:
        if isinstance(value, dict | list):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
