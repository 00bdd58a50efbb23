"""What a step was made from, and whether a finished step still matches: settings, inputs, outputs, by hash.

The journal keeps these hashes; here they are computed and compared. Nothing is decided: loop.py does that.
"""

import os
from pathlib import Path

from omegaconf import DictConfig

from mmzero_env.process.replace import sync_path, sync_tree
from recipe.mmzero.machine.versions import installed
from recipe.mmzero.run.plan import BASE, Step, models_made
from recipe.mmzero.run.record import artifacts
from recipe.mmzero.run.record.identity import changes, decisive, unfinished
from recipe.mmzero.run.record.journal import Journal, Record, config_hash
from recipe.mmzero.settings.folder import RunFolder


class Provenance:
    """Of the steps of one run folder. `base`: the folder of the untrained model. Hashes are computed once."""

    def __init__(self, config: DictConfig, journal: Journal, base: Path):
        self.config, self.journal, self.base = config, journal, base
        self.run_dir = journal.run_dir
        self._hashes: dict[Path, str] = {}

    def input_paths(self, step: Step) -> dict[str, Path]:
        """Name of each input -> where it is, whether it exists or not."""
        return {name: self._path_of(name, reference) for name, reference in step.inputs.items()}

    def input_hashes(self, step: Step) -> dict[str, str] | None:
        """Hashes of a step's inputs, or None while one of them does not exist."""
        paths = self.input_paths(step)
        if not all(path.exists() for path in paths.values()):
            return None
        return {name: self.hash(path) for name, path in paths.items()}

    def problem(self, step: Step) -> str | None:
        """None: done, and everything matches. "": to be run, or to be continued. Else: what does not match."""
        record = self.journal.records.get(step.id)
        folder = self.run_dir / step.id
        if record is None:
            leftover = folder.exists() and any(folder.iterdir())
            return f"{folder} exists, but the journal does not know it" if leftover else ""
        if changed := self.changed_settings(step, record):
            return changed
        inputs = self.input_hashes(step)
        for name, value in record.inputs.items():
            if inputs is not None and inputs.get(name) != value:
                return f"input {name} ({step.inputs.get(name, name)}) is not the one that it was made from"
        return self._problem_with_outputs(step, record) if record.status == "done" else ""

    def changed_settings(self, step: Step, record: Record) -> str | None:
        """What differs from the settings that a step was begun with, in one line.

        A collection that is not finished may go on with another selection: its rows stay what they are.
        """
        before, now = record.config, decisive(self.config, step.stage)
        if record.status != "done":
            before, now = unfinished(before, step.stage), unfinished(now, step.stage)
        if not record.config_hash or config_hash(before) == config_hash(now):
            return None
        return "settings changed: " + "; ".join(changes(before, now)[:5])

    def begin(self, step: Step, record: Record) -> None:
        """Note what a step is about to be made from, and by which versions."""
        record.versions = installed()
        record.config = decisive(self.config, step.stage)
        record.config_hash = config_hash(record.config)
        record.inputs = self.input_hashes(step) or {}

    def problem_with_new(self, step: Step) -> str | None:
        """What is wrong with the outputs of a step that has just ended, or None."""
        for name in step.outputs:
            path = self.run_dir / step.id / name
            self._hashes.pop(path, None)
            if wrong := artifacts.problem_with(path):
                return wrong
        return None

    def finish(self, step: Step, record: Record) -> None:
        """Note what a step has made, once it is on the disk.

        The journal is synced, and checkpoints go as soon as it says that the step is done: a power cut must not leave
        such a journal beside weights that were cut short, with nothing to export them from again.
        """
        folder = self.run_dir / step.id
        for name in step.outputs:
            sync_tree(folder / name)
        for holder in (folder, folder.parent):  # their names, and that of the step
            sync_path(holder)
        record.outputs = {name: self.hash(self.run_dir / step.id / name) for name in step.outputs}

    def set_aside(self, step: Step) -> None:
        """Move a step's folder to `replaced/` and forget its record: nothing that was written is lost."""
        folder = self.run_dir / step.id
        if folder.exists():
            target = RunFolder(self.run_dir).free_replaced(step.id)
            target.parent.mkdir(exist_ok=True)
            os.replace(folder, target)
        self.journal.records.pop(step.id, None)
        self.journal.save()
        self._hashes = {path: value for path, value in self._hashes.items() if folder not in path.parents}

    def hash(self, path: Path) -> str:
        """The fingerprint of a file or folder (artifacts.py)."""
        if path not in self._hashes:
            self._hashes[path] = artifacts.fingerprint(path)
        return self._hashes[path]

    def _path_of(self, name: str, reference: str) -> Path:
        if reference == BASE:
            return self.base
        made = RunFolder(self.run_dir).step(reference)
        return made.rows if name == "data" else made.path / models_made(self.config)[0]

    def _problem_with_outputs(self, step: Step, record: Record) -> str | None:
        for name, value in record.outputs.items():
            path = self.run_dir / step.id / name
            wrong = artifacts.problem_with(path)
            if wrong is None and self.hash(path) != value:
                wrong = f"{path} was changed after it was made"
            if wrong:
                return wrong
        return None
