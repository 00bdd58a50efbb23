"""argparse as `mmzero` uses it: a wrong word is one line with the remedy, never a page of usage."""

import argparse
from importlib import metadata
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


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)
