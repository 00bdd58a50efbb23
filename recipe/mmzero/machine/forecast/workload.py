"""A stage of a configuration as work, server groups and training phases."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from omegaconf import DictConfig

from recipe.mmzero.machine.capacity import layout_of, model_of
from recipe.mmzero.machine.forecast import roofline
from recipe.mmzero.machine.forecast.constants import cpu, engine, gpu_of, spread
from recipe.mmzero.machine.forecast.lengths import cut_mean
from recipe.mmzero.machine.forecast.pipeline import Ask, Group, Work
from recipe.mmzero.machine.gpu_memory import Layout, Model
from recipe.mmzero.settings.checks.layout import PEERS, ROLES, by_checkpoint, in_flight_rows, replicas
from recipe.mmzero.settings.verl import cores
from recipe.mmzero.settings.verl.overlap import overlap

TRAINED = "trained"  # the group of the trained role's servers
SHARED = "shared"  # all servers, where they share a GPU or the cores
VARIANCE, CAPTIONS = "variance", "captions"  # passes of the Coder's collection after its rows


@dataclass(frozen=True)
class Stage:
    """Everything that decides the seconds of a stage.

    `steps`: GRPO steps, 0 for a collection. `prepare_s`: of a step, for the pictures of the trained role's own prompts
    before a server sees them. `later`: passes of a collection after its rows, by name. `overlap`:
    proposer.overlap.
    """

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
    prepare_s: float = 0.0
    later: Mapping[str, Work] = field(default_factory=dict)
    overlap: int = 0


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
    in_flight = None if training else in_flight_rows(config, name, gpus, inputs)
    work = Work(_items(config, name), _asks(config, name, serving), spread(), in_flight)
    later = _later(config, serving, work.items, in_flight) if name == "collect_coder" else {}
    asks = [ask for one in (work, *later.values()) for ask, _ in one.asked()]
    groups = _groups(config, name, serving, asks, gpus)
    constants = engine() if on_gpus else cpu()
    startup = constants.train_startup_s if training else constants.collect_startup_s
    workers = reward_workers(config) if training else 1
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
        prepare_s=0.0 if on_gpus else _own_pictures(work) * constants.prepare_picture_s,
        later=later,
        overlap=overlap(config, name),
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
    if config.hardware.kind == "cpu" or config.hardware.peers != "standalone":
        return {role: SHARED for role in ROLES}
    names = {role: "+".join(roles) for roles in by_checkpoint(config, name, inputs) for role in roles}
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
    coder, solver, mode = config.coder, config.solver, config.solver.label_mode
    valid, drawn = float(config.forecast.valid), float(config.forecast.drawn)
    if name == "solver":
        return (_ask(config, serving, "answers", "solver", 1, int(solver.train.rollouts), pictures=1, each=True),)
    if name == "coder":
        codes = _ask(config, serving, "codes", "coder", 1, int(coder.train.rollouts), each=True, drawn=True)
        return replace(codes, reach=drawn), _ask(config, serving, "answers", "solver", 2, int(solver.votes), pictures=1)
    rollouts, programs, texts = 1, 1, None
    if name == "proposer":
        rollouts, programs = int(config.proposer.train.rollouts), int(coder.samples)
        texts = _texts(config, serving, 2) if config.verify.caption else None
    elif name == "collect_coder":
        programs = int(coder.samples)
    else:
        programs = int(solver.programs) if mode == "program" else 1
        texts = _texts(config, serving, 1) if mode == "caption" else None
    proposals = _ask(config, serving, "proposals", "proposer", 1, rollouts, each=True, beside=texts)
    codes = _ask(config, serving, "codes", "coder", 1, programs, drawn=True, reach=drawn)
    if name == "collect_coder":
        return proposals, codes
    if name == "collect_solver":  # the Solver sees the first of several drawings
        answers = _ask(config, serving, "answers", "solver", 2, int(solver.label_votes), pictures=1)
        return proposals, replace(codes, reach=drawn / programs), answers
    answers = _ask(config, serving, "answers", "solver", 2, int(solver.votes), pictures=1)
    return replace(proposals, reach=valid), codes, answers


def _own_pictures(work: Work) -> int:
    """Pictures in the prompts of a step's roll-outs, one for each roll-out."""
    own = work.asks[0]
    return work.items * own.samples * own.pictures


def _ask(config: DictConfig, serving: Mapping[str, str], kind: str, role: str, calls: int, samples: int, **more) -> Ask:
    longest = int(config[role].train.max_response_tokens)
    prompt = int(config.forecast.prompt_tokens[role])
    prompt += int(config.forecast.picture_tokens) * more.get("pictures", 0)
    response = min(float(config.forecast.response_tokens[role]), float(longest))
    return Ask(kind, serving[role], calls, samples, prompt, response, longest, **more)


def _texts(config: DictConfig, serving: Mapping[str, str], questions: int) -> Ask:
    """Short answers from a caption, which is a part of a proposal and counted as all of it. They are asked for once a
    code draws, here once the proposal is written: earlier, and as much."""
    found = _ask(config, serving, "texts", "solver", questions, int(config.verify.votes))
    longest = min(found.longest, int(config.verify.max_tokens))
    prompt = found.prompt + int(config.forecast.response_tokens.proposer)
    return replace(found, prompt=prompt, response=min(found.response, float(longest)), longest=longest)


