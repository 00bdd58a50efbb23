"""From a shell: `python -m mmzero_env render FILE... -o DIR`, `... doctor` and `... selftest`."""

import argparse
import dataclasses
import sys
from pathlib import Path

from mmzero_env.config import RenderConfig
from mmzero_env.config.ranges import rules_of
from mmzero_env.env import RenderEnv
from mmzero_env.results import RenderEnvError, RenderRequest, RenderResult
from mmzero_env.selfcheck import selftest
from mmzero_env.selfcheck.doctor import examine

LANGUAGE_OF = {".svg": "svg", ".xml": "svg", ".py": "python"}


def main(argv: list[str] | None = None) -> int:
    """0: everything drew, is on or was stopped; 1: something did not; 2: bad use, one line on stderr."""
    arguments = parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except (ValueError, OSError, RenderEnvError) as error:
        print(f"mmzero_env: {error}", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m mmzero_env", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="render | doctor | selftest")
    render = commands.add_parser("render", help="draw files (.svg, .xml, .py); each becomes DIR/NAME.png")
    render.add_argument("files", nargs="+", type=Path, metavar="FILE")
    render.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    rules = rules_of(RenderConfig)
    for key in dataclasses.fields(RenderConfig):
        rule, kind = rules[key.name], type(key.default)
        choices = rule.choices or None
        help_text = f"{rule.says} (default: {key.default})"
        render.add_argument(
            f"--{key.name.replace('_', '-')}", type=kind, default=key.default, choices=choices, help=help_text
        )
    render.set_defaults(run=run_render)
    commands.add_parser("doctor", help="each layer of the sandbox: on or off, and why").set_defaults(run=run_doctor)
    tries = commands.add_parser("selftest", help="attacks tried on this machine, and which layer stops each; seconds")
    tries.set_defaults(run=run_selftest)
    return top


def run_render(arguments: argparse.Namespace) -> int:
    """Draw files and print one row each."""
    config = RenderConfig(**{key.name: getattr(arguments, key.name) for key in dataclasses.fields(RenderConfig)})
    names = targets(arguments.files, arguments.out)
    requests = [RenderRequest(file.read_text("utf-8", "replace"), language_of(file)) for file in arguments.files]
    arguments.out.mkdir(parents=True, exist_ok=True)
    width = max(len(str(file)) for file in arguments.files)
    print(f"{'file':{width}}  {'status':13}  {'ms':>6}  {'size':>9}  message")
    failures = 0
    with RenderEnv(config) as env:
        for file, target, result in zip(arguments.files, names, env.render_many(requests), strict=True):
            if result.png is not None:
                target.write_bytes(result.png)
            failures += not result.ok
            print(row(str(file).ljust(width), result))
    return 1 if failures else 0


def run_doctor(arguments: argparse.Namespace) -> int:
    """Print each layer and language."""
    found = examine()
    for name, fine, detail in found:
        print(f"{name:13} {'on ' if fine else 'OFF'}  {detail}")
    print("what each layer stops here, tried out: python -m mmzero_env selftest")
    return 0 if all(fine for _, fine, _ in found) else 1


def run_selftest(arguments: argparse.Namespace) -> int:
    """Print what each layer and the whole environment stopped."""
    report = selftest.run()
    for line in selftest.lines(report):
        print(line)
    return 0 if report.fine else 1


def row(name: str, result: RenderResult) -> str:
    size = f"{result.width}x{result.height}" if result.ok else "-"
    said = result.message or result.note
    return f"{name}  {result.status.name:13}  {1000 * result.wall_s:6.0f}  {size:>9}  {said}".rstrip()


def language_of(file: Path) -> str:
    """Raises ValueError for files that are neither."""
    try:
        return LANGUAGE_OF[file.suffix.lower()]
    except KeyError:
        raise ValueError(f"{file}: expected a name ending in {', '.join(LANGUAGE_OF)}") from None


def targets(files: list[Path], folder: Path) -> list[Path]:
    """Where each picture goes. Raises ValueError if two would go to the same place."""
    names = [folder / f"{file.stem}.png" for file in files]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ValueError(f"{files[names.index(name)]} and {files[index]} would both become {name}")
    return names


if __name__ == "__main__":
    sys.exit(main())
