"""Rows of a data set as dictionaries, whatever its format: a row at a time, so that pictures never fill the memory."""

import glob
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.evaluate.suite import Benchmark

BATCH = 64
FILES = {"parquet": "*.parquet", "jsonl": "*.jsonl"}


def rows(benchmark: Benchmark) -> Iterator[tuple[dict[str, Any], str, Path]]:
    """(row, where it stands, folder of its file), in the order of the sorted file names.

    Raises:
        EvaluationError: no data, or data that cannot be read; one line.
    """
    if benchmark.split and benchmark.format != "hf-disk":
        raise EvaluationError(f"{benchmark.name}: {benchmark.format} data has no `split`; name its files in `path`")
    files = _files(benchmark)
    reader = {"parquet": _parquet, "jsonl": _jsonl, "hf-disk": _hf_disk}[benchmark.format]
    for file in files:
        try:
            for number, row in enumerate(reader(file, benchmark)):
                yield row, f"{file} row {number}", file if file.is_dir() else file.parent
        except (OSError, ValueError, ImportError, NotImplementedError) as error:  # the last: of pyarrow
            reason = " ".join(str(error).split())[:200]
            raise EvaluationError(f"{benchmark.name}: {file} cannot be read as {benchmark.format}: {reason}") from None


def _files(benchmark: Benchmark) -> list[Path]:
    path = Path(benchmark.path)
    if benchmark.format == "hf-disk":
        found = [path] if path.is_dir() else []
    elif path.is_dir():
        found = sorted(path.rglob(FILES[benchmark.format]))
    else:
        found = _matching(path)
    if not found:
        how = f"; get it: {benchmark.get}" if benchmark.get else ""
        raise EvaluationError(f"{benchmark.name}: no {benchmark.format} data at {path} (--data FOLDER says where){how}")
    return found


def _matching(pattern: Path) -> list[Path]:
    """Files of a pattern; parts that exist under the very name are no pattern, whatever brackets they hold."""
    if pattern.exists():
        return [pattern]
    root, rest = Path(pattern.anchor), pattern.parts[bool(pattern.anchor) :]
    while (root / rest[0]).exists():
        root, rest = root / rest[0], rest[1:]
    return sorted(Path(name) for name in glob.glob(f"{glob.escape(str(root))}/{'/'.join(rest)}", recursive=True))


def _parquet(file: Path, _: Benchmark) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(file) as source:
        for batch in source.iter_batches(BATCH):
            yield from batch.to_pylist()


def _jsonl(file: Path, _: Benchmark) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8-sig") as lines:  # some programs begin a file with a byte order mark
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise ValueError(f"line {number}: {error}") from None
                if not isinstance(row, dict):
                    raise ValueError(f"line {number} is no object")
                yield row


def _hf_disk(folder: Path, benchmark: Benchmark) -> Iterator[dict[str, Any]]:
    import datasets

    loaded = datasets.load_from_disk(str(folder))
    if isinstance(loaded, datasets.DatasetDict):
        if benchmark.split not in loaded:
            raise ValueError(f"its splits are {', '.join(loaded)}; set `split`")
        loaded = loaded[benchmark.split]
    elif benchmark.split and str(loaded.split) != benchmark.split:
        raise ValueError(f"it is one split ({loaded.split}), not several; leave `split` out")
    for batch in loaded.with_format("arrow").iter(BATCH):  # arrow: pictures stay bytes
        yield from batch.to_pylist()
