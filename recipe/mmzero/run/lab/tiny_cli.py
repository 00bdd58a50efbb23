"""`mmzero tiny build|eval|compare`: the embedded base model and its rates on held-out scenes with true labels."""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from recipe.mmzero.settings.arguments import Parser


def main(argv: Sequence[str]) -> int:
    parser = Parser(prog="mmzero tiny", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build the base (cached by content hash) and print its folder")
    build.add_argument("--steps", type=int, help="warm-up steps (default: the tuned number)")
    build.add_argument("--out", type=Path, help="also copy the base there")
    check = commands.add_parser("eval", help="rates of a checkpoint in all three roles")
    check.add_argument("model", type=Path)
    check.add_argument("--items", type=int, default=150)
    pair = commands.add_parser("compare", help="Solver accuracy of two checkpoints on the same held-out items")
    pair.add_argument("before", type=Path)
    pair.add_argument("after", type=Path)
    pair.add_argument("--items", type=int, default=200)
    pair.add_argument("--samples", type=int, default=4)
    pair.add_argument("--json", type=Path, help="also write the numbers there")
    options = parser.parse_args(list(argv))
    return {"build": _build, "eval": _eval, "compare": _compare}[options.command](options)


def _build(options: argparse.Namespace) -> int:
    from recipe.mmzero.tiny.cache import ensure_base
    from recipe.mmzero.tiny.settings import WarmupConfig

    config = WarmupConfig(steps=options.steps) if options.steps else WarmupConfig()
    folder = ensure_base(config)
    if options.out:
        shutil.copytree(folder, options.out, dirs_exist_ok=True)
    print(folder)
    return 0


def _eval(options: argparse.Namespace) -> int:
    from recipe.mmzero.tiny.evaluate import evaluate_roles
    from recipe.mmzero.tiny.sample import Sampler

    _print_rates(evaluate_roles(Sampler(_existing(options.model)), options.items), options.items)
    return 0


def _compare(options: argparse.Namespace) -> int:
    from recipe.mmzero.report.data.stats import wilson
    from recipe.mmzero.tiny.evaluate import compare

    numbers = compare(_existing(options.before), _existing(options.after), options.items, options.samples)
    for kind in ("easy", "hard"):
        cells = []
        for when in ("before", "after"):
            share = numbers[when][f"{kind}_accuracy"]
            low, high = wilson(share * options.items, options.items)
            cells.append(f"{when} {share:.3f} [{low:.3f}, {high:.3f}]")
        print(f"solver held-out {kind:<5}{'  '.join(cells)}  ({options.items} items x {options.samples} samples)")
    if options.json:
        options.json.write_text(json.dumps(numbers, indent=1) + "\n")
    return 0


def _existing(folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise SystemExit(f"error: no model in {folder}: config.json is missing")
    return folder


def _print_rates(numbers: dict[str, float], items: int) -> None:
    from recipe.mmzero.report.data.stats import wilson

    for name, value in numbers.items():
        low, high = wilson(value * items, items) if value == value else (0.0, 1.0)
        print(f"{name:<30}{value:>7.3f}   [{low:.3f}, {high:.3f}]")
