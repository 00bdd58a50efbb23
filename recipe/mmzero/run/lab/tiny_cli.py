"""`mmzero tiny build|eval|compare`: the embedded base model and its rates on held-out scenes with true labels."""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from mmzero_env.process.replace import replacing
from recipe.mmzero.run.record.artifacts import problem_with
from recipe.mmzero.settings.arguments import Parser, UsageError, place, positive


def main(argv: Sequence[str]) -> int:
    parser = Parser(prog="mmzero tiny", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build the base (cached by content hash) and print its folder")
    build.add_argument("--steps", type=positive, help="warm-up steps (default: the tuned number)")
    build.add_argument("--out", type=place("the folder"), help="also copy the base there")
    check = commands.add_parser("eval", help="rates of a checkpoint in all three roles")
    model = place("the model folder")
    check.add_argument("model", type=model)
    check.add_argument("--items", type=positive, default=150)
    pair = commands.add_parser("compare", help="rates of two checkpoints on the same held-out items, paired")
    pair.add_argument("before", type=model)
    pair.add_argument("after", type=model)
    pair.add_argument("--items", type=positive, default=240)
    options = parser.parse_args(list(argv))
    return {"build": _build, "eval": _eval, "compare": _compare}[options.command](options)


def _build(options: argparse.Namespace) -> int:
    from recipe.mmzero.tiny.cache import ensure_base
    from recipe.mmzero.tiny.settings import WarmupConfig

    config = WarmupConfig(steps=options.steps) if options.steps else WarmupConfig()
    if options.out and options.out.exists():
        raise UsageError(f"{options.out} exists; give a folder that does not")
    folder = ensure_base(config)
    if options.out:
        with replacing(options.out) as temporary:
            shutil.copytree(folder, temporary)
    print(folder)
    return 0


def _eval(options: argparse.Namespace) -> int:
    from recipe.mmzero.tiny.evaluate import evaluate_roles
    from recipe.mmzero.tiny.sample import Sampler

    _print_rates(evaluate_roles(Sampler(_existing(options.model)), options.items), options.items)
    return 0


def _compare(options: argparse.Namespace) -> int:
    from recipe.mmzero.report.data.truth import Rates, asked, rates_table
    from recipe.mmzero.run.lab.measure import measured
    from recipe.mmzero.settings.types.run import ROLES

    sides = [_existing(options.before), _existing(options.after)]
    found = measured([(role, folder) for folder in sides for role in ROLES], options.items)
    points = [
        Rates(number, *({role: found[role, folder][part] for role in ROLES} for part in ("values", "whole")))
        for number, folder in enumerate(sides)
    ]
    print(f"{rates_table(points, heads=('before', 'after'))}\n{asked(points)}")
    return 0


def _existing(folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise SystemExit(f"error: no model in {folder}: config.json is missing")
    if problem := problem_with(folder):
        raise SystemExit(f"error: {problem}")
    return folder


def _print_rates(numbers: dict[str, float], items: int) -> None:
    from recipe.mmzero.report.data.stats import wilson

    for name, value in numbers.items():
        low, high = wilson(value * items, items) if value == value else (0.0, 1.0)
        print(f"{name:<30}{value:>7.3f}   [{low:.3f}, {high:.3f}]")
