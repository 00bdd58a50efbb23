"""`mmzero report RUN_DIR [RUN_DIR ...]`: report.html, figures/*.png and a run card; several runs are compared.

    build(run_dir)            -> RUN_DIR/report.html, with RUN_DIR/figures/ and RUN_DIR/RUN.md beside it
    build([run_a, run_b])     -> RUN_A/compare/report.html, with figures/ and COMPARISON.md beside it
    terminal_table(run_dir)   -> the final table as plain text

The page is one file: no server, no request, below 15 MB whatever the run's size. It may be made at any time, of a run
that is going on, has failed or is damaged. Files are replaced atomically, and only those of an earlier report. Heavy
imports happen on the first call: the alarms and `mmzero status` use this package's reader and need no figures.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from recipe.mmzero.report.data.read import ReportError
from recipe.mmzero.settings.text import refused


def build(
    run_dirs: "Path | str | Sequence[Path | str]",
    out: "Path | str | None" = None,
    evaluation: "Path | str | None" = None,
) -> Path:
    """Write the report of one run, or the comparison of several; returns the page.

    Args:
        run_dirs: one run folder or several.
        out: folder to write into; default: the run folder, or RUN_A/compare for several.
        evaluation: results of `mmzero eval`, shown in the report of one run.
    Raises:
        ReportError: a folder is no run, files that are not ours are in the way, or the disk refuses; one line.
    """
    folders = [run_dirs] if isinstance(run_dirs, str | Path) else list(run_dirs)
    if not folders:
        raise ReportError("no run folder given; `mmzero report RUN_DIR`")
    from recipe.mmzero.report import compare, single

    try:
        if len(folders) == 1:
            return single.build(
                Path(folders[0]), None if out is None else Path(out), None if evaluation is None else Path(evaluation)
            )
        if evaluation is not None:
            raise ReportError("--evaluation goes with one run; mmzero eval itself compares checkpoints of several")
        return compare.build([Path(folder) for folder in folders], None if out is None else Path(out))
    except OSError as error:
        raise ReportError(refused(error)) from error


def terminal_table(run_dir: "Path | str") -> str:
    """The final table of a run, at most 120 columns of plain text (final.py).

    Raises:
        ReportError: `run_dir` is not a run folder.
    """
    from recipe.mmzero.report.data import final

    return final.terminal_table(run_dir)


def main(arguments: Sequence[str]) -> int:
    """`mmzero report`: run folders, and optionally --out FOLDER and --evaluation FOLDER."""
    words = list(arguments)
    folders: dict[str, str] = {}
    for option in ("--out", "--evaluation"):
        if option in words:
            place = words.index(option)
            if place + 1 >= len(words):
                print(f"error: {option} needs a folder", file=sys.stderr)
                return 2
            folders[option] = words[place + 1]
            del words[place : place + 2]
    started = time.monotonic()
    try:
        path = build(words, folders.get("--out"), folders.get("--evaluation"))
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB, {time.monotonic() - started:.1f} s)")
    return 0
