"""What the loop asks of the rest of the program: the machine's checks, stage processes, measurements and the report.

One object, so that whoever drives the loop without an engine (a test, a notebook) hands over another one.
"""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

from omegaconf import DictConfig

from recipe.mmzero.run.plan import Step, stage_words
from recipe.mmzero.run.processes.warm import WarmServer
from recipe.mmzero.settings.environment import inherited, stage_environment
from recipe.mmzero.settings.folder import RunFolder, StepFolder


class Services:
    """The real ones. A context manager: it owns the warm server of a machine without GPUs."""

    _warm: WarmServer | None = None

    def __enter__(self) -> "Services":
        self._owned = ExitStack()
        return self

    def __exit__(self, *exc) -> None:
        self._owned.close()

    def require(self, config: DictConfig) -> None:
        """What must hold before a run starts.

        Raises:
            ConfigError: it does not; one line with the remedy.
        """
        from recipe.mmzero.machine import doctor

        doctor.require(config)

    def base(self, config: DictConfig) -> Path:
        """Folder of the untrained model, made or fetched first if necessary."""
        from recipe.mmzero.machine.base_model import base_folder

        return base_folder(config)

    def command(self, step: Step, description: Path) -> list[str]:
        """The command line of a step's process."""
        return [sys.executable, *stage_words(step.kind, description)]

    def environment(self, config: DictConfig, run_dir: Path) -> dict[str, str]:
        """The environment of a stage; on a machine without GPUs its processes are forked from one warm server."""
        if config.hardware.kind != "cpu":
            return dict(os.environ)
        if self._warm is None or not self._warm.alive():
            if self._warm is not None:
                self._warm.close()  # it was killed
            log = RunFolder(run_dir).warm_log
            log.parent.mkdir(exist_ok=True)
            added = inherited(config) | stage_environment(config)
            self._warm = self._owned.enter_context(WarmServer(added, log))
        return os.environ | self._warm.environment

    def truth(self, config: DictConfig, base: Path, step: StepFolder) -> bool:
        """Where truth is known (the tiny world): measure what a finished step made, for its alarms and the report.

        Returns:
            True if that was not known yet.
        """
        if config.model.name != "tiny":
            return False
        from recipe.mmzero.run.lab.kept import keep
        from recipe.mmzero.run.lab.measure import PLAIN, Python

        warm = self._warm  # it has loaded what measuring needs
        python = Python(warm.executable, warm.environment) if warm is not None and warm.alive() else PLAIN
        return keep(step, base, python)

    def report(self, run_dir: Path) -> None:
        """Write the report; what prevents it is said, and the run goes on."""
        from recipe.mmzero import report

        try:
            print(f"report: {report.build(run_dir)}", flush=True)
        except report.ReportError as error:
            print(f"report: {error}", file=sys.stderr, flush=True)

    def table(self, run_dir: Path) -> str:
        """The final table."""
        from recipe.mmzero.report import terminal_table

        return terminal_table(run_dir)