def _later(config: DictConfig, serving: Mapping[str, str], tried: int, in_flight: int | None) -> dict[str, Work]:
    """The passes of the Coder's collection after `tried` proposals: the Solver's answers on every picture of those that
    the window left, where it does not fill the target (engine/collect/variance.py; all codes draw), and its answers
    from the captions of these and of the accepted rows (text_views.py)."""
    filters, share = config.coder.filter, float(config.forecast.coder_acceptance)
    target, found = int(filters.target_rows), {}
    accepted = min(target, round(tried * share) if "window" in filters.mode else tried)
    ranked = {"window_then_variance": tried - accepted if accepted < target else 0, "variance": tried}.get(
        filters.mode, 0
    )
    if ranked:
        calls = 2 * int(config.coder.samples)
        answers = _ask(config, serving, "answers", "solver", calls, int(config.solver.votes), pictures=1)
        found[VARIANCE] = Work(ranked, (answers,), spread(), in_flight)
    if config.verify.caption:
        rows = ranked + accepted if filters.mode == "window_then_variance" else max(ranked, accepted)
        found[CAPTIONS] = Work(rows, (_texts(config, serving, 2),), spread(), in_flight)
    return found


def _groups(
    config: DictConfig, name: str, serving: Mapping[str, str], asks: Sequence[Ask], counts: Mapping[str, int]
) -> dict[str, Group]:
    layout, sized = config.hardware.stages[name], layout_with(config, name, counts)
    used = {ask.group for ask in asks} | {serving[role] for role in PEERS[name]}  # idle ones, too
    if SHARED in used or config.hardware.kind == "cpu":
        return {SHARED: Group(_shared(config, name, sized, asks), 1, _shared_gpus(config))}
    groups = {}
    for group in sorted(used):
        if group == TRAINED:
            gpus, width, most = counts["train_gpus"], int(layout.tensor_parallel), int(layout.max_num_seqs)
        else:
            roles = [role for role, held in serving.items() if held == group and role in PEERS[name]]
            gpus = sum(counts[f"{role}_gpus"] for role in roles)
            width, most = int(layout.peer_tensor_parallel), int(layout.peer_max_num_seqs)
        servers = gpus // width if group == TRAINED else replicas(config, gpus, width)
        groups[group] = Group(_speed(config, sized, asks, group, most), servers, gpus)
    return groups


def _shared(config: DictConfig, name: str, layout: Layout, asks: Sequence[Ask]) -> roofline.Speed:
    """All servers of a stage on the same GPUs as one: it holds what they hold together.

    One GPU's servers take turns: each step of it reads the weights of one of them, and in this picture serves all.
    """
    slots = int(config.hardware.stages[name].peer_max_num_seqs)
    if config.hardware.kind == "cpu":
        return roofline.cpu_server(cpu(), (len(PEERS[name]) + (name in ROLES)) * slots)
    own = int(config.hardware.stages[name].max_num_seqs)
    servers = [_speed(config, layout, asks, TRAINED, own)] if name in ROLES else []
    servers += [_speed(config, layout, asks, SHARED, slots) for _ in range(layout.peer_servers)]
    return replace(servers[0], slots=sum(one.slots for one in servers))


def _shared_gpus(config: DictConfig) -> int:
    return int(config.hardware.gpus_per_node) if config.hardware.kind == "gpu" else 0


def _speed(config: DictConfig, layout: Layout, asks: Sequence[Ask], group: str, most: int) -> roofline.Speed:
    held = max((ask.prompt + ask.response for ask in asks if ask.group in (group, SHARED)), default=1.0)
    return roofline.server(_sizes(config), layout, gpu_of(config), engine(), group != TRAINED, held, most)


def _sizes(config: DictConfig) -> Model:
    """The model with pictures of the forecast's mean size: a token is 2 x 2 patches."""
    return replace(model_of(config), patches_per_picture=4 * int(config.forecast.picture_tokens))


def _phases(config: DictConfig, name: str, work: Work, counts: Mapping[str, int]) -> roofline.Phases:
    train, own = config[name].train, work.asks[0]
    samples = work.items * own.samples
    tokens = samples * (own.prompt + cut_mean(own.response, own.longest, work.spread))
    saved = math.ceil(train.steps / min(int(config.stage.save_every), int(train.steps))) / train.steps
    if config.hardware.kind == "cpu":
        return roofline.cpu_training(cpu(), tokens, saved)
    updates = -(-int(train.prompts_per_step) // int(train.prompts_per_update))
    layout, pictures = layout_with(config, name, counts), samples * own.pictures
    return roofline.training(_sizes(config), layout, gpu_of(config), engine(), tokens, pictures, updates, saved)


def reward_workers(config: DictConfig) -> int:
    """Processes that score a training step, of all nodes."""
    if config.hardware.kind == "cpu":
        return 1
    # The machine that plans need not be the one that runs, so its own cores come last.
    node = int(config.hardware.cores or config.hardware.ray_cpus or cores.available())
    return int(config.hardware.nodes) * cores.reward_workers(node)
