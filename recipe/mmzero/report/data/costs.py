"""What the run used, by step and in all: wall time, GPU hours, tokens, drawings."""

from collections.abc import Sequence
from dataclasses import dataclass

from recipe.mmzero.report.data.read import COLLECTING, TITLES, Run, Step
from recipe.mmzero.settings.text import clock

HEADS = ("step", "wall time", "GPU hours", "tokens trained on", "drawings")


@dataclass(frozen=True)
class Cost:
    """What a step used. `gpu_h` is 0 on a CPU profile; `tokens` counts training sequences; None: not logged."""

    name: str
    wall_s: float | None = None
    gpu_h: float | None = None
    tokens: float | None = None
    renders: float | None = None

    def cells(self) -> tuple[str, ...]:
        """The texts of one row, in the order of HEADS."""
        used = (_amount(self.gpu_h, 2), _amount(self.tokens), _amount(self.renders))
        return (self.name, clock(self.wall_s, unknown="–"), *used)


def costs(run: Run) -> list[Cost]:
    """Per step: wall time, GPU hours (all GPUs of the profile), tokens of the training batches, drawings."""
    gpus = 0.0
    if run.setting("hardware.kind") != "cpu":
        nodes, each = run.setting("hardware.nodes", 1), run.setting("hardware.gpus_per_node", 0)
        gpus = float(nodes) * float(each) if isinstance(nodes, int | float) and isinstance(each, int | float) else 0.0
    rows = []
    for step in run.steps:
        tokens = [value for _, value in step.series.get("perf/total_num_tokens", [])]
        gpu_h = None if step.wall_s is None else gpus * step.wall_s / 3600
        name = f"{step.iteration} {TITLES.get(step.name, step.name)}"
        rows.append(Cost(name, step.wall_s, gpu_h, sum(tokens) if tokens else None, _renders(step)))
    return rows


def total(rows: Sequence[Cost]) -> Cost:
    """The row under the table; what no step knows is not known in all."""
    sums = {}
    for name in ("wall_s", "gpu_h", "tokens", "renders"):
        known = [value for row in rows if (value := getattr(row, name)) is not None]
        sums[name] = sum(known) if known else None
    return Cost("all", **sums)


def _renders(step: Step) -> float | None:
    if step.name in COLLECTING:
        return step.number("codes") or step.requests.get("drawn")
    per_rollout = {"proposer": "num_codes", "coder": "has_code"}.get(step.name)
    if per_rollout is None:
        return None
    counts = f"mmzero/{step.name}/{per_rollout}/n", f"mmzero/{step.name}/rollouts"  # of earlier runs only the second
    rollouts = step.series.get(counts[0]) or step.series.get(counts[1])
    each = dict(step.series.get(f"mmzero/{step.name}/{per_rollout}/mean", []))
    return sum(count * each.get(number, 0.0) for number, count in rollouts) if rollouts and each else None


def _amount(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"
