"""What was measured of a finished run, in one small text file: a table can be made where the runs are not.

    save(measured, run, folder)    # FOLDER/EXPERIMENT/ARM/seed_N.json
    find(run, folder)              # of a run with the same settings, whichever experiment made it

A value is a share of at most `SAMPLES` answers to an item, so a rate is a text of one digit an item (how many of them),
`-` where the item has no value.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmzero_env.process.replace import write
from recipe.mmzero.report.data.truth import Rates
from recipe.mmzero.run.lab.experiment import ExperimentError, Run, settings_of

SAMPLES = 4
NONE = "-"


@dataclass(frozen=True)
class Measurements:
    """Of one finished run.

    points: the base and each iteration. generations: texts that its models wrote, at most. seconds, busy: how long it
    took, and whether the machine did other work meanwhile; None where nobody noted it. again: the base once more, other
    samples of the same items (of runs that others are compared with). taken_from: EXPERIMENT/ARM, if another
    experiment made the run.
    """

    words: Sequence[str]
    points: list[Rates]
    generations: int
    seconds: float | None = None
    busy: bool | None = None
    again: Rates | None = None
    taken_from: str = ""


def save(measured: Measurements, run: Run, folder: Path) -> Path:
    """Write them; `again` of the same items stays, if it was written when the run was another table's control.

    Raises:
        OSError: the disk refuses.
        ValueError: a value is no share of `SAMPLES` answers.
        ExperimentError: the file that is there holds something else.
    """
    target, again = _target(run, folder), measured.again
    if again is None and target.exists():
        before = _read(target).again
        again = before if before is not None and _items(before) == _items(measured.points[0]) else None
    plain = {
        "words": list(measured.words),
        "generations": measured.generations,
        "seconds": measured.seconds,
        "busy": measured.busy,
        "points": [_packed(point) for point in measured.points],
        "again": again and _packed(again),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    write(target, json.dumps(plain, indent=1) + "\n")
    return target


def find(run: Run, folder: Path) -> Measurements | None:
    """Those of this run, else of any run with the same settings.

    Raises:
        ExperimentError: a file holds something else.
    """
    own = _target(run, folder)
    for path in [own, *sorted(folder.glob(f"*/*/{own.name}"))]:
        if path.exists() and settings_of((found := _read(path)).words) == run.settings:
            return found if path == own else replace(found, taken_from=str(path.parent.relative_to(folder)))
    return None


def _target(run: Run, folder: Path) -> Path:
    """Named as the run's own folder is below that of all runs."""
    return folder / run.folder.relative_to(run.folder.parents[2]).with_suffix(".json")


def _read(path: Path) -> Measurements:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        again = plain["again"] and _unpacked(plain["again"])
        points = [_unpacked(point) for point in plain["points"]]
        if any(_items(point) != _items(points[0]) for point in [*points, again or points[0]]):
            raise ValueError("its points are of different items")
        return Measurements(plain["words"], points, plain["generations"], plain["seconds"], plain["busy"], again)
    except (ValueError, TypeError, LookupError) as error:
        said = f"{type(error).__name__}: {error}"
        raise ExperimentError(f"{path} holds no measurements of a run ({said}); remove it") from None


def _items(point: Rates) -> dict[tuple[str, str], int]:
    roles = {role: own for role, own in point.values.items() if role != "rows"}
    return {(role, name): len(values) for role, own in roles.items() for name, values in own.items()}


def _packed(point: Rates) -> dict[str, Any]:
    values = {role: {name: _digits(items) for name, items in own.items()} for role, own in point.values.items()}
    return {"iteration": point.iteration, "values": values, "whole": point.whole}


def _unpacked(plain: Mapping[str, Any]) -> Rates:
    values = {role: {name: _values(text) for name, text in own.items()} for role, own in plain["values"].items()}
    return Rates(plain["iteration"], values, plain["whole"])


def _digits(values: Sequence[float | None]) -> str:
    counts = [None if value is None else SAMPLES * value for value in values]
    if wrong := [count for count in counts if count is not None and count not in range(SAMPLES + 1)]:
        raise ValueError(f"{wrong[0] / SAMPLES} is no share of {SAMPLES} answers")
    return "".join(NONE if count is None else str(int(count)) for count in counts)


def _values(text: str) -> list[float | None]:
    return [None if digit == NONE else int(digit) / SAMPLES for digit in text]
