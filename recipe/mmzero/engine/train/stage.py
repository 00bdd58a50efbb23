"""One training stage: `python -m recipe.mmzero.engine.train.stage STEP_DIR/step.yaml`, started by engine/stage.py.

Writes rows and the verl config, runs unmodified verl (`python -m verl.trainer.main_ppo`) as a child, then exports the
last step's weights to `hf/` or `adapter/` (settings/adapters.py) and the step's numbers to `summary.json`. Running it
again continues from verl's last checkpoint; a finished stage only exports.

Exit codes: 0 done; 2 the stage's inputs are unusable; otherwise verl's own.
"""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf

from mmzero_env.process.replace import append, replacing, write
from mmzero_rewards.config import RewardConfig
from recipe.mmzero.engine.train.data.rows import row_weights, training_rows, with_replay
from recipe.mmzero.engine.train.data.shuffled import shuffled_labels
from recipe.mmzero.engine.train.data.topics import write_topic_rows
from recipe.mmzero.engine.train.data.true_labels import true_labels
from recipe.mmzero.engine.train.summary import merge_metrics, summarise
from recipe.mmzero.machine.model_folder import copy_small_files
from recipe.mmzero.run.processes.launch import run_python
from recipe.mmzero.run.record.checkpoints import last_usable, path_of
from recipe.mmzero.settings import adapters, prompts
from recipe.mmzero.settings.folder import StepFolder, step_id
from recipe.mmzero.settings.scoring import scoring
from recipe.mmzero.settings.seeds import derive_seed
from recipe.mmzero.settings.verl import config as verl_config


def main(argv: list[str]) -> int:
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
    if adapters.used(config):
        prepare_adapter(config, step)
    checkpoints = StepFolder(step_dir).checkpoints
    exported = None if adapters.used(config) else train_config.steps
    done = last_usable(checkpoints, exported)
    progress(step_dir, "start", done, train_config.steps)
    if done < train_config.steps:
        code = run_verl(config, step)
        if code:
            return code
        done = last_usable(checkpoints, exported)
    if done < train_config.steps:
        raise ValueError(f"verl ended after step {done} of {train_config.steps}: see the log")
    if adapters.used(config):
        export_adapter(config, step)
    else:
        export(step_dir, Path(step.inputs.policy), train_config.steps)
    merge_metrics(step_dir)
    summary = summarise(step_dir, step.role)
    write(StepFolder(step_dir).summary, json.dumps(summary, indent=1) + "\n")
    progress(step_dir, "done", train_config.steps, train_config.steps)
    return 0


def write_rows(config: DictConfig, step: Any) -> None:
    """Write the stage's rows in training order to `rows.parquet`; the Proposer's are made here, from its topics.

    Raises:
        ValueError: fewer rows than one update takes.
    """
    settings, topics = config[step.role].train, step.role == "proposer"  # topics may repeat in one update
    rows = pd.read_parquet(topic_rows(config, step)) if topics else collected_rows(Path(step.inputs.data))
    seed = None if topics else derive_seed(config.seed, step.iteration, step.role, 0, 4)
    rows, weights = as_configured(config, rows, seed) if step.role == "solver" else (rows, None)
    used = len(rows) if weights is None else sum(weight > 0 for weight in weights)
    if used < settings.prompts_per_update and not topics:
        raise ValueError(
            f"{used} training rows, fewer than one update of {settings.prompts_per_update} "
            f"({step.role}.train.prompts_per_update); collect more or lower it"
        )
    ordered = training_rows(rows, settings.steps, settings.prompts_per_step, seed, weights)
    if step.role == "solver" and config.solver.replay:
        earlier, weights = as_configured(config, earlier_rows(step), seed)
        ordered = with_replay(ordered, earlier, config.solver.replay, len(ordered), seed, weights)
    with replacing(StepFolder(Path(step.step_dir)).ordered_rows) as temporary:
        ordered.to_parquet(temporary)


