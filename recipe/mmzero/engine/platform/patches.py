"""Every change to verl's and vLLM's internals, each with its reason, a version guard and a test.

A patch stands here only where no seam exists (registry, config key, entry point). `PATCHES` is the whole list;
tests/contract/test_patches.py fails when one is no longer needed. References are relative to the installed packages.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from types import ModuleType

from recipe.mmzero.engine.platform.hooks import after_import

VERL, VLLM = "0.9.1", "0.24.0"


@dataclass(frozen=True)
class Patch:
    """One change: after `module` is imported, `apply(module)` runs. `cpu_only` ones need VERL_PLATFORM=cpu."""

    name: str
    module: str
    reason: str
    apply: Callable[[ModuleType], None]
    cpu_only: bool


def install(cpu: bool) -> list[str]:
    """Arm the patches for this process; returns their names.

    Raises:
        RuntimeError: verl is not the version that these patches were written for.
    """
    found = version("verl")
    if found != VERL:
        raise RuntimeError(f"mmzero needs verl=={VERL}, found {found}: pip install 'verl[verl-core]=={VERL}'")
    armed = [patch for patch in PATCHES if cpu or not patch.cpu_only]
    for patch in armed:
        after_import(patch.module, patch.apply)
    return [patch.name for patch in armed]


def gloo_only(distributed: ModuleType) -> None:
    original = distributed.init_process_group

    def init_process_group(backend=None, *args, **kwargs):
        return original("cpu:gloo" if backend == "cpu:gloo,cpu:gloo" else backend, *args, **kwargs)

    distributed.init_process_group = init_process_group


def fsdp_engine_on_cpu(engine: ModuleType) -> None:
    from verl.workers.engine.base import EngineRegistry

    offload_policy = engine.CPUOffloadPolicy
    engine.CPUOffloadPolicy = lambda pin_memory=True: offload_policy(pin_memory=False)
    register = EngineRegistry.register(model_type="language_model", backend=["fsdp", "fsdp2"], device=["cpu"])
    register(engine.FSDPEngineWithLMHead)


def text_only_qwen2_vl(qwen2_vl: ModuleType) -> None:
    original = qwen2_vl._get_input_embeds

    def _get_input_embeds(
        model,
        input_ids,
        attention_mask=None,
        pixel_values=None,
        pixel_values_videos=None,
        image_grid_thw=None,
        video_grid_thw=None,
    ):
        import torch

        if pixel_values is not None or pixel_values_videos is not None:
            return original(
                model, input_ids, attention_mask, pixel_values, pixel_values_videos, image_grid_thw, video_grid_thw
            )
        embeds = model.get_input_embeddings()(input_ids)
        vision = model.config.vision_config
        side = 2 * vision.spatial_merge_size
        patch_dim = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
        blank = torch.zeros((side * side, patch_dim), dtype=embeds.dtype, device=embeds.device)
        grid = torch.tensor([[1, side, side]], dtype=torch.long, device=embeds.device)
        features, _ = qwen2_vl.unpack_visual_output(model.visual(blank, grid_thw=grid))
        embeds = embeds + 0.0 * features.mean()
        return embeds, attention_mask.to(embeds.device) if attention_mask is not None else None

    qwen2_vl._get_input_embeds = _get_input_embeds


def reloadable_cpu_linear(layers: ModuleType) -> None:
    import torch

    def dispatch_cpu_unquantized_gemm(layer, remove_weight):
        layer.cpu_linear = torch.nn.functional.linear

    layers.dispatch_cpu_unquantized_gemm = dispatch_cpu_unquantized_gemm


def private_weight_socket_sender(rollout: ModuleType) -> None:
    original = rollout.ServerAdapter.__init__

    def __init__(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.zmq_handle = in_temporary_folder(self.zmq_handle)

    rollout.ServerAdapter.__init__ = __init__


def private_weight_socket_receiver(utils: ModuleType) -> None:
    original = utils.vLLMColocateWorkerExtension._get_zmq_handle

    def _get_zmq_handle(self):
        return in_temporary_folder(original(self))

    utils.vLLMColocateWorkerExtension._get_zmq_handle = _get_zmq_handle


def in_temporary_folder(handle: str) -> str:
    """`ipc:///tmp/x.sock` -> the same name in this process's temporary folder, which each step has for itself."""
    return handle.replace("ipc:///tmp/", f"ipc://{tempfile.gettempdir()}/", 1)


