"""argparse as `mmzero` uses it: a wrong word is one line with the remedy, never a page of usage."""

import argparse
import os
from importlib import metadata
from pathlib import Path
from typing import NoReturn


class UsageError(ValueError):
    """Wrong command-line words; one line."""


class Parser(argparse.ArgumentParser):
    """No abbreviations, `--version` beside `--help`, errors as UsageError."""

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, allow_abbrev=False, **kwargs)
        self.add_argument("--version", action="version", version=f"mmzero {version()}", help="print the version")

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; `{self.prog} --help` explains")


def version() -> str:
    try:
        return metadata.version("mmzero")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def filled(what: str):
    """An option's value that must not be empty."""

    def read(text: str) -> str:
        if not text.strip():
            raise argparse.ArgumentTypeError(f"{what} is empty")
        return text

    return read


def place(what: str):
    """A path that must not be empty; `~` is the home, also where no shell has said so (--out=~/x)."""

    def read(text: str) -> Path:
        return Path(os.path.expanduser(filled(what)(text)))

    return read


def names(what: str):
    """A list of names with commas between them; an empty one is an error, for it would mean all."""

    def read(text: str) -> list[str]:
        found = [name.strip() for name in text.split(",")]
        if not all(found):
            raise argparse.ArgumentTypeError(f"{what} without a name, got {text!r}")
        return found

    return read


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)
