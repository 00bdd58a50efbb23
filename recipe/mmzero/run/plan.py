"""The plan: a configuration as a list of steps with typed inputs and outputs. Pure.

    iter_01/proposer -> iter_01/collect_coder -> iter_01/coder -> iter_01/collect_solver -> iter_01/solver -> ...

Which checkpoint trains and which ones answer is method.md §1's table; the work per step is §5 "Work per step".
An input is a reference: `base`, or the id of the step that makes it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mmzero_env.config.hints import did_you_mean
from recipe.mmzero.settings import adapters
from recipe.mmzero.settings.adapters import BASE
from recipe.mmzero.settings.checks.layout import PEERS, ROLES, STAGES
from recipe.mmzero.settings.folder import RunFolder, stage_of, step_id

COLLECTED = ("train.parquet", "summary.json")  # names in the step's folder (folder.StepFolder)
TRAINED = ("metrics.jsonl", "summary.json")
NOTE = """\
Upper bounds: every code draws, every answer has full length. A collection ends at its target of accepted rows; its rows
are what it may accept, those of a training stage the prompts it uses. Not counted: retries, the blind check's share of
answers (checks.blind.fraction), and the Solver's answers when the Coder's filter fills up by variance."""


@dataclass(frozen=True)
class Work:
    """Upper bounds of one step. A collection may stop earlier, at its target of accepted rows.

    `texts`: short answers from captions (verify.caption, solver.label_mode=caption); `text_tokens` is their part of
    `tokens`.
    """

    proposals: int = 0
    codes: int = 0
    renders: int = 0
    answers: int = 0
    tokens: int = 0
    texts: int = 0
    text_tokens: int = 0

    @property
    def generations(self) -> int:
        return self.proposals + self.codes + self.answers + self.texts


@dataclass(frozen=True)
class Step:
    """One step. `inputs`: name -> reference (`base` or a step id); `kind`: train | collect."""

    id: str
    kind: str
    role: str
    iteration: int
    inputs: dict[str, str]
    outputs: tuple[str, ...]
    layout: dict[str, int]
    work: Work
    rows: int = 0  # training: prompts used; collection: most rows that it may accept
    shared: bool = False  # trainer and peers on the same GPUs (hardware.peers: colocated or shared)
    per_update_step: Work | None = None  # for training: the work of one GRPO step
    command: tuple[str, ...] = field(default=())

    @property
    def stage(self) -> str:
        return stage_of(self.id)


def plan(config: DictConfig) -> list[Step]:
    """All steps of a run, in order. A role that `evolution.train` leaves out stays the base, and nothing is collected
    to train it."""
    steps: list[Step] = []
    newest = {"proposer": BASE, "coder": BASE, "solver": BASE}
    for iteration in range(1, config.evolution.iterations + 1):
        made = {stage: step_id(iteration, stage) for stage in STAGES}
        coder_before, solver_before = newest["coder"], newest["solver"]
        judge = coder_before if config.coder.judge == "coder_init" else solver_before
        start = BASE if config.evolution.solver_init == "base" else solver_before
        proposer, coder = (
            made[role] if role in config.evolution.train else newest[role] for role in ("proposer", "coder")
        )
        inputs = {
            "proposer": {"policy": newest["proposer"], "coder": coder_before, "solver": solver_before},
            "collect_coder": {"proposer": proposer, "coder": coder_before, "solver": solver_before},
            "coder": {"policy": coder_before, "solver": judge, "data": made["collect_coder"]},
            "collect_solver": {"proposer": proposer, "coder": coder, "solver": solver_before},
            "solver": {"policy": start, "data": made["collect_solver"]},
        }
        trained = [stage for stage in STAGES if stage.removeprefix("collect_") in config.evolution.train]
        for stage in trained:
            steps.append(_step(config, stage, iteration, made[stage], inputs[stage]))
        newest = {role: made[role] if role in trained else before for role, before in newest.items()}
    return steps


def _step(config: DictConfig, stage: str, iteration: int, name: str, inputs: dict[str, str]) -> Step:
    collecting = stage.startswith("collect_")
    role = stage.removeprefix("collect_")
    once = None if collecting else training_work(config, role)
    work = collection_work(config, stage) if collecting else _times(once, config[role].train.steps)
    module = "collect" if collecting else "train"
    train = None if collecting else config[role].train
    return Step(
        id=name,
        kind=module,
        role=role,
        iteration=iteration,
        inputs=inputs | ({BASE: BASE} if adapters.on_one_base(config) else {}),
        outputs=COLLECTED if collecting else (*models_made(config), *TRAINED),
        layout=stage_gpus(config, stage),
        work=work,
        rows=most_rows(config, stage) if collecting else train.steps * train.prompts_per_step,
        shared=config.hardware.peers != "standalone",
        per_update_step=once,
        command=("python", *stage_words(module, RunFolder(Path(config.run_dir)).step(name).description)),
    )


def models_made(config: DictConfig) -> tuple[str, ...]:
    """Names of what a training stage hands on of its model; the first is what other stages read."""
    if adapters.on_one_base(config):
        return ("adapter",)
    return ("hf", "adapter") if adapters.used(config) else ("hf",)


def stage_words(kind: str, description: Path) -> list[str]:
    """What follows `python` to run a step of this kind (`train` or `collect`) as its step.yaml describes it."""
    return ["-m", "recipe.mmzero.engine.stage", kind, str(description)]


def stage_gpus(config: DictConfig, stage: str) -> dict[str, int]:
    """`train_gpus` and each peer's `<role>_gpus` of a stage, over all nodes; verl_config.peer_spec serves the same."""
    layout = config.hardware.stages[stage]
    names = ["train_gpus"] * (stage in ROLES) + [f"{role}_gpus" for role in PEERS[stage]]
    return {name: int(layout[name]) for name in names}


