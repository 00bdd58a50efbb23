"""The plan: a configuration as a list of steps with typed inputs and outputs. Pure.

    iter_01/proposer -> iter_01/collect_coder -> iter_01/coder -> iter_01/collect_solver -> iter_01/solver -> iter_02/...

Which checkpoint trains and which ones answer is METHOD §1's table; the work per step is METHOD §5 "Work per step".
An input is a reference: `base`, or the id of the step that makes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

STAGES = ("proposer", "collect_coder", "coder", "collect_solver", "solver")
BASE = "base"


@dataclass(frozen=True)
class Work:
    """Upper bounds of one step. A collection may stop earlier, at its target of accepted rows."""

    proposals: int = 0
    codes: int = 0
    renders: int = 0
    answers: int = 0
    tokens: int = 0

    @property
    def generations(self) -> int:
        return self.proposals + self.codes + self.answers


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
    per_update_step: Work | None = None  # for training: the work of one GRPO step
    command: tuple[str, ...] = field(default=())

    @property
    def stage(self) -> str:
        return self.id.rsplit("/", 1)[-1]


def plan(config: DictConfig) -> list[Step]:
    """All steps of a run, in order."""
    steps: list[Step] = []
    newest = {"proposer": BASE, "coder": BASE, "solver": BASE}
    for iteration in range(1, config.evolution.iterations + 1):
        made = {stage: f"iter_{iteration:02d}/{stage}" for stage in STAGES}
        coder_before, solver_before = newest["coder"], newest["solver"]
        judge = coder_before if config.coder.judge == "coder_init" else solver_before
        start = BASE if config.evolution.solver_init == "base" else solver_before
        inputs = {
            "proposer": {"policy": newest["proposer"], "coder": coder_before, "solver": solver_before},
            "collect_coder": {"proposer": made["proposer"], "coder": coder_before, "solver": solver_before},
            "coder": {"policy": coder_before, "solver": judge, "data": made["collect_coder"]},
            "collect_solver": {"proposer": made["proposer"], "coder": made["coder"], "solver": solver_before},
            "solver": {"policy": start, "data": made["collect_solver"]},
        }
        for stage in STAGES:
            steps.append(_step(config, stage, iteration, made[stage], inputs[stage]))
        newest = {role: made[role] for role in newest}
    return steps


def _step(config: DictConfig, stage: str, iteration: int, name: str, inputs: dict[str, str]) -> Step:
    collecting = stage.startswith("collect_")
    role = stage.removeprefix("collect_")
    once = None if collecting else training_work(config, role)
    work = collection_work(config, stage) if collecting else _times(once, config[role].train.steps)
    module = "collect" if collecting else "train"
    layout = config.hardware.stages.get(stage) or {}
    return Step(
        id=name,
        kind=module,
        role=role,
        iteration=iteration,
        inputs=inputs,
        outputs=("train.parquet", "summary.json") if collecting else ("hf", "metrics.jsonl", "summary.json"),
        layout={key: int(value) for key, value in layout.items() if str(key).endswith("_gpus") and value},
        work=work,
        per_update_step=once,
        command=("python", "-m", f"recipe.mmzero.stages.{module}", str(Path(config.run_dir) / name / "step.yaml")),
    )


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
            codes=rollouts, renders=rollouts, answers=rollouts * judged, tokens=tokens + rollouts * judged * answer_tokens
        )
    codes = rollouts * config.coder.samples
    tokens += codes * (config.coder.train.max_response_tokens + judged * answer_tokens)
    return Work(proposals=rollouts, codes=codes, renders=codes, answers=codes * judged, tokens=tokens)


def collection_work(config: DictConfig, stage: str) -> Work:
    """A whole collection, if its attempt budget is spent (the variance pass of the Coder's filter comes on top)."""
    proposer, coder, solver = (config[role].train.max_response_tokens for role in ("proposer", "coder", "solver"))
    if stage == "collect_coder":
        proposals = config.coder.filter.attempt_budget
        codes = proposals * config.coder.samples
        return Work(proposals=proposals, codes=codes, renders=codes, tokens=proposals * proposer + codes * coder)
    settings = config.solver.filter
    proposals = settings.proposals if settings.target_rows is None else settings.attempt_budget
    answers = proposals * 2 * config.solver.label_votes
    tokens = proposals * (proposer + coder) + answers * solver
    return Work(proposals=proposals, codes=proposals, renders=proposals, answers=answers, tokens=tokens)


def _times(work: Work, count: int) -> Work:
    return Work(*(getattr(work, name) * count for name in ("proposals", "codes", "renders", "answers", "tokens")))


def format_plan(steps: Sequence[Step]) -> str:
    """The plan as a plain table: work per step, and for training per GRPO step."""
    head = ("step", "GPUs", "proposals", "codes", "renders", "answers", "tokens <=", "reads")
    rows = [head]
    for step in steps:
        gpus = " + ".join(f"{count} {name.removesuffix('_gpus')}" for name, count in step.layout.items())
        reads = ", ".join(f"{name}={reference}" for name, reference in step.inputs.items())
        rows.append((step.id, gpus, *_cells(step.work), reads))
        if step.per_update_step is not None:
            rows.append(("  per GRPO step", "", *_cells(step.per_update_step), ""))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _cells(work: Work) -> tuple[str, ...]:
    return (
        f"{work.proposals:,}",
        f"{work.codes:,}",
        f"{work.renders:,}",
        f"{work.answers:,}",
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
    raise ValueError(f"no step '{name}' in this plan; steps: {', '.join(step.id for step in steps)}")


def summary_of(value: Any) -> str:
    """A number for a table cell."""
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else str(value)
