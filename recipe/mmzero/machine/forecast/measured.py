"""What an earlier run measured, as corrections of the forecast: measured / predicted by phase, and mean lengths.

The factor of a phase is the mean of its measured seconds over what the forecast says of that run's own configuration,
with that run's own lengths. A stage that the run has not finished takes the mean factors of its kind (training or
collection).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from recipe.mmzero.machine.forecast.constants import gpu_of
from recipe.mmzero.machine.forecast.predict import GEN, PASSES, ROWS, STARTUP, predict
from recipe.mmzero.machine.forecast.roofline import Phases
from recipe.mmzero.settings.checks.layout import ROLES, STAGES
from recipe.mmzero.settings.folder import RunFolder, StepFolder, stage_of
from recipe.mmzero.settings.types.run import ConfigError
from recipe.mmzero.settings.verl.compose import CONFIG_DIR

NAMES = (GEN, *vars(Phases()))


@dataclass(frozen=True)
class Measured:
    """`factors`: stage -> phase -> measured / predicted. `response`: role -> mean tokens of a response. `acceptance`:
    share of the proposals that the Coder's collections took; None: none is finished."""

    factors: Mapping[str, Mapping[str, float]]
    response: Mapping[str, float]
    acceptance: float | None = None

    def of(self, stage: str) -> Mapping[str, float]:
        """The factors of a stage: its own, else the mean of its kind."""
        if stage in self.factors:
            return self.factors[stage]
        alike = [found for name, found in self.factors.items() if (name in ROLES) == (stage in ROLES)]
        names = {name for found in alike for name in found}
        return {name: fmean(found[name] for found in alike if name in found) for name in names}

    def applied(self, config: DictConfig) -> DictConfig:
        """The configuration with the measured lengths and acceptance."""
        changed = OmegaConf.create(OmegaConf.to_container(config))
        for role, tokens in self.response.items():
            changed.forecast.response_tokens[role] = max(1, round(tokens))
        if self.acceptance:
            changed.forecast.coder_acceptance = self.acceptance
        return changed


NOTHING = Measured({}, {})


def of_config(config: DictConfig) -> Measured:
    """The measurements that `forecast.run` names; nothing without it.

    Raises:
        ConfigError: the folder is no run with a finished step, or its card is another one.
    """
    if config.forecast.run is None:
        return NOTHING
    return of_run(Path(config.forecast.run), config)


def of_run(folder: Path, config: DictConfig, own: bool = False) -> Measured:
    """The measurements of a run folder.

    Args:
        config: what is planned; the run must have had the same kind of machine and card.
        own: the folder is this run's own: nothing finished is no error.
    Raises:
        ConfigError: see `of_config`.
    """
    files = RunFolder(folder)
    try:
        state = json.loads(files.state.read_text(encoding="utf-8"))["steps"]
        then = _comparable(OmegaConf.load(files.config), config)
    except (OSError, ValueError, KeyError, TypeError, OmegaConfBaseException) as error:
        if own:
            return NOTHING
        raise ConfigError(f"forecast.run={folder} is no run folder: {error}; give the run_dir of a run") from None
    if then.hardware.kind != config.hardware.kind or gpu_of(then) != gpu_of(config):
        raise ConfigError(
            f"forecast.run={folder} was measured on {_card(then)}, this plan is for {_card(config)}: "
            "set forecast.gpu, or leave forecast.run out"
        )
    done = {name: record for name, record in state.items() if record.get("status") == "done" and record.get("seconds")}
    found = {name: seconds for name, record in done.items() if (seconds := read(files.step(name), record["seconds"]))}
    if not found and not own:
        raise ConfigError(f"forecast.run={folder} has no finished step")
    response, acceptance = _lengths(files, found), _acceptance(files, found)
    sized = Measured({}, response, acceptance).applied(then)
    return Measured(_factors(sized, files, found), response, acceptance)


def _comparable(then: DictConfig, now: DictConfig) -> DictConfig:
    """That run's configuration. A key that is newer than the run has its default; of `forecast`, its value of now."""
    return OmegaConf.merge(OmegaConf.load(CONFIG_DIR / "mmzero.yaml"), {"forecast": now.forecast}, then)