def most_rows(config: DictConfig, stage: str) -> int:
    """Rows that a collection accepts at most."""
    if stage == "collect_coder":
        return int(min(config.coder.filter.target_rows, config.coder.filter.attempt_budget))
    settings = config.solver.filter
    return int(settings.proposals if settings.target_rows is None else settings.target_rows)


def training_work(config: DictConfig, role: str) -> Work:
    """One GRPO step: roll-outs, and what rewarding them costs."""
    train = config[role].train
    rollouts = train.prompts_per_step * train.rollouts
    tokens = rollouts * train.max_response_tokens
    if role == "solver":
        return Work(answers=rollouts, tokens=tokens)
    judged = 2 * config.solver.votes
    answer_tokens = config.solver.train.max_response_tokens
    if role == "coder":
        return Work(
            codes=rollouts,
            renders=rollouts,
            answers=rollouts * judged,
            tokens=tokens + rollouts * judged * answer_tokens,
        )
    codes = rollouts * config.coder.samples
    tokens += codes * (config.coder.train.max_response_tokens + judged * answer_tokens)
    work = Work(proposals=rollouts, codes=codes, renders=codes, answers=codes * judged, tokens=tokens)
    return _with_texts(config, work, rollouts * 2 * config.verify.votes if config.verify.caption else 0)


def _with_texts(config: DictConfig, work: Work, texts: int) -> Work:
    """`work` and so many short answers from captions."""
    tokens = texts * min(config.verify.max_tokens, config.solver.train.max_response_tokens)
    return replace(work, texts=texts, text_tokens=tokens, tokens=work.tokens + tokens)


def collection_work(config: DictConfig, stage: str) -> Work:
    """A whole collection, if its attempt budget is spent (the variance pass of the Coder's filter comes on top)."""
    proposer, coder, solver = (config[role].train.max_response_tokens for role in ("proposer", "coder", "solver"))
    if stage == "collect_coder":
        proposals = config.coder.filter.attempt_budget
        codes = proposals * config.coder.samples
        tokens = proposals * proposer + codes * coder
        work = Work(proposals=proposals, codes=codes, renders=codes, tokens=tokens)
        asked = most_rows(config, stage) * 2 * config.verify.votes
        return _with_texts(config, work, asked if config.verify.caption else 0)
    settings = config.solver.filter
    proposals = settings.proposals if settings.target_rows is None else settings.attempt_budget
    answers = proposals * 2 * config.solver.label_votes
    mode = config.solver.label_mode
    codes = proposals * (config.solver.programs if mode == "program" else 1)
    tokens = proposals * proposer + codes * coder + answers * solver
    work = Work(proposals=proposals, codes=codes, renders=codes, answers=answers, tokens=tokens)
    return _with_texts(config, work, proposals * config.verify.votes if mode == "caption" else 0)


def _times(work: Work, count: int) -> Work:
    return Work(*(getattr(work, item.name) * count for item in fields(Work)))


def format_plan(steps: Sequence[Step]) -> str:
    """The plan as a plain table: work per step, and for training per GRPO step."""
    head = ("step", "GPUs", "rows", "proposals", "codes", "renders", "answers", "generations", "tokens <=", "reads")
    table = [head]
    for step in steps:
        reads = ", ".join(f"{name}={reference}" for name, reference in step.inputs.items())
        rows = f"{step.rows:,}" if step.kind == "train" else f"<= {step.rows:,}"
        table.append((step.id, _gpus(step), rows, *_cells(step.work), reads))
        if step.per_update_step is not None:
            table.append(("  per GRPO step", "", "", *_cells(step.per_update_step), ""))
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([*lines, "", NOTE, *_text_lines(steps)])


def _text_lines(steps: Sequence[Step]) -> list[str]:
    """What asking about captions adds, one line per kind of stage; none where nobody asks."""
    found = {}
    for step in steps:
        work = step.per_update_step or step.work
        if work.texts:
            where = f"{'per GRPO step of the' if step.per_update_step else 'in'} {step.stage}"
            share = f"{_short(work.text_tokens)} of {_short(work.tokens)} tokens ({work.text_tokens / work.tokens:.1%})"
            found.setdefault(step.stage, f"Answers from captions, {where}: {work.texts:,} generations, {share}.")
    return list(found.values())


def plain(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """For a program: each step with its work and inputs."""
    return [
        {"step": step.id, "kind": step.kind, "gpus": step.layout, "rows": step.rows, "inputs": step.inputs}
        | {"work": asdict(step.work) | {"generations": step.work.generations}}
        for step in steps
    ]


def _gpus(step: Step) -> str:
    if step.shared and len(step.layout) > 1:
        names = " + ".join(name.removesuffix("_gpus") for name in step.layout)
        return f"{max(step.layout.values())} for {names}"
    return " + ".join(f"{count} {name.removesuffix('_gpus')}" for name, count in step.layout.items())


def _cells(work: Work) -> tuple[str, ...]:
    return (
        f"{work.proposals:,}",
        f"{work.codes:,}",
        f"{work.renders:,}",
        f"{work.answers:,}",
        f"{work.generations:,}",
        _short(work.tokens),
    )


def _short(count: int) -> str:
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return str(count)


def step_named(steps: Sequence[Step], name: str) -> int:
    """Index of a step.

    Raises:
        ValueError: no such step; names the valid ones.
    """
    for index, step in enumerate(steps):
        if step.id == name:
            return index
    names = [step.id for step in steps]
    hint = did_you_mean(name, names)
    raise ValueError(f"no step '{name}' in this plan; steps: {', '.join(names)}{hint}")
