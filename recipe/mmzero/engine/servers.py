"""Frozen peers: verl-managed replicas of the configured rollout engine, one group per distinct model folder.

Roles that are adapters of one base share its servers: a request names the folder of the adapter, or that of the base.

`standalone` replicas have GPUs of their own. On one GPU there are none: a standalone replica asks Ray for a whole GPU
and so does the trainer's pool. `colocated` replicas join the trainer's placement group instead, which holds three
worker groups with a third of each GPU (verl/workers/rollout/replica.py init_colocated).

The trainer starts them beside its own workers; collection starts them before its pipeline. Callers get addresses
(`host:port`) of OpenAI-compatible servers, so a reward manager cannot tell them from a hand-started `vllm serve`.

Not covered: health after start-up (the client retries and quarantines, mmzero_rewards/peers) and ending them: they
are Ray actors of the job that started them and end with it.
"""

import asyncio
import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict


@dataclass(frozen=True)
class PeerGroup:
    """Replicas that serve one model folder and adapters of it. `models`: role -> the name that its requests give."""

    path: str
    models: dict[str, str]
    replicas: int
    gpus_per_replica: int
    addresses: tuple[str, ...] = ()
    handles: tuple[Any, ...] = field(default=(), repr=False)

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(self.models)

    @property
    def adapters(self) -> tuple[str, ...]:
        """The distinct adapter folders, in the order of their roles."""
        return tuple(dict.fromkeys(name for name in self.models.values() if name != self.path))


def group_by_checkpoint(peers: Mapping[str, Mapping[str, Any]]) -> list[PeerGroup]:
    """One group per distinct model folder.

    Args:
        peers: role -> {path, gpus, tensor_parallel[, adapter, most_replicas]}; `gpus` is what the profile gives a role.
    Returns:
        Groups in the order of first appearance; GPUs of roles that share a model folder add up.
    Raises:
        ValueError: a role has fewer GPUs than one replica needs.
    """
    groups: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for role, peer in peers.items():
        groups.setdefault(str(peer["path"]), []).append((role, peer))
    result = []
    for path, members in groups.items():
        width = max(int(peer["tensor_parallel"]) for _, peer in members)
        gpus = sum(int(peer["gpus"]) for _, peer in members)
        if gpus < width:
            roles = "+".join(role for role, _ in members)
            raise ValueError(f"peer {roles}: {gpus} GPUs for tensor_parallel={width}; give it more in hardware.stages")
        replicas = min([gpus // width, *[peer["most_replicas"] for _, peer in members if peer.get("most_replicas")]])
        models = {role: str(peer.get("adapter") or path) for role, peer in members}
        result.append(PeerGroup(path, models, replicas, width))
    return result


# vllm.config.lora.MaxLoRARanks
LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
# Worker groups that share a pool's GPUs: the trainer and two peers, or three peers.
WORKER_GROUPS = 3


def shared_pool(width: int) -> Any:
    """A pool of `width` GPUs for colocated peers without a trainer (collection)."""
    from verl.single_controller.ray import RayResourcePool

    return RayResourcePool([width], max_colocate_count=WORKER_GROUPS, name_prefix="mmzero_peers")


async def launch(
    peers: Mapping[str, Mapping[str, Any]],
    rollout: DictConfig,
    gpus_per_node: int,
    overrides: Mapping[str, Any],
    pool: Any = None,
) -> list[PeerGroup]:
    """Start every group and wait until all servers answer.

    Args:
        peers: see `group_by_checkpoint`.
        rollout: verl's rollout config of the trained role; peers run with a copy of it.
        gpus_per_node: of one node, for replicas that span nodes.
        overrides: rollout settings that differ for peers (memory share, lengths).
        pool: None: standalone replicas, all at once. A verl resource pool: colocated on its GPUs, one after the other,
            because vLLM measures a GPU's free memory while it starts.
    Returns:
        The groups with the addresses of their servers.
    """
    from verl.workers.config import HFModelConfig
    from verl.workers.rollout.replica import get_rollout_replica_class

    config = frozen_rollout_config(rollout, overrides)
    replica_class = get_rollout_replica_class(config.name)
    started: list[tuple[PeerGroup, list[Any]]] = []
    for group in group_by_checkpoint(peers):
        sized = copy.deepcopy(config)
        with open_dict(sized):
            sized.tensor_model_parallel_size = group.gpus_per_replica
            if group.adapters:
                sized.engine_kwargs.vllm.update(adapter_arguments(group.adapters))
        replicas = [
            replica_class(
                replica_rank=rank,
                config=sized,
                model_config=HFModelConfig(path=group.path),
                gpus_per_node=gpus_per_node,
                is_reward_model=True,  # keeps Ray actor names apart from those of the trained rollout
                name_suffix="_".join(group.roles),
            )
            for rank in range(group.replicas)
        ]
        started.append((group, replicas))
    everyone = [replica for _, replicas in started for replica in replicas]
    if pool is None:
        await asyncio.gather(*[replica.init_standalone() for replica in everyone])
    else:
        for replica in everyone:
            await replica.init_colocated(pool)
    return [
        replace(group, addresses=tuple(replica.server_address for replica in replicas), handles=tuple(replicas))
        for group, replicas in started
    ]


def adapter_arguments(adapters: Sequence[str]) -> dict[str, Any]:
    """vLLM's arguments for a server that holds all these adapters at once, each named by its folder."""
    ranks = [json.loads((Path(folder) / "adapter_config.json").read_text(encoding="utf-8"))["r"] for folder in adapters]
    return {
        "enable_lora": True,
        "max_loras": len(adapters),
        "max_lora_rank": next(allowed for allowed in LORA_RANKS if allowed >= max(ranks)),
        "lora_modules": [json.dumps({"name": folder, "path": folder}) for folder in adapters],
    }


def frozen_rollout_config(rollout: DictConfig, overrides: Mapping[str, Any]) -> DictConfig:
    """A copy of the trained role's rollout config, fit for a model whose weights never change."""
    config = copy.deepcopy(rollout)
    OmegaConf.resolve(config)
    with open_dict(config):
        config.load_format = "auto"  # verl's default is "dummy": random weights until the trainer sends real ones
        config.skip_tokenizer_init = False  # chat completions need the tokenizer
        config.free_cache_engine = False
        config.enable_sleep_mode = False
        for key, value in overrides.items():
            config[key] = value
    return config


def addresses_of(groups: Sequence[PeerGroup], role: str) -> tuple[str, list[str]]:
    """(served model name, addresses) of the group that serves `role`.

    Raises:
        KeyError: no group serves it.
    """
    for group in groups:
        if role in group.roles:
            return group.models[role], list(group.addresses)
    raise KeyError(role)
