"""Read a run folder that may be unfinished or damaged; nothing here raises on bad content.

What cannot be used is left out and counted by reason in `Skips`, with the first place where it happened: half a line,
text that is not UTF-8 or not JSON, a record without role, an unknown field (the record stays, the field goes).
Only a path that is no folder is an error. Layout: settings/folder.py. Standard library and
YAML only: the alarms use it too.

Not covered: the content of samples (records.py), checkpoints, logs.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from recipe.mmzero.settings.folder import RunFolder, StepFolder, iteration_of

TRAINING = ("proposer", "coder", "solver")
COLLECTING = ("collect_coder", "collect_solver")
TITLES = {
    "proposer": "Proposer",
    "coder": "Coder",
    "solver": "Solver",
    "collect_coder": "Coder data",
    "collect_solver": "Solver data",
}
MAX_LINE = 8 * 2**20
"""Longest record in bytes; a longer line is no record of ours."""
Series = dict[str, list[tuple[int, float]]]


class ReportError(ValueError):
    """The report cannot be made at all; one line: what, where, remedy."""


@dataclass
class Skips:
    """What was left out: reason -> how often, and where first."""

    counts: Counter[str] = field(default_factory=Counter)
    where: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, where: Any, number: int = 1) -> None:
        self.counts[reason] += number
        self.where.setdefault(reason, str(where))

    def lines(self) -> list[str]:
        """One line per reason, most frequent first.

        >>> skips = Skips(); skips.add("half a line", "a.jsonl:7"); skips.lines()
        ['1 x half a line (first: a.jsonl:7)']
        """
        return [f"{count} x {reason} (first: {self.where[reason]})" for reason, count in self.counts.most_common()]


@dataclass
class Step:
    """One step folder. `series`: metric -> (training step, value), ascending; `summary`: the step's final numbers."""

    id: str
    iteration: int
    name: str
    folder: Path
    series: Series = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    wall_s: float | None = None
    requests: dict[str, float] = field(default_factory=dict)

    def mean(self, metric: str) -> float | None:
        values = self.series.get(metric)
        return sum(value for _, value in values) / len(values) if values else None

    def number(self, name: str) -> float | None:
        """A finite number of summary.json."""
        return finite(self.summary.get(name))


@dataclass
class Run:
    """A run folder without its samples."""

    folder: Path
    config: dict[str, Any]
    state: dict[str, Any]
    steps: list[Step]
    skips: Skips

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def iterations(self) -> list[int]:
        return sorted({step.iteration for step in self.steps})

    def step(self, iteration: int, name: str) -> Step | None:
        return next((s for s in self.steps if s.iteration == iteration and s.name == name), None)

    def setting(self, dotted: str, default: Any = None) -> Any:
        """A value of config.yaml by dotted key."""
        node: Any = self.config
        for part in dotted.split("."):
            if not isinstance(node, dict) or part not in node:
                return default
            node = node[part]
        return node


def read_run(folder: Path | str) -> Run:
    """Everything but samples.

    Raises:
        ReportError: `folder` is not a run folder.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise ReportError(f"{folder} is not a folder; `mmzero report` takes the run_dir of a run")
    shown = str(folder).encode("utf-8", "replace").decode()
    if shown != str(folder):
        raise ReportError(f"{shown}: the name is not UTF-8, so no page can show it; rename the folder")
    skips = Skips()
    steps = []
    for step in RunFolder(folder).steps():
        if step.path.name in TRAINING + COLLECTING:
            steps.append(read_step(step.path, iteration_of(step.id), skips))
    order = {name: k for k, name in enumerate(("proposer", "collect_coder", "coder", "collect_solver", "solver"))}
    steps.sort(key=lambda step: (step.iteration, order[step.name]))
    config = read_mapping(RunFolder(folder).config, skips)
    state = read_mapping(RunFolder(folder).state, skips)
    # Other programs have a config.yaml and a state.json, too.
    if not (steps or isinstance(state.get("steps"), dict) or isinstance(config.get("evolution"), dict)):
        raise ReportError(f"{folder} is no run folder: neither steps, nor state.json or config.yaml of a run are in it")
    _use_journal(steps, state)
    return Run(folder, config, state, steps, skips)


def _use_journal(steps: list[Step], state: dict[str, Any]) -> None:
    """Wall time as the loop measured it, start-up and all attempts included; a step's own files know only a part."""
    records = state.get("steps")
    for step in steps:
        record = records.get(step.id) if isinstance(records, dict) else None
        seconds = finite(record.get("seconds")) if isinstance(record, dict) else None
        if seconds:
            step.wall_s = seconds


