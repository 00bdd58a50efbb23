"""A run that another experiment under the same folder has finished with the same settings is used, not made again.

The settings are the words beside the run (lab.json): the same keys with the same values, in any order. A note of an
earlier version has no words, and neither has half a note; then the configurations must be equal, so a run that was made
before a key existed is not shared.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from recipe.mmzero.run.lab.experiment import Run, settings_of
from recipe.mmzero.run.lab.runner import finished, read_note
from recipe.mmzero.run.record.configuration import of_run
from recipe.mmzero.run.record.identity import leaves
from recipe.mmzero.settings import schema

SAYS_ONLY = ("run_dir", "alarms", "forecast", "loggers", "dump", "watchdog")
"""Blocks of settings that change nothing in a finished run but what is said of it."""


def with_shared(runs: Sequence[Run]) -> list[Run]:
    """The runs in their order; of one that is not finished the finished equal one, if there is one."""
    return [run if finished(run) else _equal(run) or run for run in runs]


def _equal(run: Run) -> Run | None:
    out = run.folder.parents[2]
    for folder in sorted(out.glob(f"*/*/{run.folder.name}")):
        other = replace(run, folder=folder, taken_from=str(folder.parent.relative_to(out)))
        if folder != run.folder and finished(other) and _same(run, folder):
            return other
    return None


def _same(run: Run, folder: Path) -> bool:
    words = read_note(folder).get("words")
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return settings_of(words) == run.settings
    return _made_from(schema.load(run.words)) == _made_from(of_run(folder))


def _made_from(config: DictConfig) -> dict[str, Any]:
    return {key: value for key, value in leaves(config).items() if key.partition(".")[0] not in SAYS_ONLY}
