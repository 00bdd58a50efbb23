"""A stage of a configuration as work, server groups and training phases."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from omegaconf import DictConfig

from recipe.mmzero.machine.capacity import layout_of, model_of
from recipe.mmzero.machine.forecast import roofline
from recipe.mmzero.machine.forecast.constants import cpu, engine, gpu_of, spread
from recipe.mmzero.machine.forecast.pipeline import Ask, Group, Work
from recipe.mmzero.machine.gpu_memory import Layout
from recipe.mmzero.settings import cores
from recipe.mmzero.settings.layout import PEERS, ROLES, in_flight_rows

TRAINED = "trained"  # the group of the trained role's servers
SHARED = "shared"  # all servers, where they share a GPU or the cores


@dataclass(frozen=True)
class Stage:
    """Everything that decides the seconds of a stage. `steps`: GRPO steps, 0 for a collection."""

    name: str
    steps: int
    work: Work
    groups: Mapping[str, Group]
    phases: roofline.Phases
    startup_s: float
    renderers: int
    picture_s: float
    poll_s: float
    gpus: int
    second: Work | None = None  # of a collection: the Coder's pass by variance


def stage(
    config: DictConfig, name: str, inputs: Mapping[str, str], counts: Mapping[str, int] | None = None
) -> Stage | None:
    """A stage with the checkpoints that it reads: roles that ask the same one share its servers.

    Args:
        counts: GPU counts in place of the profile's, by their keys in hardware.stages.<stage>.
    Returns:
        None if the model's sizes or the card are not known.
    """
    on_gpus = config.hardware.kind == "gpu"
    sizes, card = model_of(config), gpu_of(config)
    if on_gpus and (sizes is None or card is None):
        return None
    serving = group_names(config, name, inputs)
    training = name in ROLES
    gpus = gpu_counts(config, name) | dict(counts or {})
    in_flight = None if training else in_flight_rows(config, name, gpus)
    work = Work(_items(config, name), _asks(config, name, serving), spread(), in_flight)
    second = _second(config, name, serving, in_flight)
    groups = _groups(config, name, serving, (*work.asks, *(second.asks if second else ())), gpus)
    constants = engine() if on_gpus else cpu()
    startup = constants.train_startup_s if training else constants.collect_startup_s
    workers = _reward_workers(config) if training else 1
    return Stage(
        name=name,
        steps=int(config[name].train.steps) if training else 0,
        work=work,
        groups=groups,
        phases=_phases(config, name, work, gpus) if training else roofline.Phases(),
        startup_s=startup,
        renderers=workers * int(config.render.workers),
        picture_s=constants.picture_s,
        poll_s=constants.poll_s if training else 0.0,
        gpus=int(config.hardware.nodes) * int(config.hardware.gpus_per_node) if on_gpus else 0,
        second=second,
    )


def gpu_counts(config: DictConfig, name: str) -> dict[str, int]:
    """GPUs of the trainer and of each peer, by their keys in hardware.stages.<stage>."""
    layout = config.hardware.stages[name]
    keys = ["train_gpus"] * (name in ROLES) + [f"{role}_gpus" for role in PEERS[name]]
    return {key: int(layout[key]) for key in keys}


def layout_with(config: DictConfig, name: str, counts: Mapping[str, int]) -> Layout:
    """The stage's layout with these GPU counts."""
    peers = tuple(counts[f"{role}_gpus"] for role in PEERS[name])
    return replace(layout_of(config, name), train_gpus=counts.get("train_gpus", 0), peer_gpus=peers)


def group_names(config: DictConfig, name: str, inputs: Mapping[str, str]) -> dict[str, str]:
    """role -> group of servers. Peers with one checkpoint share their GPUs (engine/servers.py)."""
    if config.hardware.kind == "cpu" or config.hardware.peers == "colocated":
        return {role: SHARED for role in ROLES}
    by_checkpoint: dict[str, list[str]] = {}
    for role in PEERS[name]:
        by_checkpoint.setdefault(inputs.get(role, role), []).append(role)
    names = {role: "+".join(roles) for roles in by_checkpoint.values() for role in roles}
    # The trained role's own roll-outs come from the trainer's GPUs, whatever its peers are.
    return names | ({name: TRAINED} if name in ROLES else {})


def _items(config: DictConfig, name: str) -> int:
    if name in ROLES:
        return int(config[name].train.prompts_per_step)
    if name == "collect_coder":
        filters = config.coder.filter
        wanted = math.ceil(int(filters.target_rows) / float(config.forecast.coder_acceptance))
        windowed = filters.mode in ("window", "window_then_variance")
        return min(int(filters.attempt_budget), wanted if windowed else int(filters.target_rows))
    filters = config.solver.filter
    return int(filters.proposals if filters.target_rows is None else filters.attempt_budget)


