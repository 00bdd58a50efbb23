"""verl's checkpoints of one stage, checked before a stage continues from one.

A kill or a power cut while a checkpoint is written leaves a folder whose files are cut short, and verl would fail on it
at every attempt. A damaged checkpoint is set aside (`*.damaged`) and the one before it is taken.
"""

import os
import shutil
import zipfile
from pathlib import Path

from mmzero_env.process.replace import write
from recipe.mmzero.run.record.artifacts import problem_with
from recipe.mmzero.settings.folder import DAMAGED
from recipe.mmzero.settings.verl.config import KEPT_CHECKPOINTS

KINDS = ("model", "optim", "extra_state")
MARKER = "latest_checkpointed_iteration.txt"


def path_of(folder: Path, step: int) -> Path:
    """Where verl writes the checkpoint of a GRPO step."""
    return folder / f"global_step_{step}"


def last_usable(folder: Path, last: int | None) -> int:
    """Step of the newest checkpoint in `STEP_DIR/checkpoints` that can be read, 0 if there is none.

    Args:
        last: the stage's last step, whose checkpoint also holds the exported model; None: none does.

    Sets damaged ones aside and makes verl's marker point to the answer.
    """
    for step in sorted(_steps(folder), reverse=True):
        path = path_of(folder, step)
        damage = damage_of(path, exported=last is not None and step >= last)
        if damage is None:
            _point_to(folder, step)
            return step
        print(f"checkpoint of step {step} is damaged ({damage}): set aside, taking the one before it", flush=True)
        os.replace(path, _free(path.with_name(path.name + DAMAGED)))
    (folder / MARKER).unlink(missing_ok=True)
    return 0


def damage_of(checkpoint: Path, exported: bool) -> str | None:
    """What is wrong with a checkpoint folder, in a few words, or None.

    Files of `torch.save` are zip archives: their directory stands at the end, so a file that was cut short shows.
    """
    actor = checkpoint / "actor"
    states = [file for kind in KINDS for file in sorted(actor.glob(f"{kind}_world_size_*_rank_*.pt"))]
    sizes = {file.name.split("_")[-3] for file in states}  # every rank of so many has written one of each kind
    wanted = {f"{kind}_world_size_{size}_rank_{k}.pt" for size in sizes for k in range(int(size)) for kind in KINDS}
    if not states or wanted - {file.name for file in states}:
        return "a file is missing"
    for file in [*states, checkpoint / "data.pt"]:
        if not zipfile.is_zipfile(file):
            return f"{file.name} cannot be read"
    folder = actor / "huggingface"  # always holds configuration and tokenizer
    return problem_with(folder) if exported or list(folder.glob("*.safetensors")) else None


def make_room(folder: Path) -> list[Path]:
    """Delete what is too old once the next checkpoint is written; returns what went.

    verl only counts what its own process has saved, so that every resume would leave as many more behind.
    """
    old = [path_of(folder, step) for step in sorted(_steps(folder))[: -(KEPT_CHECKPOINTS - 1)]]
    for path in old:
        shutil.rmtree(path)
    return old


def superseded(folder: Path) -> list[Path]:
    """Checkpoints that are older than the newest ones that can be read: no stage continues from them.

    The one before the newest stays: the newest may lack the export that only the last step must have.
    """
    steps = sorted(_steps(folder))
    usable = [step for step in steps if damage_of(path_of(folder, step), exported=False) is None]
    kept = usable[-KEPT_CHECKPOINTS:]
    return [path_of(folder, step) for step in steps if len(kept) == KEPT_CHECKPOINTS and step < kept[0]]


def remove_all(folder: Path) -> None:
    """Delete the checkpoints of a finished stage, damaged ones too; its model is exported."""
    shutil.rmtree(folder, ignore_errors=True)


def _steps(folder: Path) -> list[int]:
    names = [path.name.removeprefix("global_step_") for path in folder.glob("global_step_*")]
    return [int(name) for name in names if name.isdigit()]


def _point_to(folder: Path, step: int) -> None:
    marker = folder / MARKER
    if not marker.exists() or marker.read_text(encoding="utf-8").strip() != str(step):
        write(marker, str(step))


def _free(path: Path) -> Path:
    number = 1
    while path.exists():
        number += 1
        path = path.with_name(f"{path.name.split(DAMAGED)[0]}{DAMAGED}{number}")
    return path
