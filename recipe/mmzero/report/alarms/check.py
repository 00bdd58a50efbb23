"""Alarms: numbers of a finished step that mean trouble, each with its threshold's key and a sentence for a person.

`evaluate` is pure: the step's numbers in, alarms out. `check_step` reads a step folder, writes RUN_DIR/alarms.jsonl and
returns the alarms; the loop calls it at the end of each step and stops the run if `should_stop`. Thresholds are keys of
the `alarms` config block (settings/types/alarms.py); the rules are in rules.py.

Not covered: trends over iterations, but for falling truth (falls.py), and trouble that kills a step (its log says so).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmzero_env.process.replace import write
from recipe.mmzero.report.alarms.falls import measured_truth
from recipe.mmzero.report.alarms.measures import Numbers
from recipe.mmzero.report.alarms.rules import RULES
from recipe.mmzero.report.data.read import Skips, Step, finite, json_lines, read_mapping, read_step
from recipe.mmzero.settings.folder import StepFolder, iteration_of
from recipe.mmzero.settings.types.alarms import AlarmConfig


@dataclass(frozen=True)
class Alarm:
    """One alarm; the record of alarms.jsonl."""

    rule: str
    step_id: str
    iteration: int
    role: str
    value: float
    threshold: float
    key: str
    sentence: str

    def line(self) -> str:
        """What the terminal shows."""
        return f"ALARM {self.step_id} {self.rule}: {self.sentence} ({self.key}={self.threshold:g})"


def evaluate(numbers: Numbers, config: AlarmConfig | None = None) -> list[Alarm]:
    """All alarms of one step, in the order of RULES."""
    config = config or AlarmConfig()
    alarms = []
    for rule in RULES:
        value = rule.measure(numbers, config)
        threshold = float(getattr(config, rule.key))
        # A mean of equal numbers may differ from them in the last bit.
        if value is None or (value - threshold if rule.above else threshold - value) <= 1e-9:
            continue
        sentence = rule.sentence.format(value=value)
        where = (rule.name, numbers.step_id, numbers.iteration, numbers.name)
        alarms.append(Alarm(*where, value, threshold, f"alarms.{rule.key}", sentence))
    return alarms


def check_step(step_dir: Path | str, config: AlarmConfig | Any = None) -> list[Alarm]:
    """Alarms of a finished step; RUN_DIR/alarms.jsonl then holds them instead of earlier ones of the same step.

    Args:
        step_dir: RUN_DIR/iter_XX/NAME.
        config: an AlarmConfig or anything with its attributes (the `alarms` block of the config).
    """
    folder = Path(step_dir).resolve()
    step = read_step(folder, iteration_of(folder.parent.name) or 0, Skips())
    found = evaluate(numbers_of(step), config)
    _record(StepFolder(folder).run.alarms, step.id, found)
    return found


def numbers_of(step: Step) -> Numbers:
    """A step's numbers, with the `top_p` that its verl.yaml says (1 where it says none), and the truth where known."""
    node: Any = read_mapping(StepFolder(step.folder).verl_config, Skips())
    for key in ("actor_rollout_ref", "rollout", "top_p"):
        node = node.get(key) if isinstance(node, Mapping) else None
    top_p = finite(node)
    cut = 1.0 if top_p is None else top_p
    return Numbers(step.id, step.iteration, step.name, step.series, step.summary, cut, measured_truth(step))


def should_stop(alarms: Sequence[Alarm], config: AlarmConfig | Any) -> bool:
    """True if the run must stop because of these alarms (`alarms.on_alarm: stop`)."""
    return bool(alarms) and config.on_alarm == "stop"


def _record(path: Path, step_id: str, alarms: Iterable[Alarm]) -> None:
    kept = [record for _, record in json_lines(path, Skips()) if record.get("step_id") != step_id]
    records = kept + [asdict(alarm) for alarm in alarms]
    if not records and not path.exists():
        return
    write(path, "".join(json.dumps(record) + "\n" for record in records))
