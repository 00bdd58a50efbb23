"""One training stage: `python -m recipe.mmzero.engine.train.stage STEP_DIR/step.yaml`.

Writes rows and the verl config, runs unmodified verl (`python -m verl.trainer.main_ppo`) as a child, then exports the
last step's weights to `hf/` and the step's numbers to `summary.json`. Running it again continues from verl's last
checkpoint; a finished stage only exports.

Exit codes: 0 done; 2 the stage's inputs are unusable; otherwise verl's own.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.engine.train.checkpoints import last_usable
from recipe.mmzero.engine.train.rows import training_rows
from recipe.mmzero.engine.train.shuffled import shuffled_labels
from recipe.mmzero.engine.train.summary import merge_metrics, summarise
from recipe.mmzero.run.processes import tree
from recipe.mmzero.run.processes.launch import run_python
from recipe.mmzero.settings import verl_config
from recipe.mmzero.settings.seeds import derive_seed


def main(argv: list[str]) -> int:
    tree.end_with_owner()
    step = OmegaConf.load(argv[0])
    config = step.config
    try:
        return train(config, step)
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {step.id}: {error}", file=sys.stderr)
        return 2


def train(config: DictConfig, step: Any) -> int:
    """Run or finish one training stage; returns the exit code."""
    step_dir = Path(step.step_dir)
    step_dir.mkdir(parents=True, exist_ok=True)
    train_config = config[step.role].train
    write_rows(config, step)
    verl_config.write(config, step)
    done = last_usable(step_dir / "checkpoints")
    progress(step_dir, "start", done, train_config.steps)
    if done < train_config.steps:
        code = run_verl(config, step)
        if code:
            return code
        done = last_usable(step_dir / "checkpoints")
    if done < train_config.steps:
        raise ValueError(f"verl ended after step {done} of {train_config.steps}: see the log")
    export(step_dir, Path(step.inputs.policy), train_config.steps)
    merge_metrics(step_dir)
    summary = summarise(step_dir, step.role)
    (step_dir / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    progress(step_dir, "done", train_config.steps, train_config.steps)
    return 0


def write_rows(config: DictConfig, step: Any) -> None:
    rows = pd.read_parquet(step.inputs.data)
    settings = config[step.role].train
    if len(rows) < settings.prompts_per_update:
        raise ValueError(
            f"{len(rows)} training rows, fewer than one update of {settings.prompts_per_update} "
            f"({step.role}.train.prompts_per_update); collect more or lower it"
        )
    seed = derive_seed(config.seed, step.iteration, step.role, 0, 4)
    if step.role == "solver" and config.solver.label_mode == "shuffled":
        rows = shuffled_labels(rows, seed)
    ordered = training_rows(rows, settings.steps, settings.prompts_per_step, seed)
    target = Path(step.step_dir) / "rows.parquet"
    ordered.to_parquet(target.with_suffix(".part"))
    os.replace(target.with_suffix(".part"), target)


def run_verl(config: DictConfig, step: Any) -> int:
    """Run verl's own entry point on this stage's config; returns its exit status."""
    step_dir = Path(step.step_dir)
    return run_python(config, verl_config.command(step_dir)[1:], verl_config.metrics_file(step))


def export(step_dir: Path, policy: Path, steps: int) -> None:
    """Copy the last step's Hugging Face weights to `hf/`, with the processor files of the stage's start."""
    source = step_dir / "checkpoints" / f"global_step_{steps}" / "actor" / "huggingface"
    if not list(source.glob("*.safetensors")):
        raise FileNotFoundError(f"{source} holds no weights: is hf_model in actor.checkpoint.save_contents?")
    target, temporary = step_dir / "hf", step_dir / "hf.part"
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(source, temporary)
    for file in policy.iterdir() if policy.is_dir() else ():
        if (
            file.suffix in (".json", ".jinja", ".txt")
            and not (temporary / file.name).exists()
            and "safetensors" not in file.name
        ):
            shutil.copy2(file, temporary / file.name)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(temporary, target)


def progress(step_dir: Path, phase: str, done: int, total: int) -> None:
    with (step_dir / "progress.jsonl").open("a") as out:
        line = {"time": time.time(), "phase": phase, "done": done, "total": total, "unit": "steps"}
        out.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