def _asks(config: DictConfig, name: str, serving: Mapping[str, str]) -> tuple[Ask, ...]:
    coder, solver = config.coder, config.solver
    tokens, prompts = config.forecast.response_tokens, config.forecast.prompt_tokens
    picture = int(config.forecast.picture_tokens)

    def ask(kind: str, role: str, calls: int, samples: int, **more) -> Ask:
        longest = int(config[role].train.max_response_tokens)
        prompt = int(prompts[role]) + (picture if more.get("pictures") else 0)
        response = min(float(tokens[role]), float(longest))
        return Ask(kind, serving[role], calls, samples, prompt, response, longest, **more)

    if name == "solver":
        return (ask("answers", "solver", 1, int(solver.train.rollouts), pictures=1, each=True),)
    if name == "coder":
        codes = ask("codes", "coder", 1, int(coder.train.rollouts), each=True, drawn=True)
        return codes, ask("answers", "solver", 2, int(solver.votes), pictures=1)
    rollouts = int(config.proposer.train.rollouts) if name == "proposer" else 1
    proposals = ask("proposals", "proposer", 1, rollouts, each=True)
    codes = ask("codes", "coder", 1, 1 if name == "collect_solver" else int(coder.samples), drawn=True)
    if name == "collect_coder":
        return proposals, codes
    votes = int(solver.votes if name == "proposer" else solver.label_votes)
    return proposals, codes, ask("answers", "solver", 2, votes, pictures=1)


def _second(config: DictConfig, name: str, serving: Mapping[str, str], in_flight: int | None) -> Work | None:
    """The Solver's answers on every picture of the proposals that the window left (engine/collect/variance.py), where
    the window does not fill the target; all codes draw."""
    filters, share = config.coder.filter, float(config.forecast.coder_acceptance)
    rows = int(filters.attempt_budget)
    if name != "collect_coder" or "variance" not in filters.mode:
        return None
    if filters.mode == "window_then_variance":
        if rows * share >= int(filters.target_rows):
            return None
        rows = round(rows * (1 - share))
    else:
        rows = min(rows, int(filters.target_rows))
    picture, length = int(config.forecast.picture_tokens), float(config.forecast.response_tokens.solver)
    longest, prompt = int(config.solver.train.max_response_tokens), int(config.forecast.prompt_tokens.solver)
    calls, votes = 2 * int(config.coder.samples), int(config.solver.votes)
    ask = Ask("answers", serving["solver"], calls, votes, prompt + picture, min(length, longest), longest, pictures=1)
    return Work(rows, (ask,), spread(), in_flight)


def _groups(
    config: DictConfig, name: str, serving: Mapping[str, str], asks: Sequence[Ask], counts: Mapping[str, int]
) -> dict[str, Group]:
    layout, sized = config.hardware.stages[name], layout_with(config, name, counts)
    used = {ask.group for ask in asks} | {serving[role] for role in PEERS[name]}  # idle ones, too
    if SHARED in used or config.hardware.kind == "cpu":
        slots = int(layout.peer_max_num_seqs)
        servers = len(PEERS[name]) + (name in ROLES)
        return {SHARED: Group(_speed(config, sized, asks, SHARED, servers * slots), 1, _shared_gpus(config))}
    groups = {}
    for group in sorted(used):
        if group == TRAINED:
            gpus, width, most = counts["train_gpus"], int(layout.tensor_parallel), int(layout.max_num_seqs)
        else:
            roles = [role for role, held in serving.items() if held == group and role in PEERS[name]]
            gpus = sum(counts[f"{role}_gpus"] for role in roles)
            width, most = int(layout.peer_tensor_parallel), int(layout.peer_max_num_seqs)
        groups[group] = Group(_speed(config, sized, asks, group, most), max(1, gpus // width), gpus)
    return groups


def _shared_gpus(config: DictConfig) -> int:
    return int(config.hardware.gpus_per_node) if config.hardware.kind == "gpu" else 0


def _speed(config: DictConfig, layout: Layout, asks: Sequence[Ask], group: str, most: int) -> roofline.Speed:
    if config.hardware.kind == "cpu":
        return roofline.cpu_server(cpu(), most)
    held = max((ask.prompt + ask.response for ask in asks if ask.group == group), default=1.0)
    peer = group != TRAINED
    sizes = replace(model_of(config), patches_per_picture=4 * int(config.forecast.picture_tokens))
    return roofline.server(sizes, layout, gpu_of(config), engine(), peer, held, most)


def _phases(config: DictConfig, name: str, work: Work, counts: Mapping[str, int]) -> roofline.Phases:
    train, own = config[name].train, work.asks[0]
    samples = work.items * own.samples
    tokens = samples * (own.prompt + own.response)
    saved = 1 / min(int(config.stage.save_every), int(train.steps))
    if config.hardware.kind == "cpu":
        return roofline.cpu_training(cpu(), tokens, saved)
    updates = -(-int(train.prompts_per_step) // int(train.prompts_per_update))
    layout = layout_with(config, name, counts)
    return roofline.training(model_of(config), layout, gpu_of(config), engine(), tokens, updates, saved)


def _reward_workers(config: DictConfig) -> int:
    if config.hardware.kind == "cpu":
        return 1
    # The machine that plans need not be the one that runs, so its own cores come last.
    node = int(config.hardware.cores or config.hardware.ray_cpus or cores.available())
    return int(config.hardware.nodes) * cores.reward_workers(node)
