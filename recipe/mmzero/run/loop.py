"""The evolution loop: run what the plan has and the journal lacks, one stage process after the other.

    loop.run(config)                                   # runs or resumes
    loop.run(config, from_step="iter_02/coder")        # runs this step again, and what depends on it

A step is skipped when its record says `done`, its settings and inputs are the ones it was made from, and its outputs
still have the recorded hashes (provenance.py). Everything else is run; an interrupted step continues from verl's last
checkpoint or the last shard. Where a finished step does not match, `evolution.on_mismatch` decides: stop (the default,
the difference is shown), redo (the step and what depends on it; the old folder is kept under `replaced/`), or new (a
fresh run in a sibling folder).

Exit codes: 0 done; 1 a step failed; 2 settings or run folder unusable; 3 stopped by an alarm; 130, 143 interrupted.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from recipe.mmzero.machine import versions
from recipe.mmzero.machine.base_model import base_folder
from recipe.mmzero.report.alarms import check as alarms
from recipe.mmzero.run.plan import Step, plan, step_named
from recipe.mmzero.run.processes import supervise, tree
from recipe.mmzero.run.processes.signs import Signs
from recipe.mmzero.run.processes.warm import WarmServer
from recipe.mmzero.run.record.journal import Journal, JournalError, Record
from recipe.mmzero.run.record.provenance import Provenance
from recipe.mmzero.settings.environment import inherited, stage_environment
from recipe.mmzero.settings.schema import ConfigError

FAILED, UNUSABLE, ALARMED = 1, 2, 3


class Stop(RuntimeError):
    """The run ends here; `code` is the exit code, the message one line for a person."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


def run(config: DictConfig, from_step: str | None = None, until: str | None = None) -> int:
    """Run or resume an evolution; returns the exit code.

    Raises:
        ConfigError: `from_step` or `until` is no step of the plan, or the machine cannot run the profile.
    """
    from recipe.mmzero.machine import doctor

    steps = plan(config)
    try:
        first = step_named(steps, from_step) if from_step else 0
        last = step_named(steps, until) if until else len(steps) - 1
    except ValueError as error:
        raise ConfigError(str(error)) from None
    doctor.require(config)
    try:
        with _terminate_raises(), Journal(Path(config.run_dir).resolve()) as journal, ExitStack() as owned:
            return Evolution(config, steps, journal, owned).go(from_step, first, last)
    except JournalError as error:
        if config.evolution.on_mismatch == "new" and "not a run folder" in str(error):
            return run(_elsewhere(config), from_step, until)
        print(f"error: {error}", file=sys.stderr)
        return UNUSABLE
    except _Elsewhere:
        return run(_elsewhere(config), from_step, until)
    except Stop as stop:
        print(f"error: {stop}", file=sys.stderr)
        return stop.code
    except OSError as error:
        where = error.filename or config.run_dir
        reason = error.strerror or error
        print(f"error: cannot use {where}: {reason}; free or unlock the disk and run again", file=sys.stderr)
        return FAILED


class _Elsewhere(Exception):
    """`on_mismatch: new`: start over in a sibling folder."""


def _elsewhere(config: DictConfig) -> DictConfig:
    """The same configuration with the first free run folder `RUN_DIR-2`, `RUN_DIR-3`, ..."""
    number = 2
    while Path(f"{config.run_dir}-{number}").exists():
        number += 1
    fresh = OmegaConf.create(OmegaConf.to_container(config))
    fresh.run_dir = f"{config.run_dir}-{number}"
    print(f"{config.run_dir} holds another run: starting a new one in {fresh.run_dir}", flush=True)
    OmegaConf.set_readonly(fresh, True)
    return fresh


class _terminate_raises:
    """SIGTERM and SIGHUP end a run the way Ctrl-C does: through the clean-up, with 128 + N."""

    def __enter__(self):
        def handler(number, frame):
            raise SystemExit(128 + number)

        self.before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGHUP)}

    def __exit__(self, *exc):
        for number, handler in self.before.items():
            signal.signal(number, handler)


