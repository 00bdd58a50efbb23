"""`mmzero lab rates|labels|run|table`: whole evolutions of the tiny world, measured against the truth."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from recipe.mmzero.run.lab.experiment import Experiment, ExperimentError, Run, load
from recipe.mmzero.run.lab.measurements import save
from recipe.mmzero.run.lab.shared import with_shared
from recipe.mmzero.settings.arguments import Parser
from recipe.mmzero.settings.folder import RunFolder
from recipe.mmzero.settings.types import ROLES


def main(argv: Sequence[str]) -> int:
    parser = Parser(prog="mmzero lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    rates = commands.add_parser("rates", help="rates of every checkpoint of a run, and the truth of its rows")
    rates.add_argument("run_dir", type=Path)
    rates.add_argument("--items", type=int, default=240, help="held-out items a rate (default: 240)")
    rates.add_argument("--jobs", type=int, default=2, help="checkpoints measured at once (default: 2)")
    rates.add_argument("--json", type=Path, help="also write every value there")
    labels = commands.add_parser(
        "labels", help="where wrong labels come from: true or not, by how many answers give them"
    )
    labels.add_argument("run_dirs", type=Path, nargs="+", metavar="run_dir")
    for name, text in (
        ("run", "run what an experiment lacks"),
        ("table", "arms side by side, paired with the control"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("experiment", help="a shipped experiment (config/lab) or a YAML file")
        command.add_argument(
            "--out", type=Path, default=Path("runs/lab"), help="folder of its runs (default: runs/lab)"
        )
        command.add_argument("--arms", type=_names, default=[], help="only these, comma separated")
        command.add_argument("--seeds", type=_numbers, default=[], help="only these, comma separated")
        if name == "run":
            command.add_argument("--parallel", type=int, default=1, help="runs at once (default: 1)")
        else:
            command.add_argument(
                "--items", type=int, default=240, help="held-out items a rate (default: 240; the Solver's: three times)"
            )
            command.add_argument("--roles", type=_roles, default=ROLES, help="only these roles' rates (default: all)")
            command.add_argument("--jobs", type=int, default=2, help="checkpoints measured at once (default: 2)")
            command.add_argument("--figure", type=Path, help="also draw the curves of all arms (.png or .svg)")
            command.add_argument("--measurements", type=Path, help="folder with measurements of runs that are not here")
            command.add_argument("--save", type=Path, help="also write the measurements of each run there")
    options = parser.parse_args(list(argv))
    try:
        return {"rates": _rates, "labels": _labels, "run": _run, "table": _table}[options.command](options)
    except ExperimentError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _roles(text: str) -> list[str]:
    if unknown := set(_names(text)) - set(ROLES):
        raise argparse.ArgumentTypeError(f"no role: {', '.join(sorted(unknown))}; there are {', '.join(ROLES)}")
    return _names(text)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in _names(text)]


def _runs(options: argparse.Namespace, experiment: Experiment) -> list[Run]:
    return with_shared(experiment.runs(options.out.resolve(), options.arms, options.seeds))


def _run(options: argparse.Namespace) -> int:
    from recipe.mmzero.run.lab.runner import run_all

    return min(1, run_all(_runs(options, load(options.experiment)), options.parallel))


def _table(options: argparse.Namespace) -> int:
    from recipe.mmzero.run.lab import compare, figure

    if options.figure:
        figure.check(options.figure)
    if options.measurements and not options.measurements.is_dir():
        raise ExperimentError(f"--measurements {options.measurements}: there is no such folder")
    experiment = load(options.experiment)
    runs = _runs(options, experiment)
    found = compare.measure(experiment, runs, options.jobs, options.items, options.roles, options.measurements)
    print(compare.table(found))
    if options.save:
        written = [save(one, run, options.save) for run, one in found.measured.items() if run.folder.exists()]
        print(f"measurements of {len(written)} runs: {options.save}")
    if options.figure:
        figure.save(found, options.figure)
        print(f"figure: {options.figure}")
    return 0


def _rates(options: argparse.Namespace) -> int:
    from recipe.mmzero.report.data.truth import rates_table
    from recipe.mmzero.run.lab.measure import rates_of
    from recipe.mmzero.tiny.cache import ensure_base

    _require_run(options.run_dir)
    began = time.monotonic()
    rates = rates_of(options.run_dir, ensure_base(), options.jobs, options.items)
    print(rates_table(rates))
    print(f"measured in {time.monotonic() - began:.0f} s")
    if options.json:
        options.json.write_text(json.dumps([asdict(point) for point in rates], indent=1) + "\n")
    return 0


def _labels(options: argparse.Namespace) -> int:
    from recipe.mmzero.run.lab.labels import table

    for folder in options.run_dirs:
        _require_run(folder)
    print(table(options.run_dirs))
    return 0


def _require_run(folder: Path) -> None:
    if not RunFolder(folder).state.exists():
        raise SystemExit(f"error: {folder} is no run folder: state.json is missing")