def as_configured(config: DictConfig, rows: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, list[float] | None]:
    """Rows of the Solver with the labels of `solver.label_mode`'s controls, and their weights (`row_weights`)."""
    if config.solver.label_mode == "shuffled":
        rows = shuffled_labels(rows, seed)
    elif config.solver.label_mode == "truth" and len(rows):
        rows = true_labels(rows)
    return rows, row_weights(rows, config.solver.row_sampling, RewardConfig.from_dict(scoring(config)))


def earlier_rows(step: Any) -> pd.DataFrame:
    """The Solver's rows of all iterations before this one, oldest first; their files never change again.

    Raises:
        FileNotFoundError: an earlier iteration has no rows; one line.
    """
    run = StepFolder(Path(step.step_dir)).run
    found = [collected_rows(Path(step.inputs.data)).iloc[:0]]
    for number in range(1, step.iteration):
        path = run.step(step_id(number, "collect_solver")).rows
        if not path.is_file():
            raise FileNotFoundError(f"solver.replay needs {path}, which does not exist; set it to 0")
        found.append(collected_rows(path))
    return pd.concat(found, ignore_index=True)


def collected_rows(path: Path) -> pd.DataFrame:
    """The rows of a collection, with the paths of their pictures as they are now: its run may have been moved."""
    rows = pd.read_parquet(path)
    if "images" not in rows or not rows["images"].map(len).any():  # the Coder's have none
        return rows
    columns = zip(rows["extra_info"], rows["images"], strict=True)
    return rows.assign(images=[[str(path.parent / info["image"])] if len(old) else [] for info, old in columns])


def topic_rows(config: DictConfig, step: Any) -> Path:
    """Write the Proposer's prompts; they follow from topics and seed alone."""
    target, proposer = StepFolder(Path(step.step_dir)).topics, config.proposer
    rows = int(proposer.train.rows or len(proposer.topics))
    write_topic_rows(target, list(proposer.topics), rows, int(config.seed), prompts.templates(config))
    return target


def run_verl(config: DictConfig, step: Any) -> int:
    """Run verl's own entry point on this stage's config; returns its exit status."""
    step_dir = Path(step.step_dir)
    return run_python(config, verl_config.command(step_dir)[1:], verl_config.metrics_file(step))


def export(step_dir: Path, policy: Path, steps: int) -> None:
    """Copy the last step's Hugging Face weights to `hf/`, with the processor files of the stage's start."""
    folder = StepFolder(step_dir)
    source = path_of(folder.checkpoints, steps) / "actor" / "huggingface"
    if not list(source.glob("*.safetensors")):
        raise FileNotFoundError(f"{source} holds no weights: is hf_model@{steps} in actor.checkpoint.save_contents?")
    with replacing(folder.model) as temporary:
        shutil.copytree(source, temporary)
        copy_small_files(policy, temporary)


def prepare_adapter(config: DictConfig, step: Any) -> None:
    """Make the adapter that this stage starts from, unless it goes on with one or a killed attempt has made it."""
    target = adapters.first_adapter(step)
    if not target.exists():
        from recipe.mmzero.engine.train import adapter  # imports torch

        base = Path(adapters.parts(step.inputs, "policy")[0])
        adapter.make(base, target, config.adapter, derive_seed(config.seed, step.iteration, step.role, 0, 5))


def export_adapter(config: DictConfig, step: Any) -> None:
    """Write the last step's adapter to `adapter/` and, where the next stage starts from a whole model, `hf/`."""
    from recipe.mmzero.engine.train import adapter

    folder, steps = StepFolder(Path(step.step_dir)), int(config[step.role].train.steps)
    adapter.from_checkpoint(path_of(folder.checkpoints, steps) / "actor", adapters.first_adapter(step), folder.adapter)
    if not adapters.on_one_base(config):
        adapter.merge(Path(step.inputs.policy), folder.adapter, folder.model)


def progress(step_dir: Path, phase: str, done: int, total: int) -> None:
    line = {"time": time.time(), "phase": phase, "done": done, "total": total, "unit": "steps"}
    append(StepFolder(step_dir).progress, json.dumps(line))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