def _card(config: DictConfig) -> str:
    card = gpu_of(config)
    return card.name if card else f"a {config.hardware.kind} machine"


def read(folder: StepFolder, wall_s: float) -> dict[str, float]:
    """Seconds of a finished step by phase, per GRPO step; `startup` is what is left of its wall time.

    Empty if its files say nothing.
    """
    if stage_of(folder.id) not in ROLES:
        spent: dict[str, float] = {}
        timed = [line for line in _lines(folder.progress) if isinstance(line.get("time"), int | float)]
        for name, lines in groupby(timed, _pass):  # one may come twice, around another
            times = [line["time"] for line in lines]
            if times[-1] > times[0]:
                spent[name] = spent.get(name, 0.0) + times[-1] - times[0]
        return spent | {STARTUP: max(0.0, wall_s - sum(spent.values()))} if spent else {}
    steps = [line["data"] for line in _lines(folder.metrics) if isinstance(line.get("data"), dict)]
    whole = [data.get("timing_s/step") for data in steps]
    if not steps or not all(isinstance(value, int | float) for value in whole):
        return {}
    seconds = {name: fmean(float(data.get(f"timing_s/{name}", 0.0)) for data in steps) for name in NAMES[:-1]}
    seconds["other"] = max(0.0, fmean(whole) - sum(seconds.values()))
    return seconds | {STARTUP: max(0.0, wall_s - sum(whole))}


def _pass(line: Mapping[str, Any]) -> str:
    """Which pass of a collection a line of its progress is about: `collect_coder variance`."""
    last = str(line.get("phase", "")).rpartition(" ")[2]
    return last if last in PASSES else ROWS


def _lengths(files: RunFolder, found: Mapping[str, Any]) -> dict[str, float]:
    """role -> mean tokens of its responses in its training stages."""
    means: dict[str, list[float]] = {}
    for name in found:
        if stage_of(name) in ROLES:
            for line in _lines(files.step(name).metrics):
                value = line.get("data", {}).get("response_length/mean")
                if isinstance(value, int | float):
                    means.setdefault(stage_of(name), []).append(float(value))
    return {role: fmean(values) for role, values in means.items()}


def _acceptance(files: RunFolder, found: Mapping[str, Any]) -> float | None:
    """Rows that the window took, of all proposals of the Coder's collections."""
    taken = tried = 0.0
    for name in found:
        try:
            collected = stage_of(name) == "collect_coder"
            summary = json.loads(files.step(name).summary.read_text(encoding="utf-8")) if collected else {}
            taken, tried = taken + float(summary["kept_by"]["window"]), tried + float(summary["attempts"])
        except (OSError, ValueError, KeyError, TypeError):  # another kind of step, or one of another version
            continue
    return min(1.0, taken / tried) if taken and tried else None


def _factors(
    config: DictConfig, files: RunFolder, found: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    by_stage: dict[str, dict[str, list[float]]] = {}
    for name, seconds in found.items():
        stage = stage_of(name)
        if stage not in STAGES:
            continue
        predicted = predict(config, stage, _inputs(files.step(name)), first=name == next(iter(found)))
        if predicted is None:
            continue
        expected = dict(predicted.phases) | {STARTUP: predicted.startup_s}
        for phase, value in seconds.items():
            if expected.get(phase):
                by_stage.setdefault(stage, {}).setdefault(phase, []).append(value / expected[phase])
    return {stage: {phase: fmean(values) for phase, values in phases.items()} for stage, phases in by_stage.items()}


def _inputs(folder: StepFolder) -> dict[str, str]:
    """role -> the checkpoint that a step read: roles with the same one shared their servers."""
    if not folder.description.is_file():
        return {}
    inputs = OmegaConf.load(folder.description).get("inputs") or {}
    return {str(role): str(path) for role, path in inputs.items()}


def _lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file of JSON lines; none if there is no file."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
        except ValueError:  # the last line of a killed process
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines
