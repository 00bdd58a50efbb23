"""GPU counts of a hardware profile that cannot work on any machine. Pure.

What the counts mean: settings.StageLayout. How verl reserves them: one placement group per training node and one per
peer replica (verl/single_controller/ray/base.py), each peer replica on GPUs of its own, or, colocated, in the
trainer's placement group.
"""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from recipe.mmzero.settings import adapters
from recipe.mmzero.settings.types.run import ROLES, ConfigError

STAGES = ("proposer", "collect_coder", "coder", "collect_solver", "solver")
# Which roles answer in each stage (docs/method.md §1). A peer's GPUs are `<role>_gpus` of the stage's layout.
PEERS = {
    "proposer": ("coder", "solver"),
    "collect_coder": ("proposer", "coder", "solver"),
    "coder": ("solver",),
    "collect_solver": ("proposer", "coder", "solver"),
    "solver": (),
}

# Bounds of the rows in work at once where the hardware profile does not set `hardware.stages.<step>.in_flight`.
FEWEST_ROWS, MOST_ROWS = 8, 1024


def by_checkpoint(config: Any, stage: str, inputs: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Roles of a stage that are asked of the same servers, since they are one checkpoint or adapters of one base.

    Args:
        inputs: role -> its checkpoint, a path or a reference; a role without one is alone.
    """
    groups: dict[str, list[str]] = {}
    for role in PEERS[stage]:
        groups.setdefault("" if adapters.on_one_base(config) else str(inputs.get(role, role)), []).append(role)
    return [tuple(roles) for roles in groups.values()]


def replicas(config: Any, gpus: int, width: int) -> int:
    """Servers of one checkpoint on so many GPUs, `width` each."""
    most = 1 if adapters.shared(config) else config.hardware.most_replicas
    return max(1, min(gpus // width, gpus if most is None else int(most)))


def in_flight_rows(
    config: Any, stage: str, counts: Mapping[str, int] | None = None, inputs: Mapping[str, Any] | None = None
) -> int:
    """Rows in work at once in a collection: enough to fill every server of it at the same time.

    A server holds `peer_max_num_seqs` sequences; a row brings one to the Proposer, its codes to the Coder, and its
    votes on both questions to the Solver, one after the other. Servers that several roles share are full whatever their
    rows wait for if the role with the fewest sequences fills them.

    Args:
        counts: GPUs in place of the profile's, by their keys in the layout.
        inputs: role -> its checkpoint; None: all differ.
    """
    layout = config.hardware.stages.get(stage) or {}
    if layout.get("in_flight"):
        return int(layout["in_flight"])
    sequences = answers_of_a_call(config, stage)
    if stage == "collect_solver":
        texts = config.verify.votes if config.solver.label_mode == "caption" else 0
        sequences["solver"] = 2 * sequences["solver"] + texts
    else:
        del sequences["solver"]  # asked about few rows, if at all
    per_server, width = int(layout.get("peer_max_num_seqs", 256)), int(layout.get("peer_tensor_parallel", 1))
    rows = 0.0
    for roles in by_checkpoint(config, stage, inputs or {}):
        fewest = min((sequences[role] for role in roles if role in sequences), default=0)
        gpus = sum(int((counts or layout).get(f"{role}_gpus", 1)) for role in roles)
        rows += replicas(config, gpus, width) * per_server / fewest if fewest else 0.0
    return max(FEWEST_ROWS, min(MOST_ROWS, round(rows)))


def answers_of_a_call(config: Any, stage: str) -> dict[str, int]:
    """Answers that one call of a stage asks a role for; of the calls with several numbers the most frequent one's."""
    if stage in ROLES:
        return {"coder": int(config.coder.samples), "solver": int(config.solver.votes)}
    own = int(config.solver.programs) if config.solver.label_mode == "program" else 1
    codes = int(config.coder.samples) if stage == "collect_coder" else own
    return {"proposer": 1, "coder": codes, "solver": int(config.solver.label_votes)}


def check_layout(config: DictConfig) -> None:
    """Counts of the hardware profile that cannot work on any machine."""
    hardware = config.hardware
    if hardware.peers == "shared" and not adapters.on_one_base(config):
        raise ConfigError(
            "hardware.peers=shared: frozen roles answer from the trained role's server only as adapters of its base; "
            "set tuning=lora_base, or hardware.peers=colocated"
        )
    total = int(hardware.nodes) * int(hardware.gpus_per_node)
    for stage in STAGES:
        layout = hardware.stages[stage]
        where = f"hardware.stages.{stage}"
        training = stage in ROLES
        peers = {f"{role}_gpus": int(layout[f"{role}_gpus"]) for role in PEERS[stage]}
        for role in ROLES:
            if layout[f"{role}_gpus"] and role not in PEERS[stage]:
                asked = " and ".join(PEERS[stage]) or "nobody"
                raise ConfigError(f"{where}.{role}_gpus={layout[f'{role}_gpus']}: {stage} asks {asked}; leave it out")
        if not training and layout.train_gpus:
            raise ConfigError(f"{where}.train_gpus={layout.train_gpus}: a collection trains nobody; leave it out")
        if training and layout.train_gpus < 1:
            raise ConfigError(f"{where}.train_gpus={layout.train_gpus}: a training stage needs at least 1")
        for key, count in peers.items():
            if count < layout.peer_tensor_parallel:
                raise ConfigError(f"{where}.{key}={count}: a peer needs {where}.peer_tensor_parallel GPUs at least")
            if count % layout.peer_tensor_parallel:
                raise ConfigError(f"{where}.{key}={count} is no multiple of {where}.peer_tensor_parallel")
        if training and layout.train_gpus % layout.train_nodes:
            raise ConfigError(f"{where}.train_gpus={layout.train_gpus} is no multiple of {where}.train_nodes")
        per_node = layout.train_gpus // layout.train_nodes
        if layout.train_nodes > hardware.nodes or per_node > hardware.gpus_per_node:
            raise ConfigError(
                f"{where} trains on {layout.train_nodes} nodes x {per_node} GPUs; "
                f"the profile has {hardware.nodes} x {hardware.gpus_per_node}"
            )
        if training and layout.train_gpus % layout.tensor_parallel:
            raise ConfigError(f"{where}.train_gpus={layout.train_gpus} is no multiple of {where}.tensor_parallel")
        used = layout.train_gpus + sum(peers.values())
        if hardware.peers != "standalone":
            _check_colocated(layout, where, peers, _servers(config, layout, len(peers)))
        elif used > total:
            raise ConfigError(f"{where} uses {used} GPUs; the profile has {total} (hardware.nodes x gpus_per_node)")
    if hardware.ray_address:
        host_and_port(str(hardware.ray_address))
    if hardware.nodes > 1 and not hardware.ray_address:
        raise ConfigError(
            f"hardware.nodes={hardware.nodes} needs hardware.ray_address=HOST:6379 of a running Ray cluster "
            "(examples/multinode/README.md)"
        )


def host_and_port(address: str) -> tuple[str, int]:
    """The two parts of `hardware.ray_address`; an IPv6 host without its brackets.

    Raises:
        ConfigError: it is not HOST:PORT; one line.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(f"hardware.ray_address={address} is not HOST:PORT; use the head node's address, port 6379")
    return host.strip("[]"), int(port)


def _servers(config: DictConfig, layout: DictConfig, peers: int) -> int:
    """Servers of frozen roles on the shared GPUs."""
    if config.hardware.peers == "shared" and layout.train_gpus:
        return 0
    return min(1, peers) if adapters.on_one_base(config) else peers


def _check_colocated(layout: DictConfig, where: str, peers: dict[str, int], servers: int) -> None:
    """Trainer and peers on the same GPUs: each takes a third of each (verl's pools hold three worker groups)."""
    width = layout.train_gpus or max(peers.values())
    for key, count in peers.items():
        if count != width or layout.peer_tensor_parallel != width:
            raise ConfigError(
                f"{where}.{key}={count}: colocated peers span all {width} shared GPUs "
                f"(set it and {where}.peer_tensor_parallel to {width})"
            )
    shares = servers * layout.peer_gpu_memory_utilization + (
        layout.gpu_memory_utilization if layout.train_gpus else 0.0
    )
    if shares > 1.0:
        raise ConfigError(
            f"{where}: memory shares of colocated servers add up to {shares:.2f}; lower "
            f"{where}.peer_gpu_memory_utilization or .gpu_memory_utilization"
        )
