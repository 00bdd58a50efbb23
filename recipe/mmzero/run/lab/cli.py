"""`mmzero lab rates|labels|run|table`: whole evolutions of the tiny world, measured against the truth."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mmzero_env.process.replace import write
from recipe.mmzero.run.lab.experiment import Experiment, ExperimentError, Run, load
from recipe.mmzero.run.lab.measurements import save
from recipe.mmzero.run.lab.shared import with_shared
from recipe.mmzero.run.record.journal import JournalError
from recipe.mmzero.settings.arguments import Parser, names, place, positive
from recipe.mmzero.settings.folder import RunFolder
from recipe.mmzero.settings.types.run import ROLES


def main(argv: Sequence[str]) -> int:
    parser = Parser(prog="mmzero lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    rates = commands.add_parser("rates", help="rates of every checkpoint of a run, and the truth of its rows")
    run_folder = place("the run folder")
    rates.add_argument("run_dir", type=run_folder)
    rates.add_argument("--items", type=positive, default=240, help="held-out items a rate (default: 240)")
    rates.add_argument("--jobs", type=positive, default=2, help="checkpoints measured at once (default: 2)")
    rates.add_argument("--json", type=place("the file"), help="also write every value there")
    labels = commands.add_parser(
        "labels", help="where wrong labels come from: true or not, by how many answers give them"
    )
    labels.add_argument("run_dirs", type=run_folder, nargs="+", metavar="run_dir")
    folder = place("the folder")
    for name, text in (
        ("run", "run what an experiment lacks"),
        ("table", "arms side by side, paired with the control"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("experiment", help="a shipped experiment (config/lab) or a YAML file")
        command.add_argument(
            "--out", type=folder, default=Path("runs/lab"), help="folder of its runs (default: runs/lab)"
        )
        command.add_argument("--arms", type=names("a list of arms"), default=[], help="only these, comma separated")
        command.add_argument("--seeds", type=_numbers, default=[], help="only these, comma separated")
        if name == "run":
            command.add_argument("--parallel", type=positive, default=1, help="runs at once (default: 1)")
        else:
            asked = "held-out items a rate (default: 240; the Solver's: three times)"
            command.add_argument("--items", type=positive, default=240, help=asked)
            command.add_argument("--roles", type=_roles, default=ROLES, help="only these roles' rates (default: all)")
            command.add_argument("--jobs", type=positive, default=2, help="checkpoints measured at once (default: 2)")
            curves = "also draw the curves of all arms (.png or .svg)"
            command.add_argument("--figure", type=place("the file"), help=curves)
            command.add_argument(
                "--measurements", type=folder, help="folder with measurements of runs that are not here"
            )
            command.add_argument("--save", type=folder, help="also write the measurements of each run there")
    options = parser.parse_args(list(argv))
    try:
        return {"rates": _rates, "labels": _labels, "run": _run, "table": _table}[options.command](options)
    except (ExperimentError, JournalError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _roles(text: str) -> list[str]:
    found = names("a list of roles")(text)
    if unknown := set(found) - set(ROLES):
        raise argparse.ArgumentTypeError(f"no role: {', '.join(sorted(unknown))}; there are {', '.join(ROLES)}")
    return found


def _numbers(text: str) -> list[int]:
    found = names("a list of seeds")(text)
    if wrong := [number for number in found if not number.isdecimal()]:
        raise argparse.ArgumentTypeError(f"a seed is a whole number, got {wrong[0]!r}")
    if len(set(map(int, found))) < len(found):
        raise argparse.ArgumentTypeError("a seed stands there twice")
    return [int(number) for number in found]


def _runs(options: argparse.Namespace, experiment: Experiment) -> list[Run]:
    return with_shared(experiment.runs(options.out.resolve(), options.arms, options.seeds))


def _run(options: argparse.Namespace) -> int:
    from recipe.mmzero.run.lab.runner import run_all

    return min(1, run_all(_runs(options, load(options.experiment)), options.parallel))


def _table(options: argparse.Namespace) -> int:
    from recipe.mmzero.run.lab import compare, figure
    from recipe.mmzero.run.lab.runner import unreadable

    if options.figure:
        figure.check(options.figure)
    if options.measurements and not options.measurements.is_dir():
        raise ExperimentError(f"--measurements {options.measurements}: there is no such folder")
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
    experiment = load(options.experiment)
    runs = _runs(options, experiment)
    for reason in filter(None, map(unreadable, runs)):
        print(f"left out: {reason}", file=sys.stderr)
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
    if options.json and (options.json.is_dir() or not os.access(options.json.parent, os.W_OK)):
        raise ExperimentError(f"--json {options.json}: no file can be made there")
    began = time.monotonic()
    rates = rates_of(options.run_dir, ensure_base(), options.jobs, options.items)
    print(rates_table(rates))
    print(f"measured in {time.monotonic() - began:.0f} s")
    if options.json:
        write(options.json, json.dumps([asdict(point) for point in rates], indent=1) + "\n")
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
