"""`mmzero export RUN_DIR STEP`: the model of a finished training stage as a folder for other programs."""

import shutil
from pathlib import Path

from omegaconf import OmegaConf

from mmzero_env.process.replace import replacing
from recipe.mmzero.machine.base_model import base_folder
from recipe.mmzero.run.record.artifacts import problem_with
from recipe.mmzero.run.record.journal import JournalError, read
from recipe.mmzero.settings import adapters
from recipe.mmzero.settings.folder import RunFolder, StepFolder


def export(run_dir: Path, name: str, merged: bool, target: Path | None = None) -> Path:
    """The folder of a stage's model: PEFT's adapter folder if it trained one, else a plain transformers folder.

    Args:
        name: a step's id, `iter_01/coder`.
        merged: a plain transformers folder in any case; made in the step's `hf/` if it is not there.
        target: where to copy it; None: it stays in the run folder.
    Raises:
        ValueError: no such finished stage, its base is gone, or its model is damaged; one line.
    """
    run = RunFolder(run_dir)
    folder = run.step(name)
    made = _made(run, name)
    source = folder.adapter if "adapter" in made and not merged else folder.model
    if target is not None and target.exists():
        raise ValueError(f"{target} exists; give a folder that does not")
    if target is not None and target.resolve().is_relative_to(source.resolve()):
        raise ValueError(f"{target} lies in the model that is copied; give a folder outside of it")
    if source == folder.model and "hf" not in made:  # of this adapter, whatever is there
        _merge(folder)
    if problem := problem_with(source):
        raise ValueError(f"{problem}; restore it, or run its step again: mmzero run --from {name}")
    if target is None:
        return source
    with replacing(target) as temporary:
        shutil.copytree(source, temporary)
    return target


def _made(run: RunFolder, name: str) -> dict[str, str]:
    """What the journal says that the stage has made: file or folder name -> hash."""
    if not run.state.exists():
        raise ValueError(f"{run.path} is no run folder: it has no state.json")
    try:
        records = read(run.state)
    except JournalError as error:
        raise ValueError(str(error)) from None
    trained = [
        step for step, record in records.items() if record.status == "done" and "metrics.jsonl" in record.outputs
    ]
    if name not in trained:
        known = ", ".join(trained) or "none"
        raise ValueError(f"{run.path} has no finished training stage '{name}'; it has: {known}")
    return records[name].outputs


def _merge(folder: StepFolder) -> None:
    from recipe.mmzero.engine.train import adapter

    step = OmegaConf.load(folder.description)
    base = Path(adapters.parts(step.inputs, "policy")[0])
    if not base.is_dir():
        base = base_folder(step.config)
    adapter.merge(base, folder.adapter, folder.model)
