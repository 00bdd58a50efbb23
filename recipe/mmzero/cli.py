"""`mmzero`: run, plan, config, status, doctor, report, eval, export, clean, tiny, lab.

Thin: parses arguments, loads the typed config, calls the part that does the work. Heavy imports happen there, so that
`mmzero --help` and every configuration error answer within seconds.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

from recipe.mmzero.settings.arguments import Parser, UsageError, filled, positive

EXAMPLES = """\
A key is any entry of recipe/mmzero/config/mmzero.yaml, for example model=qwen2_5_vl_7b hardware=gpu8x80 seed=1;
`mmzero run --help` lists them, `mmzero config` those of the profiles and alarms as well, `mmzero COMMAND --help` the
options of a command.
"""


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is not None and sys.stdout.errors == "strict":  # a name or a mark that the terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    from recipe.mmzero.settings.text import refused
    from recipe.mmzero.settings.types.run import ConfigError

    try:
        if not arguments or arguments[0] in ("-h", "--help", "help"):
            print(usage(), end="", flush=True)
            return 0 if arguments else 2
        if not _here():
            raise UsageError("the current folder was removed; cd to one that exists")
        if arguments[0] == "--version":
            Parser(prog="mmzero").parse_args(arguments[:1])
        command, rest = arguments[0], arguments[1:]
        if command not in COMMANDS:
            from mmzero_env.config.hints import did_you_mean

            raise UsageError(
                f"unknown command '{command}'; one of {', '.join(COMMANDS)}{did_you_mean(command, COMMANDS)}"
            )
        return COMMANDS[command][0](rest)
    except (ConfigError, UsageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except SystemExit as stop:  # argparse: --help and --version; `tiny` ends with a line
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
            return 1
        return int(stop.code or 0)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 141
    except OSError as error:  # a command that can say more has caught it
        print(f"error: {refused(error)}", file=sys.stderr)
        return 1


def _here() -> bool:
    try:
        return Path.cwd().is_dir()
    except OSError:
        return False


def usage() -> str:
    lines = [f"  {name:<8}{summary}" for name, (_, summary) in COMMANDS.items()]
    return "usage: mmzero COMMAND [ARGS]\n       mmzero --help | --version\n\n" + "\n".join(lines) + "\n\n" + EXAMPLES


def _parser(command: str, description: str = "", keys: bool = False) -> Parser:
    """The parser of one command; `keys`: it takes key=value words, and its help lists them all."""
    epilog = None
    if keys:
        listing = resources.files("recipe.mmzero.config").joinpath("mmzero.yaml").read_text(encoding="utf-8")
        epilog = f"The keys and their defaults:\n\n{listing}"
    parser = Parser(prog=f"mmzero {command}", description=description or COMMANDS[command][1], epilog=epilog)
    if keys:
        parser.add_argument("overrides", nargs="*", metavar="key=value", help="any key of the list below")
    return parser


def _parse(parser: Parser, arguments: Sequence[str]) -> argparse.Namespace:
    words = list(arguments)
    if "--" in words:  # the parser of intermixed words loses what follows; a path that begins with a dash is ./-x
        place = words.index("--")
        words[place:] = [f"./{word}" if word.startswith("-") else word for word in words[place + 1 :]]
    return parser.parse_intermixed_args(words)


def run(arguments: Sequence[str]) -> int:
    parser = _parser("run", keys=True)
    step = filled("the step name")
    parser.add_argument("--from", dest="first", type=step, metavar="STEP", help="redo from this step, iter_01/coder")
    parser.add_argument("--until", type=step, metavar="STEP", help="stop after this step")
    parser.add_argument("--iterations", type=positive, metavar="N", help="the same as evolution.iterations=N")
    parser.add_argument(
        "--on-mismatch",
        choices=("stop", "redo", "new"),
        help="when settings or inputs of a finished step changed: the same as evolution.on_mismatch=...",
    )
    options = _parse(parser, arguments)
    overrides = list(options.overrides)
    if options.iterations:
        overrides.append(f"evolution.iterations={options.iterations}")
    if options.on_mismatch:
        overrides.append(f"evolution.on_mismatch={options.on_mismatch}")
    from recipe.mmzero.run import loop
    from recipe.mmzero.settings import schema

    return loop.run(schema.load(overrides), from_step=options.first, until=options.until)


def plan(arguments: Sequence[str]) -> int:
    parser = _parser("plan", keys=True)
    parser.add_argument("--commands", action="store_true", help="also each stage's resolved verl command and config")
    parser.add_argument("--json", action="store_true", help="steps, seconds, GPU hours and money for a program")
    options = _parse(parser, arguments)
    from recipe.mmzero.machine import doctor as checks
    from recipe.mmzero.run import hours
    from recipe.mmzero.run import plan as planning
    from recipe.mmzero.settings import schema

    config = schema.load(options.overrides)
    checks.require_sense(config)
    steps = planning.plan(config)
    found = hours.hours(config, steps)
    if options.json:
        print(json.dumps({"plan": planning.plain(steps), "forecast": hours.plain(found, steps)}, indent=1))
        return 0
    print(planning.format_plan(steps))
    print(f"\n{hours.table(found, steps)}")
    for misfit in checks.misfits(config):  # hours of what cannot run would mislead
        print(misfit.line())
    if options.commands:
        from recipe.mmzero.machine.forecast.calls import calls_at_once
        from recipe.mmzero.machine.model_folder import checkpoint_of
        from recipe.mmzero.settings.verl import preview

        print(
            preview.commands(
                config,
                steps,
                lambda reference: checkpoint_of(config, reference),
                lambda step: calls_at_once(config, step.stage, step.inputs),
            )
        )
    return 0


def config(arguments: Sequence[str]) -> int:
    options = _parse(_parser("config", keys=True), arguments)
    from recipe.mmzero.settings import sources

    print(sources.listing(options.overrides))
    return 0


def status(arguments: Sequence[str]) -> int:
    parser = _parser("status")
    parser.add_argument("run_dir", type=filled("the run folder"), metavar="RUN_DIR")
    parser.add_argument("--watch", action="store_true", help="go on until the run ends")
    options = _parse(parser, arguments)
    from recipe.mmzero.run.status import view

    return view.main(Path(options.run_dir), watch=options.watch)


def doctor(arguments: Sequence[str]) -> int:
    parser = _parser("doctor", keys=True)
    parser.add_argument(
        "--brief",
        action="store_true",
        help="only WARN and FAIL and one summary line; skips what takes more than a moment",
    )
    for group in ("hardware", "model"):
        name = filled(f"{group}=NAME")
        parser.add_argument(f"--{group}", type=name, metavar="NAME", help=f"the same as {group}=NAME")
    options = _parse(parser, arguments)
    overrides = list(options.overrides)
    overrides += [f"{group}={name}" for group in ("hardware", "model") if (name := getattr(options, group))]
    from recipe.mmzero.machine import doctor as checks

    return checks.main(overrides, options.brief)


def report(arguments: Sequence[str]) -> int:
    parser = _parser("report")
    parser.add_argument("run_dirs", nargs="+", type=filled("the run folder"), metavar="RUN_DIR")
    parser.add_argument(
        "--out", type=filled("the folder"), metavar="FOLDER", help="write there instead of into the run"
    )
    parser.add_argument("--evaluation", type=filled("the folder"), metavar="DIR", help="show results of mmzero eval")
    options = _parse(parser, arguments)
    from recipe.mmzero import report as pages

    words = [*options.run_dirs, *(["--out", options.out] if options.out else [])]
    return pages.main([*words, *(["--evaluation", options.evaluation] if options.evaluation else [])])


def export(arguments: Sequence[str]) -> int:
    parser = _parser("export")
    parser.add_argument("run_dir", type=filled("the run folder"), metavar="RUN_DIR")
    parser.add_argument("step", type=filled("the step name"), metavar="STEP", help="a training stage, iter_01/coder")
    parser.add_argument("--merged", action="store_true", help="a plain transformers folder, also of an adapter")
    parser.add_argument("--out", type=filled("the folder"), metavar="FOLDER", help="copy it there")
    options = _parse(parser, arguments)
    from recipe.mmzero.engine.train import exported

    target = Path(options.out).expanduser() if options.out else None
    try:
        print(exported.export(Path(options.run_dir).expanduser(), options.step, options.merged, target))
    except ValueError as error:
        raise UsageError(str(error)) from None
    return 0


def clean(arguments: Sequence[str]) -> int:
    parser = _parser("clean")
    parser.add_argument("run_dir", type=filled("the run folder"), metavar="RUN_DIR")
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    options = _parse(parser, arguments)
    run_dir = Path(options.run_dir).expanduser()
    if not (run_dir / "state.json").is_file():
        raise UsageError(f"{run_dir} is no run folder: it has no state.json")
    from recipe.mmzero.run import clean as cleaning
    from recipe.mmzero.run.record.journal import JournalError

    try:
        found = cleaning.removable(run_dir)
    except JournalError as error:
        raise UsageError(str(error)) from None
    if not found:
        print(f"{run_dir}: nothing to remove")
        return 0
    for path, size, why in found:
        print(f"{size / 2**20:10.1f} MiB  {path}  ({why})")
    total = sum(size for _, size, _ in found)
    print(f"{total / 2**20:10.1f} MiB  in all")
    if not options.yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError("nothing removed: give --yes, or answer at a terminal")
        print("Remove them? [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            print("nothing removed")
            return 1
    cleaning.remove(run_dir, [path for path, _, _ in found])
    print(f"removed {total / 2**20:.1f} MiB")
    return 0


def tiny(arguments: Sequence[str]) -> int:
    from recipe.mmzero.run.lab import tiny_cli

    return tiny_cli.main(list(arguments))


def lab(arguments: Sequence[str]) -> int:
    from recipe.mmzero.run.lab import cli as lab_cli

    return lab_cli.main(list(arguments))


def evaluate(arguments: Sequence[str]) -> int:
    from recipe.mmzero.run.evaluate import cli as evaluate_cli

    return evaluate_cli.main(list(arguments))


COMMANDS: dict[str, tuple[Callable[[Sequence[str]], int], str]] = {
    "run": (run, "run or resume an evolution"),
    "plan": (plan, "print the steps of a run, their work, hours and money; run nothing"),
    "config": (config, "print the resolved configuration and where each value comes from"),
    "status": (status, "what of a run is done, running and next"),
    "doctor": (doctor, "check this machine for a profile: hardware=... model=..."),
    "report": (report, "write report.html, figures and run card; several runs are compared"),
    "eval": (evaluate, "benchmarks of checkpoints with intervals, paired with the base"),
    "export": (export, "print or copy the model of a finished training stage; adapters can be merged"),
    "clean": (clean, "list what can go from a run folder, and remove it when told so"),
    "tiny": (tiny, "build, evaluate and compare the embedded tiny base model"),
    "lab": (lab, "run experiments on the tiny world and measure them against the truth"),
}

if __name__ == "__main__":
    sys.exit(main())
