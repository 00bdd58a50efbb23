"""Signs of life of a running step, and the lines that a person sees while it runs.

A sign is a new training step, a finished request of a collection, or a new picture: things that need the models to
work. Log lines are no sign: verl's replay buffer logs its state every minute while it waits for ever.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recipe.mmzero.settings.folder import StepFolder
from recipe.mmzero.settings.text import clock


class Tail:
    """New complete lines of a file that grows; a file that does not exist yet has none."""

    def __init__(self, path: Path, skip_existing: bool = False):
        self.path = path
        self._offset = path.stat().st_size if skip_existing and path.exists() else 0

    def lines(self) -> list[str]:
        if not self.path.exists() or self.path.stat().st_size <= self._offset:
            return []
        with self.path.open("rb") as source:
            source.seek(self._offset)
            data = source.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.decode("utf-8", "replace").splitlines()

    def records(self) -> Iterator[dict[str, Any]]:
        """The lines that are JSON objects."""
        for line in self.lines():
            try:
                record = json.loads(line)
            except ValueError:  # a line that a kill cut in two
                continue
            if isinstance(record, dict):
                yield record


class Signs:
    """What a step has shown since the last look.

    Args:
        step_dir: folder of the step.
        attempt: number of the attempt; names the metrics file.
        steps: GRPO steps of a training stage, 0 for a collection.
    """

    def __init__(self, step_dir: Path, role: str, attempt: int, steps: int):
        self.role, self.steps = role, steps
        self._folder = StepFolder(step_dir)
        self._metrics = Tail(self._folder.attempt_metrics(attempt), skip_existing=True)
        self._progress = Tail(self._folder.progress, skip_existing=True)
        self._pictures = self._picture_time()

    def look(self) -> tuple[bool, list[str]]:
        """(is it alive, lines to show)."""
        alive, shown = False, []
        for record in self._metrics.records():
            if isinstance(record.get("data"), Mapping):
                alive = True
                shown.append(training_line(self.role, int(record.get("step", 0)), self.steps, record["data"]))
        for record in self._progress.records():
            if record.get("unit") == "rows":
                alive = alive or bool(record.get("requests"))
                shown = (
                    [*shown[:-1], collection_line(record)] if shown and not self.steps else [collection_line(record)]
                )
        pictures = self._picture_time()
        if pictures != self._pictures:
            self._pictures, alive = pictures, True
        return alive, shown

    def _picture_time(self) -> float:
        folders = [self._folder.sample_pictures, self._folder.pictures]
        return max((folder.stat().st_mtime for folder in folders if folder.exists()), default=0.0)


def training_line(role: str, step: int, steps: int, data: Mapping[str, float]) -> str:
    """One GRPO step: reward, the role's headline rates, KL and seconds.

    >>> training_line("solver", 2, 4, {"mmzero/solver/reward/mean": 0.5, "timing_s/step": 3.21})
    'step 2/4  reward 0.500  3.2 s'
    """
    parts = [f"step {step}/{steps}"]
    names = {
        "reward": f"mmzero/{role}/reward/mean",
        "format": f"mmzero/{role}/format_valid",
        "render": f"mmzero/{role}/render_rate",
        "solvability": f"mmzero/{role}/solvability",
        "difficulty": f"mmzero/{role}/difficulty",
        "accuracy": f"mmzero/{role}/accuracy",
        "kl": "actor/kl_loss",
        "grad": "actor/grad_norm",
    }
    parts += [f"{name} {data[key]:.3f}" for name, key in names.items() if key in data]
    if "timing_s/step" in data:
        parts.append(f"{data['timing_s/step']:.1f} s")
    return "  ".join(parts)


def collection_line(record: Mapping[str, Any]) -> str:
    """Rows so far, accepted, rate and estimated end."""
    goal = f"/{record['target']}" if record.get("target") else ""
    second = "second pass, by variance: " if "variance" in str(record.get("phase")) else ""
    eta = record.get("eta_s")
    left = "" if eta is None else f"  ETA {clock(eta)}"
    return (
        f"{second}{record.get('done')}/{record.get('total')} rows  "
        f"{record.get('accepted')}{goal} accepted  {record.get('rows_per_min')} rows/min{left}"
    )
