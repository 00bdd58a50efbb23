"""Each patch: the defect of the installed packages without it, and its absence with it.

A test fails at its first half when the engine no longer has the defect: then the patch can go. Unpatched code comes
from the installed source, executed once more, since the plug-in patches the module itself in every process.
"""

import ast
import asyncio
import importlib.util
import inspect
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tensordict import TensorDict

from recipe.mmzero.engine.platform import patches


def unpatched(name):
    """A copy of an installed module, executed again under another name: no import hook sees it."""
    original = importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(f"{name}_unpatched", original.__file__)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
    return module


def test_every_patch_has_a_test():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {patch.name for patch in patches.PATCHES} <= tested
    assert all(patch.reason and patch.module for patch in patches.PATCHES)


def test_gloo_only():
    from torch.distributed import HashStore, destroy_process_group, distributed_c10d
    from verl.utils import distributed

    assert '"cpu:gloo,' in inspect.getsource(distributed), "verl no longer builds the backend string from the device"
    module = SimpleNamespace(init_process_group=distributed_c10d.init_process_group)
    arguments = dict(store=HashStore(), rank=0, world_size=1)
    with pytest.raises(ValueError, match="cpu"):
        module.init_process_group("cpu:gloo,cpu:gloo", **arguments)
    patches.gloo_only(module)
    module.init_process_group("cpu:gloo,cpu:gloo", **arguments)
    destroy_process_group()
    module.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)  # others pass through
    destroy_process_group()


def test_fsdp_engine_on_cpu(monkeypatch):
    from torch.distributed.fsdp import CPUOffloadPolicy
    from verl.workers.engine.base import EngineRegistry
    from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

    registered = {
        kind: {backend: {k: v for k, v in devices.items() if k != "cpu"} for backend, devices in backends.items()}
        for kind, backends in EngineRegistry._engines.items()
    }
    monkeypatch.setattr(EngineRegistry, "_engines", registered)
    monkeypatch.setenv("VERL_ENGINE_DEVICE", "cpu")
    with pytest.raises(ValueError, match="No engine registered for device='cpu'"):
        EngineRegistry.get_engine_cls("language_model", "fsdp2")
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match=r"accelerator|NVIDIA"):
            torch.empty(1, pin_memory=CPUOffloadPolicy(pin_memory=True).pin_memory)

    engine = SimpleNamespace(CPUOffloadPolicy=CPUOffloadPolicy, FSDPEngineWithLMHead=FSDPEngineWithLMHead)
    patches.fsdp_engine_on_cpu(engine)
    assert EngineRegistry.get_engine_cls("language_model", "fsdp2") is FSDPEngineWithLMHead
    assert torch.empty(1, pin_memory=engine.CPUOffloadPolicy(pin_memory=True).pin_memory).is_pinned() is False


def small_vision_language_model():
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    text = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1)
    text |= dict(vocab_size=64, rope_scaling={"type": "mrope", "mrope_section": [2, 3, 3]})
    vision = dict(
        depth=1, hidden_size=32, intermediate_size=64, num_heads=2, out_hidden_size=32, fullatt_block_indexes=[0]
    )
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision, attn_implementation="eager")
    return Qwen2_5_VLForConditionalGeneration(config)


def test_text_only_qwen2_vl():
    module = unpatched("verl.models.transformers.qwen2_vl")
    model = small_vision_language_model()
    ids = torch.tensor([[1, 2, 3]])
    with pytest.raises(AttributeError, match="mean"):
        module._get_input_embeds(model.model, ids, torch.ones_like(ids))
    patches.text_only_qwen2_vl(module)
    embeds, mask = module._get_input_embeds(model.model, ids, torch.ones_like(ids))
    assert torch.equal(embeds, model.model.get_input_embeddings()(ids)) and mask.tolist() == [[1, 1, 1]]
    embeds.sum().backward()
    vision = [p.grad for n, p in model.named_parameters() if "visual" in n]
    # Every FSDP rank runs the vision tower, so its gradients must exist; no picture, so they are zero.
    assert vision and all(grad is not None and not grad.any() for grad in vision)


def test_private_weight_socket_sender():
    source = inspect.getsource(unpatched("verl.workers.rollout.vllm_rollout.vllm_rollout").ServerAdapter.__init__)
    assert "ipc:///tmp/rl-colocate-zmq-{job_id}" in source, "the socket no longer lies in /tmp under the job id"

    class Adapter:
        def __init__(self, job):
            self.zmq_handle = f"ipc:///tmp/rl-colocate-zmq-{job}-replica-0-rank-0.sock"

    module = SimpleNamespace(ServerAdapter=Adapter)
    patches.private_weight_socket_sender(module)
    handle = module.ServerAdapter("01000000").zmq_handle
    assert handle == f"ipc://{tempfile.gettempdir()}/rl-colocate-zmq-01000000-replica-0-rank-0.sock"


def test_private_weight_socket_receiver(monkeypatch, tmp_path):
    module = unpatched("verl.workers.rollout.vllm_rollout.utils")
    monkeypatch.setenv("VERL_RAY_JOB_ID", "01000000")
    worker = SimpleNamespace(local_rank=0, model_runner=SimpleNamespace())
    extension = module.vLLMColocateWorkerExtension
    before = extension._get_zmq_handle(worker)
    assert before == "ipc:///tmp/rl-colocate-zmq-01000000-replica-0-rank-0.sock", "two runs would share this socket"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    patches.private_weight_socket_receiver(module)
    assert extension._get_zmq_handle(worker) == before.replace("/tmp/", f"{tmp_path}/")


def test_threads_of_training_workers(monkeypatch):
    from verl.single_controller.ray import base
    from verl.workers import engine_workers
    from verl.workers.engine.fsdp import transformer_impl

    from recipe.mmzero.settings.verl import cores

    for module in (engine_workers, transformer_impl):
        assert "set_num_threads" not in inspect.getsource(module), "verl sets the threads of its workers itself now"
    assert '"RAY_LOCAL_WORLD_SIZE"' in inspect.getsource(base), "verl no longer tells a worker how many are beside it"

    class Engine:
        def initialize(self):
            self.threads = torch.get_num_threads()

    module = SimpleNamespace(FSDPEngine=Engine)
    patches.threads_of_training_workers(module)
    before, engine = torch.get_num_threads(), Engine()
    monkeypatch.setattr(cores, "available", lambda: 12)
    monkeypatch.setenv("RAY_LOCAL_WORLD_SIZE", "4")
    try:
        engine.initialize()
        assert engine.threads == before, "without a GPU nothing changes"
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        engine.initialize()
        assert engine.threads == 3
    finally:
        torch.set_num_threads(before)


def test_export_at_one_step():
    module = unpatched("verl.utils.checkpoint.checkpoint_manager")
    manager = module.BaseCheckpointManager.__new__(module.BaseCheckpointManager)
    manager.checkpoint_save_contents = ["model", "hf_model@20"]

    def exports(step):
        manager.previous_global_step = step  # what FSDPCheckpointManager.save_checkpoint does first
        return manager.should_save_hf_model

    assert [exports(step) for step in (2, 20)] == [False, False], "verl takes the step itself now"
    patches.export_at_one_step(module)
    assert [exports(step) for step in (2, 10, 20)] == [False, False, True]
    assert manager.should_save_model and not manager.should_save_optimizer
    manager.checkpoint_save_contents = ["hf_model"]
    assert exports(2), "the plain word means every checkpoint, as before"

    from verl.utils.checkpoint import fsdp_checkpoint_manager

    source = inspect.getsource(fsdp_checkpoint_manager.FSDPCheckpointManager.save_checkpoint)
    assert source.index("self.previous_global_step = global_step") < source.index("self.should_save_hf_model")


