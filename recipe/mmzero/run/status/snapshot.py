"""Where a run stands, read from its folder: `look(run_dir)` works while the run goes on and takes no lock.

The planned steps come from RUN_DIR/config.yaml (plan.plan); what happened from state.json; rates and
rewards from the running step's metrics and progress files. Only a missing or damaged state.json is an error.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recipe.mmzero.report.data.read import COLLECTING, TRAINING, Skips, Step, finite, json_lines, read_step
from recipe.mmzero.run.record.journal import JournalError, Record
from recipe.mmzero.run.record.journal import read as read_journal
from recipe.mmzero.run.record.lock import Owner, owner
from recipe.mmzero.settings.folder import RunFolder, StepFolder, iteration_of, stage_of

RECENT = 5
"""Training steps that the rate is taken from."""
UNKNOWN_PLAN = "the plan is unknown, only begun steps are shown"


@dataclass(frozen=True)
class Current:
    """The running step. `rate`: per minute; `eta_s`: to the end of the step; None: not known yet."""

    id: str
    done: int
    total: int | None
    unit: str
    rate: float | None
    eta_s: float | None
    seconds: float
    sign_age_s: float | None
    line: str


@dataclass(frozen=True)
class Snapshot:
    """State of a run. `steps`: (id, done | running | failed | waiting), in order; `rewards`: role -> (first, last).

    `planned`: the plan is known, so `steps` are all that it has. `error`: (step id, cause, log) of the last failure
    that is not overcome; `gone`: why nothing happens any more, "" while the loop works; `notes`: what could not be
    read.
    """

    run_dir: Path
    steps: list[tuple[str, str]]
    records: dict[str, Record]
    current: Current | None = None
    following: str = ""
    remaining_s: float | None = None
    rewards: dict[str, tuple[str, float, float]] = field(default_factory=dict)
    alarm: dict[str, Any] | None = None
    error: tuple[str, str, Path] | None = None
    gone: str = ""
    notes: list[str] = field(default_factory=list)
    planned: bool = True

    @property
    def done(self) -> int:
        return sum(status == "done" for _, status in self.steps)

    @property
    def finished(self) -> bool:
        return self.planned and bool(self.steps) and self.done == len(self.steps)


def look(run_dir: Path) -> Snapshot:
    """Read the folder once.

    Raises:
        JournalError: `run_dir` is no folder, or its state.json is missing or damaged; one line.
    """
    if not run_dir.is_dir():
        raise JournalError(f"{run_dir} is not a folder; `mmzero status` takes the run_dir of a run")
    path = RunFolder(run_dir).state
    records = read_journal(path)
    if not path.exists():
        raise JournalError(f"{run_dir} has no state.json: no run has started there yet, or it is not a run folder")
    names, goals, notes = _plan(run_dir, records)
    planned = not notes
    statuses = [(name, records[name].status if name in records else "waiting") for name in names]
    running = next((name for name, status in statuses if status == "running"), None)
    skips = Skips()
    read = {name: _step(run_dir, name, skips) for name in _wanted(statuses, running)}
    current = None if running is None else _current(running, records[running], read.get(running), goals.get(running))
    waiting = [name for name, status in statuses if status in ("waiting", "failed")]
    notes += [*_gone_outputs(run_dir, records), *skips.lines()]
    return Snapshot(
        run_dir,
        statuses,
        records,
        current,
        waiting[0] if waiting else "",
        _remaining(statuses, records, current) if planned else None,
        _rewards(read),
        _last_alarm(run_dir),
        _last_error(run_dir, records),
        _gone(owner(RunFolder(run_dir).lock), running),
        notes,
        planned,
    )


def _plan(run_dir: Path, records: dict[str, Record]) -> tuple[list[str], dict[str, int], list[str]]:
    """(step ids in order, GRPO steps of each training stage, notes); without a usable config only what has begun.

    A note says that the plan is unknown.
    """
    from omegaconf.errors import OmegaConfBaseException

    from recipe.mmzero.run import plan
    from recipe.mmzero.run.record import configuration

    try:
        config = configuration.of_run(run_dir)
        steps = plan.plan(config)
        goals = {step.id: int(config[step.role].train.steps) for step in steps if step.kind == "train"}
    except JournalError as error:
        return list(records), {}, [f"{UNKNOWN_PLAN}: {error}"]
    except (ValueError, TypeError, OmegaConfBaseException) as error:
        return list(records), {}, [f"{UNKNOWN_PLAN}: {configuration.unusable(run_dir, error)}"]
    named = [step.id for step in steps]
    return named + [name for name in records if name not in named], goals, []


def _gone_outputs(run_dir: Path, records: dict[str, Record]) -> list[str]:
    """What finished steps have made and is not there; whether the rest is as it was made, a run checks by hash."""
    done = [(name, record.outputs) for name, record in records.items() if record.status == "done"]
    gone = [run_dir / name / output for name, outputs in done for output in outputs]
    return [f"{path} is missing although its step is done" for path in gone if not path.exists()]


def _wanted(statuses: list[tuple[str, str]], running: str | None) -> list[str]:
    """The steps whose files are read: the running one, and the newest begun stage of each role."""
    newest = {stage_of(name): name for name, status in statuses if status != "waiting"}
    return list(dict.fromkeys([*(newest[r] for r in TRAINING if r in newest), *([running] if running else [])]))


def _step(run_dir: Path, name: str, skips: Skips) -> Step:
    return read_step(run_dir / name, iteration_of(name) or 0, skips)


def _current(name: str, record: Record, step: Step | None, goal: int | None) -> Current:
    from recipe.mmzero.run.processes.signs import collection_line, training_line

    stage = stage_of(name)
    now = time.time()
    base = {"id": name, "seconds": max(0.0, now - record.started), "sign_age_s": None}
    if step is not None:
        base["sign_age_s"] = _age(step.folder, now)
    if stage in COLLECTING:
        last: dict[str, Any] = {}
        for _, line in json_lines(StepFolder(step.folder).progress, Skips()) if step else ():
            last = line if line.get("unit") == "rows" else last
        total = finite(last.get("total"))
        return Current(
            **base,
            done=int(finite(last.get("done")) or 0),
            total=None if total is None else int(total),
            unit="rows",
            rate=finite(last.get("rows_per_min")),
            eta_s=finite(last.get("eta_s")),
            line=collection_line(last) if last else "starting",
        )
    timed = step.series.get("timing_s/step", []) if step else []
    numbers = sorted({number for values in step.series.values() for number, _ in values}) if step else []
    done = numbers[-1] if numbers else 0
    recent = [seconds for _, seconds in timed[-RECENT:]]
    each = sum(recent) / len(recent) if recent else None
    data = {metric: values[-1][1] for metric, values in step.series.items() if values[-1][0] == done} if step else {}
    return Current(
        **base,
        done=done,
        total=goal,
        unit="steps",
        rate=60 / each if each else None,
        eta_s=max(0, goal - done) * each if each and goal is not None else None,
        line=training_line(stage, done, goal or 0, data) if numbers else "starting",
    )


def _age(folder: Path, now: float) -> float | None:
    """Seconds since the step last wrote numbers, samples or pictures."""
    files = StepFolder(folder)
    signs = [*files.all_attempt_metrics(), files.progress, files.samples, files.pictures, files.sample_pictures]
    changed = []
    for path in signs:
        try:
            changed.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(0.0, now - max(changed)) if changed else None


def _remaining(statuses: list[tuple[str, str]], records: dict[str, Record], current: Current | None) -> float | None:
    """Seconds to the end of the run: like the finished stages of the same kind; None while a kind has none."""
    spent: dict[str, list[float]] = {}
    for name, status in statuses:
        if status == "done" and records[name].seconds > 0:
            spent.setdefault(stage_of(name), []).append(records[name].seconds)
    total = 0.0
    for name, status in statuses:
        if current is not None and name == current.id and current.eta_s is not None:
            total += current.eta_s
        elif status != "done":
            known = spent.get(stage_of(name))
            if not known:
                return None
            total += sum(known) / len(known)
    return total


def _rewards(read: dict[str, Step]) -> dict[str, tuple[str, float, float]]:
    """Role -> (step id, first and last mean reward) of its newest stage that has rewards."""
    found = {}
    for name, step in read.items():
        values = step.series.get(f"mmzero/{step.name}/reward/mean") or step.series.get("critic/score/mean")
        if values and step.name in TRAINING:
            found[step.name] = (name, values[0][1], values[-1][1])
    return found


def _last_alarm(run_dir: Path) -> dict[str, Any] | None:
    alarms = [record for _, record in json_lines(RunFolder(run_dir).alarms, Skips())]
    return alarms[-1] if alarms else None


def _last_error(run_dir: Path, records: dict[str, Record]) -> tuple[str, str, Path] | None:
    failed = [
        (record.ended, name) for name, record in records.items() if record.status == "failed" and record.exit_cause
    ]
    if not failed:
        return None
    _, name = max(failed)
    return name, records[name].exit_cause, RunFolder(run_dir).log(name, records[name].attempts)


def _gone(loop: Owner | None, running: str | None) -> str:
    """Why nothing will happen in this run any more, or "": while its loop lives, or where that cannot be seen."""
    ways_on = "`mmzero run` with the same run_dir continues it"
    if loop is None:
        return f"no loop works on this run; {ways_on}"
    if loop.alive is False:
        during = f" while {running} was running" if running else ""
        return f"its loop, process {loop.pid} on this machine, was ended{during}; {ways_on}"
    return ""