def read_step(folder: Path, iteration: int, skips: Skips) -> Step:
    """Metrics, summary and progress of one step folder."""
    step = Step(f"{folder.parent.name}/{folder.name}", iteration, folder.name, folder)
    by_step: dict[int, dict[str, float]] = {}
    # A resumed attempt repeats steps since its checkpoint, so later attempts count; a finished stage has merged them.
    files = StepFolder(folder)
    for path in (*files.all_attempt_metrics(), files.metrics):
        for _, record in json_lines(path, skips):
            number, data = finite(record.get("step")), record.get("data")
            if number is None or not isinstance(data, dict):
                skips.add("metrics line without step or data", path.name)
                continue
            row = by_step.setdefault(int(number), {})
            row.update((str(name), value) for name, raw in data.items() if (value := finite(raw)) is not None)
    for number in sorted(by_step):
        for name, value in by_step[number].items():
            step.series.setdefault(name, []).append((number, value))
    step.summary = read_mapping(StepFolder(folder).summary, skips)
    _read_progress(step, skips)
    return step


def _read_progress(step: Step, skips: Skips) -> None:
    """Wall time, until the journal has it: of the training steps, or the growth of a collection's progress file."""
    timed = step.series.get("timing_s/step")
    if timed:
        step.wall_s = sum(value for _, value in timed)
    worked, before = 0.0, None
    for _, record in json_lines(StepFolder(step.folder).progress, skips):
        now = finite(record.get("time"))
        if now is not None:
            if before is not None and 0 <= now - before < 3600:
                worked += now - before
            before = now
        asked = record.get("requests")
        if isinstance(asked, dict):
            step.requests = {str(kind): n for kind, raw in asked.items() if (n := finite(raw)) is not None}
    if step.wall_s is None and worked:
        step.wall_s = worked


def json_lines(path: Path, skips: Skips) -> Iterator[tuple[int, dict[str, Any]]]:
    """(byte offset, object) of every good line; damaged ones are counted. A missing file has no lines."""
    try:
        source = path.open("rb")
    except OSError as error:
        if path.exists():
            skips.add(f"file cannot be read: {error.strerror}", path.name)
        return
    with source:
        offset = number = 0
        while True:
            line = source.readline(MAX_LINE)
            if not line:
                return
            start, offset, number = offset, offset + len(line), number + 1
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                skips.add("line too long", f"{path.name}:{number}")
                while line and not line.endswith(b"\n"):
                    line = source.readline(MAX_LINE)
                    offset += len(line)
                continue
            if line.strip():
                record = parse(line, skips, f"{path.name}:{number}")
                if record is not None:
                    yield start, record


def parse(line: bytes, skips: Skips, where: str) -> dict[str, Any] | None:
    """One line as an object, or None with the reason counted."""
    try:
        record = _loaded(line.decode("utf-8"))
    except UnicodeDecodeError:
        skips.add("line is not UTF-8", where)
        return None
    except RecursionError:
        skips.add("line is nested too deeply", where)
        return None
    except ValueError:
        skips.add("half a line" if not line.endswith(b"\n") else "line is not JSON", where)
        return None
    if not isinstance(record, dict):
        skips.add("line is not an object", where)
        return None
    return record


def _loaded(text: str) -> Any:
    """JSON as data; half a character (`\\ud800`), which no page, figure or terminal can show, becomes `?`."""
    value = json.loads(text)
    if "\\ud" in text.lower():
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def finite(value: Any) -> float | None:
    """A finite number as float; anything else is None (true and false are 1 and 0).

    >>> finite(True), finite("3"), finite(float("nan"))
    (1.0, None, None)
    """
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def read_mapping(path: Path, skips: Skips) -> dict[str, Any]:
    """A JSON or YAML file that holds a mapping; {} if it is missing or damaged."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        skips.add("file cannot be read", path.name)
        return {}
    try:
        value = _loaded(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError):
        skips.add("file is damaged", f"{path.parent.name}/{path.name}")
        return {}
    if not isinstance(value, dict):
        skips.add("file is damaged", f"{path.parent.name}/{path.name}")
        return {}
    return value
