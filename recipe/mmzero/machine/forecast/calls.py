"""How many calls the servers of a stage get at once: enough to keep them full, no more.

`failures.timeout_s` is that of one call, and it runs from the moment the call is sent. In a server's own queue behind
thousands of others a call would be taken for lost while the server works; with us no time limit runs. Sending more than
two batches makes nothing faster.
"""

import math
from collections.abc import Mapping

from omegaconf import DictConfig

from recipe.mmzero.machine.forecast.workload import SHARED, gpu_counts, group_names, reward_workers, stage
from recipe.mmzero.settings.checks.layout import PEERS, ROLES, answers_of_a_call, replicas

BATCHES = 2  # full batches that a server is sent: one to work on, one behind it


def calls_at_once(config: DictConfig, name: str, inputs: Mapping[str, str]) -> dict[str, int]:
    """role -> calls that each client of a stage (a collection's, or a reward worker's) sends to that peer at once.

    Args:
        inputs: role -> the checkpoint it answers with: roles with the same one share its servers.
    """
    answers, clients = answers_of_a_call(config, name), reward_workers(config) if name in ROLES else 1
    seats = _seats(config, name, inputs)
    return {role: max(1, math.ceil(BATCHES * seats[role] / answers[role] / clients)) for role in PEERS[name]}


def _seats(config: DictConfig, name: str, inputs: Mapping[str, str]) -> dict[str, int]:
    """role -> sequences that its servers work on at once, together: `peer_max_num_seqs` each, or the fewer that their
    memory holds at mean lengths (`forecast.*`)."""
    layout, counts = config.hardware.stages[name], gpu_counts(config, name)
    described = stage(config, name, inputs) if config.hardware.kind == "gpu" else None
    found = {}
    for role, group in group_names(config, name, inputs).items():
        if role not in PEERS[name]:
            continue
        if described is None:
            servers = replicas(config, counts[f"{role}_gpus"], int(layout.peer_tensor_parallel))
            found[role] = servers * int(layout.peer_max_num_seqs)
        elif group == SHARED:
            speed, beside = described.groups[SHARED].speed, len(PEERS[name]) + (name in ROLES)
            found[role] = max(1, speed.slots // (1 if config.hardware.peers == "shared" else beside))
        else:
            found[role] = described.groups[group].replicas * described.groups[group].speed.slots
    return found