@pytest.mark.parametrize("lengths", [[41] * 8, [8] * 2, [32] * 8, [5, 6, 7, 8] * 2, [41]])
def test_positions_of_equal_lengths(lengths):
    """As a worker gets them: from the queue, through verl's own repair, cut into micro-batches."""
    module = unpatched("verl.utils.tensordict_utils")
    rows = [torch.arange(4 * length).view(4, length) + 1000 * k for k, length in enumerate(lengths)]

    def batch():
        ids = torch.nested.as_nested_tensor(rows, layout=torch.jagged)  # transfer_queue's _pack_field_values
        return TensorDict({"position_ids": ids}, batch_size=[len(rows)])

    def right():
        data = batch()
        module.maybe_fix_3d_position_ids(data)
        try:
            parts = module.chunk_tensordict(data, len(rows))
        except RuntimeError:
            return False
        found = [row for part in parts for row in part["position_ids"].unbind()]
        return all(torch.equal(a, b) for a, b in zip(found, rows, strict=True))

    assert right() == (len(set(lengths)) > 1), "verl or the queue has mended it"
    patches.positions_of_equal_lengths(module)
    assert right()


def test_reloadable_cpu_linear():
    layers = pytest.importorskip("vllm.model_executor.layers.utils", reason="vLLM is not installed")
    if not torch.cpu._is_avx512_supported() and not torch.cpu._is_avx2_supported():
        pytest.skip("vLLM packs weights only on x86 with AVX2 or AVX-512")
    name = "dispatch_cpu_unquantized_gemm"
    # The module registers operators and cannot run twice: only this function is taken from its source.
    tree = ast.parse(Path(layers.__file__).read_text(encoding="utf-8"))
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    namespace = dict(vars(layers))
    exec(compile(ast.Module([function], []), layers.__file__, "exec"), namespace)
    module = SimpleNamespace(dispatch_cpu_unquantized_gemm=namespace[name])
    weight, inputs = torch.randn(64, 64), torch.randn(2, 64)

    packed = torch.nn.Linear(64, 64, bias=False)
    packed.weight.data.copy_(weight)
    packed.weight.requires_grad_(False)
    module.dispatch_cpu_unquantized_gemm(packed, remove_weight=True)
    with pytest.raises(RuntimeError, match="size of tensor"):
        packed.weight.data.copy_(weight)  # what the next weight update does

    patches.reloadable_cpu_linear(module)
    plain = torch.nn.Linear(64, 64, bias=False)
    plain.weight.requires_grad_(False)
    module.dispatch_cpu_unquantized_gemm(plain, remove_weight=True)
    plain.weight.data.copy_(weight)
    assert torch.allclose(plain.cpu_linear(inputs, plain.weight, None), inputs @ weight.T, atol=1e-5)


def test_wrong_verl_is_one_line(monkeypatch):
    monkeypatch.setattr(patches, "version", lambda name: "0.9.0")
    with pytest.raises(RuntimeError) as caught:
        patches.install(cpu=True)
    assert str(caught.value) == "mmzero needs verl==0.9.1, found 0.9.0: pip install 'verl[verl-core]==0.9.1'"


async def _arguments_of(module, lora_as_adapter, modules):
    """What vLLM gets of `max_loras` if verl's server is started with these adapters beside its own."""
    seen = []

    class Stopped(Exception):
        pass

    class Arguments:
        @staticmethod
        def from_cli_args(args):
            seen.append(args.max_loras)
            raise Stopped

    module.AsyncEngineArgs = Arguments
    server = SimpleNamespace(lora_as_adapter=lora_as_adapter)
    with pytest.raises(Stopped):
        await module.vLLMHttpServer.run_server(server, SimpleNamespace(lora_modules=modules, max_loras=1))
    return seen[0]


def test_adapters_beside_the_trained_one():
    name = "verl.workers.rollout.vllm_rollout.vllm_async_server"
    module = unpatched(name)
    source = inspect.getsource(module.vLLMHttpServer.launch_server)
    engine, fixed = source.index("**engine_kwargs,"), source.index('"max_loras": 1')
    assert engine < fixed, "verl lets engine_kwargs set max_loras: the patch can go"
    assert asyncio.run(_arguments_of(module, True, ["a", "b"])) == 1
    patches.adapters_beside_the_trained_one(module)
    assert asyncio.run(_arguments_of(module, True, ["a", "b"])) == 3
    assert asyncio.run(_arguments_of(module, True, None)) == 1, "nothing beside the trained one"
    assert asyncio.run(_arguments_of(module, False, ["a", "b"])) == 1, "a frozen server has its own number"