class Evolution:
    """One run folder and its plan. Holds no numbers of its own: what it knows is in the journal."""

    def __init__(self, config: DictConfig, steps: Sequence[Step], journal: Journal, owned: ExitStack):
        self.config, self.steps, self.journal, self.owned = config, steps, journal, owned
        self.warm: WarmServer | None = None
        self.run_dir = journal.run_dir
        self._redo_after: int | None = None  # `--from`: later steps follow their changed inputs

    def go(self, from_step: str | None, first: int, last: int) -> int:
        self._end_leftovers()
        tree.adopt_orphans()
        self.journal.versions = versions.installed()
        self.provenance = Provenance(self.config, self.journal, base_folder(self.config))
        if from_step:
            self._restart(first)
        self._write_config()
        started = time.monotonic()
        for index, step in enumerate(self.steps[: last + 1]):
            problem = self.provenance.problem(step)
            if problem is None:
                print(f"[{index + 1}/{len(self.steps)}] {step.id}: done before", flush=True)
                continue
            if problem and not self._settle(index, step, problem):
                raise Stop(UNUSABLE, self._mismatch(step, problem))
            if index < first:
                raise Stop(UNUSABLE, f"{step.id} is not done, and --from {from_step} needs it; run without --from")
            self._run_step(index, step)
            if step.stage == "solver":
                self._report()
        self._finish(time.monotonic() - started)
        return 0

    # -- before a step -----------------------------------------------------------------------------------------------

    def _end_leftovers(self) -> None:
        """End what a killed loop left running; only processes that carry a token of this run."""
        for name, record in self.journal.records.items():
            if record.status == "running":
                ended = tree.end_step(record.token, grace_s=2.0, adopted=False) if record.token else 0
                left = f"; ended {ended} processes that it left" if ended else ""
                print(f"{name}: the last run ended while this step was running{left}", flush=True)
                record.status, record.exit_cause = "failed", "the loop was ended while the step was running"
        self.journal.save()

    def _restart(self, first: int) -> None:
        """`--from`: a finished step is run again; an unfinished one continues."""
        record = self.journal.records.get(self.steps[first].id)
        if record is not None and record.status == "done":
            self.provenance.set_aside(self.steps[first])
        self._redo_after = first

    def _settle(self, index: int, step: Step, problem: str) -> bool:
        """Apply `evolution.on_mismatch`; True if the step can be run now."""
        policy = self.config.evolution.on_mismatch
        if policy == "new":
            raise _Elsewhere
        if policy == "redo" or (self._redo_after is not None and index > self._redo_after):
            print(f"{step.id}: {problem}; running it again", flush=True)
            self.provenance.set_aside(step)
            return True
        return False

    def _mismatch(self, step: Step, problem: str) -> str:
        return (
            f"{step.id}: {problem}; undo the change, or choose --on-mismatch=redo (run this step again, and what "
            f"depends on it) or --on-mismatch=new (a new run beside {self.run_dir})"
        )

    # -- one step ----------------------------------------------------------------------------------------------------

    def _run_step(self, index: int, step: Step) -> None:
        limit = self.config.evolution.max_attempts
        record = self.journal.records.setdefault(step.id, Record(status="failed"))
        first, here = record.attempts + 1, f"[{index + 1}/{len(self.steps)}] {step.id}"
        for number in range(first, first + limit):
            ended = self._attempt(step, record, number, here)
            if not ended.cause:
                self._accept(step, record, here)
                return
            record.status, record.exit_cause, record.ended = "failed", ended.cause, time.time()
            self.journal.save()
            log = self._log(step, number)
            final = ended.code == supervise.UNUSABLE or number + 1 == first + limit
            if final:
                for line in supervise.tail(log):
                    print(f"  | {line[:300]}", file=sys.stderr)
                raise Stop(FAILED, f"{step.id} failed: {ended.cause}; log: {log}")
            print(f"{here}: attempt {number} failed: {ended.cause}; continuing from its last checkpoint", flush=True)

    def _attempt(self, step: Step, record: Record, number: int, here: str) -> supervise.Ended:
        step_dir = self.run_dir / step.id
        step_dir.mkdir(parents=True, exist_ok=True)
        record.status, record.attempts, record.exit_cause = "running", number, "the loop was ended"
        record.started = record.started or time.time()
        record.token = tree.new_token()
        self.provenance.begin(step, record)
        began = time.monotonic()
        try:
            self.journal.save()
            again = f" (attempt {number})" if number > 1 else ""
            print(f"{here}: starting{again}, log {self._log(step, number)}", flush=True)
            return self._supervised(step, step_dir, number, record.token, here)
        except (KeyboardInterrupt, SystemExit):
            record.status, record.exit_cause, record.ended = "failed", "interrupted by the user", time.time()
            self.journal.save()
            print(f"{here}: interrupted; run the same command again to continue here", file=sys.stderr, flush=True)
            raise
        finally:
            record.seconds += time.monotonic() - began

    def _supervised(self, step: Step, step_dir: Path, number: int, token: str, here: str) -> supervise.Ended:
        inputs = self.provenance.input_paths(step)
        document = {
            "id": step.id,
            "role": step.role,
            "iteration": step.iteration,
            "attempt": number,
            "step_dir": str(step_dir),
            "inputs": {name: str(path) for name, path in inputs.items()},
            "config": OmegaConf.to_container(self.config, resolve=True),
        }
        step_file = step_dir / "step.yaml"
        step_file.write_text(OmegaConf.to_yaml(OmegaConf.create(document)))
        steps = self.config[step.role].train.steps if step.kind == "train" else 0
        return supervise.attempt(
            supervise.command(step.kind, step_file),
            step_dir,
            self._log(step, number),
            token,
            Signs(step_dir, step.role, number, steps),
            self._environment(),
            self.config.watchdog.startup_s,
            self.config.watchdog.step_s,
            self.config.evolution.kill_grace_s,
            lambda line: print(f"{here}: {line}", flush=True),
        )

    def _environment(self) -> dict[str, str]:
        """The environment of a stage; on a machine without GPUs its processes are forked from one warm server."""
        environment = supervise.stage_environment()
        if self.config.hardware.kind == "cpu":
            if self.warm is None or not self.warm.alive():
                if self.warm is not None:
                    self.warm.close()  # it was killed
                (self.run_dir / "logs").mkdir(exist_ok=True)
                added = inherited(self.config) | stage_environment(self.config)
                self.warm = self.owned.enter_context(WarmServer(added, self.run_dir / "logs" / "warm.log"))
            environment |= self.warm.environment
        return environment

    def _accept(self, step: Step, record: Record, here: str) -> None:
        """Check the outputs of a step that says it is done, and record them."""
        if wrong := self.provenance.problem_with_new(step):
            record.status, record.exit_cause = "failed", wrong
            self.journal.save()
            log = self._log(step, record.attempts)
            raise Stop(FAILED, f"{step.id} ended without an error, but {wrong}; log: {log}")
        self.provenance.finish(step, record)
        record.status, record.exit_cause, record.ended = "done", "", time.time()
        self.journal.save()
        print(f"{here}: done in {record.seconds:.0f} s", flush=True)
        found = alarms.check_step(self.run_dir / step.id, self.config.alarms)
        for alarm in found:
            print(alarm.line(), flush=True)
        if alarms.should_stop(found, self.config.alarms):
            raise Stop(ALARMED, f"{step.id}: stopped by {found[0].rule} (alarms.on_alarm=stop); run again to go on")

    # -- files -------------------------------------------------------------------------------------------------------

    def _log(self, step: Step, attempt: int) -> Path:
        return self.run_dir / "logs" / f"{step.id.replace('/', '-')}.attempt{attempt:02d}.log"

    def _write_config(self) -> None:
        target = self.run_dir / "config.yaml"
        temporary = target.with_suffix(".part")
        temporary.write_text(OmegaConf.to_yaml(self.config, resolve=True))
        os.replace(temporary, target)

    # -- after the last step -----------------------------------------------------------------------------------------

    def _report(self) -> None:
        from recipe.mmzero import report

        try:
            page = report.build(self.run_dir)
        except report.ReportError as error:
            print(f"report: {error}", file=sys.stderr, flush=True)
            return
        print(f"report: {page}", flush=True)

    def _finish(self, seconds: float) -> None:
        """The held-out comparison where truth is known (the tiny world), the report and the final table."""
        from recipe.mmzero.report import terminal_table

        solver = self._newest_solver()
        if self.config.model.name == "tiny" and solver is not None:
            self._held_out(solver)
            self._report()
        print(terminal_table(self.run_dir))
        print(f"{self.run_dir}: all steps done, {seconds:.0f} s in this run", flush=True)

    def _newest_solver(self) -> Path | None:
        done = [s for s in self.steps if s.stage == "solver" and self._done(s)]
        return self.run_dir / done[-1].id / "hf" if done else None

    def _done(self, step: Step) -> bool:
        record = self.journal.records.get(step.id)
        return record is not None and record.status == "done"

    def _held_out(self, solver: Path) -> None:
        """Solver accuracy before and after on held-out scenes with true labels; kept until the Solver changes."""
        from recipe.mmzero.tiny.held_out import compare_cached

        compare_cached(self.provenance.base, solver, self.provenance.hash(solver), self.run_dir / "held_out.json")
