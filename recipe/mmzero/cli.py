"""`mmzero`: run, plan, status, doctor, report, tiny.

Thin: parses arguments, loads the typed config, calls the part that does the work. Heavy imports happen there, so that
`mmzero --help` and every configuration error answer within seconds.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

USAGE = """usage: mmzero COMMAND [ARGS]

  run    [--from STEP] [--until STEP] [--on-mismatch stop|redo|new] [key=value ...]
                         run or resume an evolution; `mmzero run --help` lists every key
  plan   [--commands] [key=value ...]
                         print the steps of `run` and run nothing; --commands adds each stage's verl command and config
  status RUN_DIR [--watch]
                         what is done, running and next
  doctor [key=value ...] check this machine for a profile: hardware=... model=...
  report RUN_DIR [RUN_DIR ...]
                         report.html, figures and run card; several runs are compared
  tiny   build|eval ...  the embedded tiny base model

A key is any entry of recipe/mmzero/config/mmzero.yaml, for example model=qwen2_5_vl_7b hardware=gpu8x80 seed=1.
"""


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0 if arguments else 2
    command, rest = arguments[0], arguments[1:]
    if command not in COMMANDS:
        print(f"error: unknown command '{command}'; one of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    from recipe.mmzero.settings.schema import ConfigError

    try:
        return COMMANDS[command](rest)
    except (ConfigError, UsageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


class UsageError(ValueError):
    """Wrong command-line words; one line."""


def _split(arguments: Sequence[str], flags: dict[str, bool]) -> tuple[dict[str, str], list[str]]:
    """Options (`--name value`, `--name=value`, or bare for those mapped to False) and the rest."""
    options: dict[str, str] = {}
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if not word.startswith("--"):
            rest.append(word)
            continue
        name, equals, value = word.partition("=")
        if name not in flags:
            raise UsageError(f"unknown option {name}; one of {', '.join(sorted(flags)) or 'none'}")
        if flags[name] and not equals:
            value = next(words, "")
            if not value:
                raise UsageError(f"{name} needs a value")
        options[name] = value
    return options, rest


def _print_keys() -> int:
    from importlib import resources

    print(resources.files("recipe.mmzero.config").joinpath("mmzero.yaml").read_text(), end="")
    return 0


def run(arguments: Sequence[str]) -> int:
    options, overrides = _split(
        arguments, {"--from": True, "--until": True, "--iterations": True, "--on-mismatch": True, "--help": False}
    )
    if "--help" in options:
        return _print_keys()
    if "--iterations" in options:
        overrides.append(f"evolution.iterations={options['--iterations']}")
    if "--on-mismatch" in options:
        overrides.append(f"evolution.on_mismatch={options['--on-mismatch']}")
    from recipe.mmzero.run import loop
    from recipe.mmzero.settings import schema

    config = schema.load(overrides)
    return loop.run(config, from_step=options.get("--from"), until=options.get("--until"))


def plan(arguments: Sequence[str]) -> int:
    options, overrides = _split(arguments, {"--commands": False, "--help": False})
    if "--help" in options:
        return _print_keys()
    from recipe.mmzero.run import plan as planning
    from recipe.mmzero.settings import schema

    config = schema.load(overrides)
    steps = planning.plan(config)
    print(planning.format_plan(steps))
    if "--commands" in options:
        from recipe.mmzero.settings import preview

        print(preview.commands(config, steps))
    return 0


def status(arguments: Sequence[str]) -> int:
    options, rest = _split(arguments, {"--watch": False})
    if len(rest) != 1:
        raise UsageError("mmzero status takes one run folder")
    from recipe.mmzero.run.status import view

    return view.main(Path(rest[0]), watch="--watch" in options)


def doctor(arguments: Sequence[str]) -> int:
    from recipe.mmzero.machine import doctor as checks

    return checks.main(list(arguments))


def report(arguments: Sequence[str]) -> int:
    if not arguments:
        raise UsageError("mmzero report takes at least one run folder")
    from recipe.mmzero import report as pages

    return pages.main(list(arguments))


def tiny(arguments: Sequence[str]) -> int:
    from recipe.mmzero.tiny import cli as tiny_cli

    return tiny_cli.main(list(arguments))


def lab(arguments: Sequence[str]) -> int:
    from recipe.mmzero.run.lab import cli as lab_cli

    return lab_cli.main(list(arguments))


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "run": run,
    "plan": plan,
    "status": status,
    "doctor": doctor,
    "report": report,
    "tiny": tiny,
    "lab": lab,
}

if __name__ == "__main__":
    sys.exit(main())
