"""The evolution loop: run what the plan has and the journal lacks, one stage process after the other.

    loop.run(config)                                   # runs or resumes
    loop.run(config, from_step="iter_02/coder")        # runs this step again, and what depends on it

A step is skipped when its record says `done`, its settings and inputs are the ones it was made from, and its outputs
still have the recorded hashes (provenance.py). Everything else is run; an interrupted step continues from verl's last
checkpoint or the last shard. Where a finished step does not match, `evolution.on_mismatch` decides: stop (the default,
the difference is shown), redo (the step and what depends on it; the old folder is kept under `replaced/`), or new (a
fresh run in a sibling folder). Settings are compared before anything is written: a run that is refused leaves its
folder as it was.

Exit codes: 0 done; 1 a step failed; 2 settings or run folder unusable; 3 stopped by an alarm; 130, 143 interrupted.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from mmzero_env.process.replace import write
from recipe.mmzero.machine.forecast.calls import calls_at_once
from recipe.mmzero.report.alarms import check as alarms
from recipe.mmzero.run import hours
from recipe.mmzero.run.plan import Step, plan, step_named
from recipe.mmzero.run.processes import supervise, tree
from recipe.mmzero.run.processes.signs import Signs
from recipe.mmzero.run.record import checkpoints
from recipe.mmzero.run.record.journal import Journal, JournalError, Record, seconds_of_killed
from recipe.mmzero.run.record.provenance import Provenance
from recipe.mmzero.run.services import Services
from recipe.mmzero.run.signals import terminate_raises
from recipe.mmzero.settings.folder import sibling
from recipe.mmzero.settings.schema import ConfigError
from recipe.mmzero.settings.text import refused

FAILED, UNUSABLE, ALARMED = 1, 2, 3
REPORT_AFTER_S = 300  # a stage that took so long is followed by a report (seconds of work); others wait for the Solver


class Stop(RuntimeError):
    """The run ends here; `code` is the exit code, the message one line for a person."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


def run(
    config: DictConfig, from_step: str | None = None, until: str | None = None, services: Services | None = None
) -> int:
    """Run or resume an evolution; returns the exit code.

    Raises:
        ConfigError: `from_step` or `until` is no step of the plan, or the machine cannot run the profile.
    """
    services = services or Services()
    steps = plan(config)
    try:
        first = 0 if from_step is None else step_named(steps, from_step)
        last = len(steps) - 1 if until is None else step_named(steps, until)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if last < first:
        raise ConfigError(f"--until {until} comes before --from {from_step}")
    services.require(config)
    try:
        with terminate_raises(), Journal(Path(config.run_dir).resolve()) as journal, services:
            return Evolution(config, steps, journal, services).go(from_step, first, last)
    except JournalError as error:
        if config.evolution.on_mismatch == "new" and "not a run folder" in str(error):
            return run(_elsewhere(config), from_step, until, services)
        print(f"error: {error}", file=sys.stderr)
        return UNUSABLE
    except _Elsewhere:
        return run(_elsewhere(config), from_step, until, services)
    except Stop as stop:
        print(f"error: {stop}", file=sys.stderr)
        return stop.code
    except tree.NotEnded as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"error: {refused(error, config.run_dir)}, and run again", file=sys.stderr)
        return FAILED


class _Elsewhere(Exception):
    """`on_mismatch: new`: start over in a sibling folder."""


def _elsewhere(config: DictConfig) -> DictConfig:
    """The same configuration with the first free run folder beside this one."""
    fresh = OmegaConf.create(OmegaConf.to_container(config))
    fresh.run_dir = sibling(config.run_dir)
    print(f"{config.run_dir} holds another run: starting a new one in {fresh.run_dir}", flush=True)
    OmegaConf.set_readonly(fresh, True)
    return fresh


