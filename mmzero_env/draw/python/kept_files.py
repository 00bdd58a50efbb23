"""Removing and renaming in a snippet's own folder, where no file may lose its name.

A file without a name holds memory that nobody sees, so the wall lets a snippet only move a file to a name that is free
(sandbox/seccomp.py). From that this makes what snippets expect of `os.remove` and `os.replace`: a removed file is
emptied, unless this process still has it open, and lies aside as ".removed-N", which os.listdir leaves out. A snippet
that calls the kernel itself is refused.
"""

import ctypes
import itertools
import os
import tempfile
from typing import Any

from mmzero_env.sandbox.kernel import syscall
from mmzero_env.sandbox.limits import OPEN_FILES
from mmzero_env.sandbox.seccomp import RENAME_NOREPLACE

AT_FDCWD = -100
ASIDE = ".removed-"
_numbers = itertools.count()


def install() -> None:
    """Replace what removes and renames, for the life of this process."""
    unlink = os.unlink
    os.remove = os.unlink = remove
    os.rename = os.replace = replace
    list_all = os.listdir
    os.listdir = lambda path=".": [name for name in list_all(path) if not str(name).startswith(ASIDE)]
    for method in vars(tempfile._TemporaryFileCloser).values():
        if defaults := getattr(method, "__defaults__", None):  # it keeps the function that it found at its start
            method.__defaults__ = tuple(remove if value is unlink else value for value in defaults)


def remove(path: Any, *, dir_fd: int | None = None) -> None:
    """Raises OSError as os.remove does."""
    facts = os.stat(path, dir_fd=dir_fd, follow_symlinks=False)
    aside = os.path.join(os.path.dirname(os.fsdecode(path)), f"{ASIDE}{next(_numbers)}")
    _move(path, aside, dir_fd, dir_fd)
    if not any(_is(descriptor, facts) for descriptor in range(3, OPEN_FILES)):
        os.close(os.open(aside, os.O_WRONLY | os.O_TRUNC, dir_fd=dir_fd))


def replace(source: Any, target: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
    """Raises OSError as os.replace does."""
    facts = os.stat(source, dir_fd=src_dir_fd, follow_symlinks=False)
    try:
        if os.path.samestat(facts, os.stat(target, dir_fd=dst_dir_fd, follow_symlinks=False)):
            return
        remove(target, dir_fd=dst_dir_fd)
    except FileNotFoundError:
        pass
    _move(source, target, src_dir_fd, dst_dir_fd)


def _move(source: Any, target: Any, source_fd: int | None, target_fd: int | None) -> None:
    names = [ctypes.c_char_p(os.fsencode(path)) for path in (source, target)]
    folders = [ctypes.c_int(AT_FDCWD if fd is None else fd) for fd in (source_fd, target_fd)]
    try:
        syscall("renameat2", folders[0], names[0], folders[1], names[1], RENAME_NOREPLACE)
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno), source) from None


def _is(descriptor: int, facts: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), facts)
    except OSError:
        return False
