"""The numbers of a finished training stage, read from verl's metrics file.

`summary.json` is what the final table, the report and the tests read: first and last reward, headline rates, and the
health of the training itself (gradients, rollout/actor agreement, groups without variance).
"""

import json
from pathlib import Path
from statistics import fmean

from mmzero_env.process.replace import write
from recipe.mmzero.settings.folder import StepFolder

PEARSON = "training/rollout_actor_probs_pearson_corr"


def merge_metrics(step_dir: Path) -> int:
    """Merge the attempts' metrics files into `metrics.jsonl`, one line per step; the latest attempt of a step wins.

    Returns:
        Number of steps.
    """
    by_step: dict[int, dict] = {}
    folder = StepFolder(step_dir)
    for file in folder.all_attempt_metrics():
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:  # the last line of a killed attempt
                continue
            by_step[int(record["step"])] = record
    write(folder.metrics, "".join(json.dumps(by_step[step]) + "\n" for step in sorted(by_step)))
    return len(by_step)


def read_metrics(step_dir: Path) -> list[dict]:
    """Steps in order: [{"step": int, "data": {name: float}}]."""
    return [json.loads(line) for line in StepFolder(step_dir).metrics.read_text(encoding="utf-8").splitlines()]


def summarise(step_dir: Path, role: str) -> dict[str, float | int | str]:
    """Flat numbers of one stage; a metric that verl did not log is left out."""
    steps = [record["data"] for record in read_metrics(step_dir)]
    if not steps:
        return {"role": role, "steps": 0}
    first, last = steps[0], steps[-1]
    result: dict[str, float | int | str] = {"role": role, "steps": len(steps)}
    reward = f"mmzero/{role}/reward/mean"
    for name, record in (("reward_first", first), ("reward_last", last)):
        if reward in record:
            result[name] = record[reward]
    for name in ("format_valid", "render_rate", "solvability", "difficulty", "accuracy"):
        key = f"mmzero/{role}/{name}"
        values = [record[key] for record in steps if key in record]
        if values:
            result[name] = fmean(values)
            result[f"{name}_first"], result[f"{name}_last"] = values[0], values[-1]
    gradients = [record["actor/grad_norm"] for record in steps if "actor/grad_norm" in record]
    if gradients:
        result["grad_norm_mean"] = fmean(gradients)
        result["steps_with_gradient"] = sum(value > 0 for value in gradients)
    correlations = [record[PEARSON] for record in steps if PEARSON in record]
    if correlations:
        result["rollout_actor_correlation_min"] = min(correlations)
    flat = [
        record[f"mmzero/{role}/zero_variance_groups"]
        for record in steps
        if f"mmzero/{role}/zero_variance_groups" in record
    ]
    if flat:
        result["zero_variance_groups"] = fmean(flat)
    dropped = [
        record[f"mmzero/{role}/dropped_fraction"] for record in steps if f"mmzero/{role}/dropped_fraction" in record
    ]
    if dropped:
        result["dropped_fraction"] = fmean(dropped)
    seconds = [record["timing_s/step"] for record in steps if "timing_s/step" in record]
    if seconds:
        result["seconds_per_step"] = fmean(seconds)
    if "actor/kl_loss" in last:
        result["kl_last"] = last["actor/kl_loss"]
    return result