def threads_of_training_workers(engine: ModuleType) -> None:
    original = engine.FSDPEngine.initialize

    def initialize(self):
        import torch

        from recipe.mmzero.settings.verl import cores

        if torch.cuda.is_available():
            beside = int(os.environ.get("RAY_LOCAL_WORLD_SIZE", "1"))
            torch.set_num_threads(max(1, cores.available() // beside))
        original(self)

    engine.FSDPEngine.initialize = initialize


def export_at_one_step(manager: ModuleType) -> None:
    original = manager.BaseCheckpointManager.should_save_hf_model

    def should_save_hf_model(self) -> bool:
        steps = [word.split("@")[1] for word in self.checkpoint_save_contents if word.startswith("hf_model@")]
        return str(self.previous_global_step) in steps or original.fget(self)

    manager.BaseCheckpointManager.should_save_hf_model = property(should_save_hf_model)


def adapters_beside_the_trained_one(server: ModuleType) -> None:
    original = server.vLLMHttpServer.run_server

    async def run_server(self, args):
        if self.lora_as_adapter and args.lora_modules:
            args.max_loras = 1 + len(args.lora_modules)
        await original(self, args)

    server.vLLMHttpServer.run_server = run_server


def positions_of_equal_lengths(tensordicts: ModuleType) -> None:
    original = tensordicts.maybe_fix_3d_position_ids

    def maybe_fix_3d_position_ids(data) -> None:
        ids = data.get("position_ids", None)
        if ids is not None and ids.is_nested and ids.dim() == 3:
            values, offsets = ids.values(), ids.offsets()
            if int(offsets[-1]) == values.shape[0]:  # one sample's rows under another's; right are (3 or 4, all tokens)
                samples = values.split(offsets.diff().tolist())
                data["position_ids"] = tensordicts.nested_tensor_from_tensor_list(list(samples))
        original(data)

    tensordicts.maybe_fix_3d_position_ids = maybe_fix_3d_position_ids


SOCKET_REASON = (
    "weights travel through a socket in /tmp named after the Ray job id (verl/workers/rollout/vllm_rollout/"
    "vllm_rollout.py:141, utils.py:431), and in a Ray cluster of its own the first job always has the same id: two "
    "runs on one machine would send each other their weights"
)

PATCHES = (
    Patch(
        name="gloo_only",
        module="torch.distributed",
        reason='verl builds the backend string "cpu:gloo,<device>:<backend>" (verl/utils/distributed.py:89); on this '
        "platform it names cpu twice, which torch rejects",
        apply=gloo_only,
        cpu_only=True,
    ),
    Patch(
        name="fsdp_engine_on_cpu",
        module="verl.workers.engine.fsdp.transformer_impl",
        reason="the FSDP engine is registered for cuda and npu only (:1143), and the forward-only reference model asks "
        "for pinned memory (:462), which needs an accelerator",
        apply=fsdp_engine_on_cpu,
        cpu_only=True,
    ),
    Patch(
        name="text_only_qwen2_vl",
        module="verl.models.transformers.qwen2_vl",
        reason="a micro-batch without any image (Proposer, Coder, padding rows) takes model.visual(...) as a tensor "
        "(:393-394); under transformers 5 it is an output object without .mean()",
        apply=text_only_qwen2_vl,
        cpu_only=False,
    ),
    Patch(
        name="private_weight_socket_sender",
        module="verl.workers.rollout.vllm_rollout.vllm_rollout",
        reason=SOCKET_REASON,
        apply=private_weight_socket_sender,
        cpu_only=False,
    ),
    Patch(
        name="private_weight_socket_receiver",
        module="verl.workers.rollout.vllm_rollout.utils",
        reason=SOCKET_REASON,
        apply=private_weight_socket_receiver,
        cpu_only=False,
    ),
    Patch(
        name="threads_of_training_workers",
        module="verl.workers.engine.fsdp.transformer_impl",
        reason="Ray starts its workers with one OpenMP thread, and with cpu_offload clipping and AdamW of all "
        "parameters run on the CPU: one core works while the GPUs wait. A variable for all processes would give as "
        "many threads to every rollout and reward worker, too",
        apply=threads_of_training_workers,
        cpu_only=False,
    ),
    Patch(
        name="export_at_one_step",
        module="verl.utils.checkpoint.checkpoint_manager",
        reason="save_contents with hf_model exports the model at every checkpoint (4 bytes per parameter gathered on "
        "one rank and written), and only the last one is read; hf_model@20 exports at step 20",
        apply=export_at_one_step,
        cpu_only=False,
    ),
    Patch(
        name="adapters_beside_the_trained_one",
        module="verl.workers.rollout.vllm_rollout.vllm_async_server",
        reason="verl sets max_loras to 1 after engine_kwargs (:427-435); with a second adapter (engine_kwargs.vllm."
        "lora_modules: frozen roles on the same server) vLLM then throws out the trained one, whose weights are not on "
        "disk, and the next request for it fails",
        apply=adapters_beside_the_trained_one,
        cpu_only=False,
    ),
    Patch(
        name="positions_of_equal_lengths",
        module="verl.utils.tensordict_utils",
        reason="where all samples of a batch have one length, the queue's as_nested_tensor (transfer_queue/storage/"
        "managers/simple_storage_manager.py:574) makes the 4 rows of the position ids the ragged dimension and not the "
        "tokens; verl then calls the tokens ragged (:915), and dividing the batch fails or takes other numbers. Seen "
        "when a Solver gave 64 answers of 11 tokens to prompts of 30; answers that are cut at the limit can do it, too",
        apply=positions_of_equal_lengths,
        cpu_only=False,
    ),
    Patch(
        name="reloadable_cpu_linear",
        module="vllm.model_executor.layers.utils",
        reason="vLLM's CPU linear layers pack their weight and replace the parameter by an empty tensor "
        "(vllm/model_executor/layers/linear.py:215), so the next weight update fails; keep the plain weight and matmul",
        apply=reloadable_cpu_linear,
        cpu_only=True,
    ),
)
