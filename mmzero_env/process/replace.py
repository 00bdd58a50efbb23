"""The one way in which a file or folder is replaced: written beside its place, then renamed onto it. And the one in
which a line is added to a file that grows over attempts."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = ".part"
"""End of the name of a file that is being written. Nobody reads one; a killed process leaves it."""


@contextmanager
def replacing(target: Path, sync: bool = False, shared: bool = False) -> Iterator[Path]:
    """A name to write to; when the block ends, what was written there takes the place of `target` in one rename.

    What is written may be a folder. An exception in the block leaves `target` as it is and removes what was written.

    Args:
        sync: after a power cut the old content or the new one is there (the file and its folder are synced).
        shared: several processes may write this target at once; each gets a name of its own.
    """
    unique = f".{uuid.uuid4().hex}" if shared else ""
    temporary = target.with_name(f"{target.name}{unique}{PART}")
    _remove(temporary)
    try:
        yield temporary
        if sync:
            sync_path(temporary)
        if temporary.is_dir():
            _remove(target)  # a folder cannot be renamed onto one with content
        os.replace(temporary, target)
    except BaseException as error:
        _remove(temporary)
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = str(target)  # a write to a full disk names no file
        raise
    if sync:
        sync_path(target.parent)


def write(target: Path, content: str | bytes, sync: bool = False, shared: bool = False) -> None:
    """Replace a file in one rename; see `replacing`."""
    with replacing(target, sync, shared) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def append(target: Path, line: str) -> None:
    """Add a line. Half a line that a killed writer left stays a line of its own: it would spoil this one."""
    with target.open("a+b") as file:
        if size := file.seek(0, os.SEEK_END):
            file.seek(size - 1)
        cut = size and file.read(1) != b"\n"
        file.write(("\n" if cut else "").encode() + line.encode() + b"\n")


def sync_path(path: Path) -> None:
    """fsync a file or a folder by name."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(path: Path) -> None:
    """fsync a file, or a folder with everything in it, whoever wrote that."""
    if not path.is_dir():
        sync_path(path)
        return
    for folder, _, names in os.walk(path, topdown=False):
        for name in names:
            sync_path(Path(folder, name))
        sync_path(Path(folder))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove what killed writers left; for a time at which nobody writes there."""
    for leftover in folder.glob(f"*{PART}"):
        leftover.unlink(missing_ok=True)
