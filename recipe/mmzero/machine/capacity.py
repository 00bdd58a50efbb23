"""Does a stage of a profile fit its GPUs, and if not, which settings make it fit? The arithmetic is gpu_memory.py's.

Pure: doctor.py compares the answers with the machine. Raw `verl.*` settings that decide memory are respected.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.machine.gpu_memory import Layout, Model, Part, account, host_gb, requests_at_once
from recipe.mmzero.settings import adapters
from recipe.mmzero.settings.checks.layout import PEERS, ROLES, STAGES
from recipe.mmzero.settings.verl.compose import fragment

__all__ = ["STAGES", "Layout", "Model", "Part", "Verdict", "account", "host_gb", "judge", "judge_all"]
__all__ += ["layout_of", "model_of", "remedy", "requests_at_once"]
# Switches of verl's config that decide memory, and verl's own defaults.
FUSED = ("actor_rollout_ref.model.use_fused_kernels", False)
PREFETCH = ("actor_rollout_ref.actor.fsdp_config.forward_prefetch", False)
BATCHED_TOKENS = ("actor_rollout_ref.rollout.max_num_batched_tokens", 8192)
BUCKET_MB = ("actor_rollout_ref.rollout.checkpoint_engine.update_weights_bucket_megabytes", 2048)


def model_of(config: DictConfig) -> Model | None:
    """The sizes of the configured model; None if the profile does not list them (the tiny model)."""
    architecture = config.model.get("architecture")
    if not architecture:
        return None
    sizes = OmegaConf.to_container(architecture, resolve=True)
    side = int(config.model.image_patch_size)
    return Model(**sizes, patches_per_picture=-(-int(config.image.max_pixels) // side**2))


def layout_of(config: DictConfig, stage: str) -> Layout:
    """The numbers of one stage."""
    layout, hardware = config.hardware.stages[stage], config.hardware
    lengths = {role: config[role].train.max_prompt_tokens + config[role].train.max_response_tokens for role in ROLES}
    context = lengths.get(stage, 0)
    tokens = max(context, int(layout.tokens_per_gpu or 0))
    picture = -(-int(config.image.max_pixels) // (2 * int(config.model.image_patch_size)) ** 2)
    return Layout(
        stage=stage,
        gpu_gb=float(hardware.gpu_memory_gb),
        train_gpus=int(layout.train_gpus) if stage in ROLES else 0,
        train_nodes=int(layout.train_nodes),
        tensor_parallel=int(layout.tensor_parallel),
        peer_gpus=tuple(int(layout[f"{role}_gpus"]) for role in PEERS[stage]),
        peer_tensor_parallel=int(layout.peer_tensor_parallel),
        gpu_memory_utilization=float(layout.gpu_memory_utilization),
        peer_gpu_memory_utilization=float(layout.peer_gpu_memory_utilization),
        param_offload=bool(layout.param_offload),
        optimizer_offload=bool(layout.optimizer_offload),
        cpu_offload=bool(layout.cpu_offload),
        colocated=hardware.peers in ("colocated", "shared"),
        tokens=tokens,
        context=context,
        peer_context=max(lengths.values()),
        picture_tokens=picture,
        fused=bool(verl_setting(config, stage, *FUSED)),
        prefetch=bool(verl_setting(config, stage, *PREFETCH)),
        batched_tokens=int(verl_setting(config, stage, *BATCHED_TOKENS)),
        sequences=int(layout.max_num_seqs if stage in ROLES else layout.peer_max_num_seqs),
        bucket_gb=int(verl_setting(config, stage, *BUCKET_MB)) / 1024,
        rank=int(config.adapter.rank),
        one_base=adapters.on_one_base(config),
        shared=hardware.peers == "shared",
    )


def verl_setting(config: DictConfig, stage: str, key: str, default: Any) -> Any:
    """A key of verl's config as this stage will have it, without composing all of it (verl_config.stage_config)."""
    last_first = [
        config.verl.get(stage) if stage in ROLES else None,
        config.verl.get("all"),
        config.hardware.get("verl"),
        config.model.get("verl"),
        fragment(config.hardware.kind),
        fragment("base"),
    ]
    for layer in last_first:
        value: Any = layer
        for word in key.split("."):
            value = value.get(word) if value else None
        if value is not None:
            return value
    return default


@dataclass(frozen=True)
class Verdict:
    """One stage: what it needs and, if it does not fit, the settings that make it fit (None: no setting does)."""

    stage: str
    parts: list[Part]
    remedy: str | None = None

    @property
    def fits(self) -> bool:
        return all(part.fits for part in self.parts)

    @property
    def tightest(self) -> Part:
        return max(self.parts, key=lambda part: part.total / part.limit)


def judge(config: DictConfig, stage: str) -> Verdict | None:
    """Does one stage fit the profile's GPUs? None where there is nothing to compare (no GPUs, unknown sizes)."""
    model = model_of(config)
    if model is None or config.hardware.kind != "gpu":
        return None
    layout = layout_of(config, stage)
    parts = account(model, layout)
    if all(part.fits for part in parts):
        return Verdict(stage, parts)
    return Verdict(stage, parts, remedy(model, layout))


def judge_all(config: DictConfig) -> list[Verdict]:
    """The verdicts of all stages that have one."""
    return [verdict for stage in STAGES if (verdict := judge(config, stage)) is not None]


def remedy(model: Model, layout: Layout) -> str | None:
    """The first change of the stage's settings, from harmless to slow, after which it fits."""
    for change in _changes(layout):
        if all(part.fits for part in account(model, _changed(layout, change))):
            where = f"hardware.stages.{layout.stage}"
            return " ".join(f"{where}.{key}={_spelled(value)}" for key, value in change.items())
    return None


def _changes(layout: Layout) -> Iterator[dict[str, Any]]:
    shares: list[dict[str, Any]] = [{}]
    if layout.train_gpus:
        shares += [{"gpu_memory_utilization": share} for share in (0.7, 0.6, 0.5, 0.4, 0.35, 0.3, 0.25)]
    if layout.peer_gpus and not layout.colocated:
        shares.append({"peer_gpu_memory_utilization": 0.9})
    offloads: list[dict[str, Any]] = [{}]
    if layout.train_gpus:
        offloads += [{"param_offload": True}, {"param_offload": True, "optimizer_offload": True}, {"cpu_offload": True}]
    widths: list[dict[str, Any]] = [{}]
    for width in (2, 4, 8):
        if layout.train_gpus and layout.train_gpus % width == 0:
            widths.append({"tensor_parallel": width})
        if layout.peer_gpus and not layout.colocated and not any(count % width for count in layout.peer_gpus):
            widths.append({"peer_tensor_parallel": width})
    tokens: list[dict[str, Any]] = [{}]
    if layout.train_gpus:
        tokens += [
            {"tokens_per_gpu": count} for count in (16384, 12288, 8192) if layout.context <= count < layout.tokens
        ]
    for width, offload, count, share in product(widths, offloads, tokens, shares):
        change = {**share, **count, **offload, **width}
        if _changed(layout, change) != layout:
            yield change


def _changed(layout: Layout, change: dict[str, Any]) -> Layout:
    """The layout with other settings; `tokens_per_gpu` is its `tokens`, but for a sample that is longer."""
    fields = {"tokens" if key == "tokens_per_gpu" else key: value for key, value in change.items()}
    return replace(layout, **fields)


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