class Evolution:
    """One run folder and its plan. Holds no numbers of its own: what it knows is in the journal."""

    def __init__(self, config: DictConfig, steps: Sequence[Step], journal: Journal, services: Services):
        self.config, self.steps, self.journal, self.services = config, steps, journal, services
        self.folder = journal.folder
        self._redo_after: int | None = None  # `--from`: later steps follow their changed inputs
        self._config_written = False

    def go(self, from_step: str | None, first: int, last: int) -> int:
        self._end_leftovers()
        tree.adopt_orphans()
        self.provenance = Provenance(self.config, self.journal, self.services.base(self.config))
        if from_step is not None:
            self._redo_after = first
        self._refuse_other_settings(last)
        started = time.monotonic()
        for index, step in enumerate(self.steps[: last + 1]):
            if index == first and from_step is not None:
                self._restart(step)
            problem = self.provenance.problem(step)
            if problem is None:
                print(f"{self._place(index)}: done before", flush=True)
                continue
            if problem:
                self._settle(index, step, problem)
                print(f"{step.id}: {problem}; running it again", flush=True)
                self.provenance.set_aside(step)
            if index < first:
                raise Stop(UNUSABLE, f"{step.id} is not done, and --from {from_step} needs it; run without --from")
            self._run_step(index, step)
            if step.stage == "solver" or self.journal.records[step.id].seconds >= REPORT_AFTER_S:
                self.services.report(self.folder.path)
        self._finish(time.monotonic() - started)
        return 0

    def _place(self, index: int) -> str:
        return f"[{index + 1}/{len(self.steps)}] {self.steps[index].id}"

    # -- before a step -----------------------------------------------------------------------------------------------

    def _end_leftovers(self) -> None:
        """End what a killed loop left running; only processes that carry a token of this run."""
        for name, record in self.journal.records.items():
            if record.status == "running":
                record.seconds += seconds_of_killed(record, self.folder.log(name, record.attempts))
                ended = tree.end_step(record.token, grace_s=2.0, adopted=False) if record.token else 0
                left = f"; ended {ended} processes that it left" if ended else ""
                print(f"{name}: the last run ended while this step was running{left}", flush=True)
                record.status, record.exit_cause = "failed", "the loop was ended while the step was running"
                self.journal.save()

    def _refuse_other_settings(self, last: int) -> None:
        """Compare the settings of all steps before the first one runs: a refusal then costs nothing."""
        for index, step in enumerate(self.steps[: last + 1]):
            record = self.journal.records.get(step.id)
            if record is not None and (problem := self.provenance.changed_settings(step, record)):
                self._settle(index, step, problem)

    def _restart(self, step: Step) -> None:
        """`--from`: a finished step is run again; an unfinished one continues."""
        record = self.journal.records.get(step.id)
        if record is not None and record.status == "done":
            self.provenance.set_aside(step)

    def _settle(self, index: int, step: Step, problem: str) -> None:
        """Apply `evolution.on_mismatch`: return if the step is to be run again, else end this run."""
        policy = self.config.evolution.on_mismatch
        if policy == "new":
            raise _Elsewhere
        if policy == "redo" or (self._redo_after is not None and index >= self._redo_after):
            return
        raise Stop(
            UNUSABLE,
            f"{step.id}: {problem}; undo the change, or choose --on-mismatch=redo (run this step again, and what "
            f"depends on it) or --on-mismatch=new (a new run beside {self.folder.path})",
        )

    # -- one step ----------------------------------------------------------------------------------------------------

    def _run_step(self, index: int, step: Step) -> None:
        if not self._config_written:  # only now is it the configuration of something in this folder
            write(self.folder.config, OmegaConf.to_yaml(self.config, resolve=True))
            self._config_written = True
        limit = self.config.evolution.max_attempts
        predicted = hours.note(self.config, step, self.folder.path)
        record = self.journal.records.setdefault(step.id, Record(status="failed"))
        first, here = record.attempts + 1, self._place(index)
        for number in range(first, first + limit):
            ended = self._attempt(step, record, number, here)
            if not ended.cause:
                self._accept(step, record, here, predicted.seconds if predicted else None)
                return
            record.status, record.exit_cause, record.ended = "failed", ended.cause, time.time()
            self.journal.save()
            log = self.folder.log(step.id, number)
            final = ended.code == supervise.UNUSABLE or number + 1 == first + limit
            if final:
                for line in supervise.tail(log):
                    print(f"  | {line[:300]}", file=sys.stderr)
                raise Stop(FAILED, f"{step.id} failed: {ended.cause}; log: {log}")
            print(f"{here}: attempt {number} failed: {ended.cause}; continuing from its last checkpoint", flush=True)

    def _attempt(self, step: Step, record: Record, number: int, here: str) -> supervise.Ended:
        self.folder.step(step.id).path.mkdir(parents=True, exist_ok=True)
        record.status, record.attempts, record.exit_cause = "running", number, "the loop was ended"
        record.started = record.started or time.time()
        record.token = tree.new_token()
        self.provenance.begin(step, record)
        record.began, began, before = time.time(), time.monotonic(), record.seconds
        self.journal.save()
        tried = f" (attempt {number})" if number > 1 else ""
        print(f"{here}: starting{tried}, log {self.folder.log(step.id, number)}", flush=True)
        try:
            return self._supervised(step, number, record.token, here)
        except tree.NotEnded as error:  # it stays "running", so that the next run looks for these processes first
            record.began, record.exit_cause = 0.0, str(error)  # its seconds are counted here
            raise Stop(FAILED, f"{step.id}: {error}; log: {self.folder.log(step.id, number)}") from None
        except (KeyboardInterrupt, SystemExit):
            record.status, record.exit_cause, record.ended = "failed", "interrupted by the user", time.time()
            print(f"{here}: interrupted; run the same command again to continue here", file=sys.stderr, flush=True)
            raise
        finally:
            record.seconds = before + time.monotonic() - began
            self.journal.save()

    def _supervised(self, step: Step, number: int, token: str, here: str) -> supervise.Ended:
        folder = self.folder.step(step.id)
        inputs = self.provenance.input_paths(step)
        document = {
            "id": step.id,
            "role": step.role,
            "iteration": step.iteration,
            "attempt": number,
            "step_dir": str(folder.path),
            "inputs": {name: str(path) for name, path in inputs.items()},
            "calls": calls_at_once(self.config, step.stage, step.inputs),
            "config": OmegaConf.to_container(self.config, resolve=True),
        }
        write(folder.description, OmegaConf.to_yaml(OmegaConf.create(document)))
        steps = self.config[step.role].train.steps if step.kind == "train" else 0
        return supervise.attempt(
            self.services.command(step, folder.description),
            folder.path,
            self.folder.log(step.id, number),
            token,
            Signs(folder.path, step.role, number, steps),
            self.services.environment(self.config, self.folder.path),
            *hours.patience(self.config, step, self.folder.path),
            self.config.evolution.kill_grace_s,
            lambda line: print(f"{here}: {line}", flush=True),
        )

    def _accept(self, step: Step, record: Record, here: str, predicted_s: float | None) -> None:
        """Check the outputs of a step that says it is done, and record them."""
        if wrong := self.provenance.problem_with_new(step):
            record.status, record.exit_cause, record.ended = "failed", wrong, time.time()
            self.journal.save()
            log = self.folder.log(step.id, record.attempts)
            raise Stop(FAILED, f"{step.id} ended without an error, but {wrong}; log: {log}")
        self.provenance.finish(step, record)
        record.status, record.exit_cause, record.ended = "done", "", time.time()
        self.journal.save()
        folder = self.folder.step(step.id)
        if self.config.stage.keep == "hf":  # after the journal knows that nothing continues from them
            checkpoints.remove_all(folder.checkpoints)
        said = "" if predicted_s is None else f" (predicted {predicted_s:.0f} s)"
        print(f"{here}: done in {record.seconds:.0f} s{said}", flush=True)
        self._measure(step)
        found = alarms.check_step(folder.path, self.config.alarms)
        for alarm in found:
            print(alarm.line(), flush=True)
        if alarms.should_stop(found, self.config.alarms):
            raise Stop(ALARMED, f"{step.id}: stopped by {found[0].rule} (alarms.on_alarm=stop); run again to go on")

    def _measure(self, step: Step) -> bool:
        """Where truth is known: what a finished step made; True if that is new."""
        return self.services.truth(self.config, self.provenance.base, self.folder.step(step.id))

    # -- after the last step -----------------------------------------------------------------------------------------

    def _finish(self, seconds: float) -> None:
        """The final table; before it what of a run that was finished earlier was not measured yet, and the report."""
        finished = [step for step in self.steps if self._done(step)]
        last = [step for step in finished if step.stage == "solver"][-1:]  # its measurement has all before it
        new = [self._measure(step) for step in (*(s for s in finished if s.stage == "collect_solver"), *last)]
        if any(new):
            self.services.report(self.folder.path)
        print(self.services.table(self.folder.path))
        done = sum(self._done(step) for step in self.steps)
        reached = "all steps done" if done == len(self.steps) else f"{done} of {len(self.steps)} steps done"
        print(f"{self.folder.path}: {reached}, {seconds:.0f} s in this run", flush=True)

    def _done(self, step: Step) -> bool:
        record = self.journal.records.get(step.id)
        return record is not None and record.status == "done"
