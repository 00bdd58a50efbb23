"""Folders that a snippet makes, in name only: the wall keeps its own folder flat.

A file in such a folder lies in the snippet's own folder under a name that holds the whole path. Python's calls for
files find it there, also by listing the folder; a library that opens files in C does not, and the folder itself has no
stat().
"""

import builtins
import io
import os
from collections.abc import Callable
from typing import Any

PATHS = (str, bytes, os.PathLike)
SLASH = "\N{DIVISION SLASH}"  # looks like what it stands for, and may be in a name
ONE_PATH = ("open", "stat", "lstat", "remove", "unlink", "access")
TWO_PATHS = ("rename", "replace")


class Folders:
    """The folders that one snippet has made. `root`: its own, real one."""

    def __init__(self, root: str):
        self.root = self.here = root
        self.made: set[str] = set()

    def install(self) -> None:
        """Replace Python's calls for files, for the life of this process."""
        builtins.open = io.open = self._mapped(io.open, 1)
        for name in ONE_PATH:
            setattr(os, name, self._mapped(getattr(os, name), 1))
        for name in TWO_PATHS:
            setattr(os, name, self._mapped(getattr(os, name), 2))
        self._mkdir, self._listdir, self._scandir, self._chdir = os.mkdir, os.listdir, os.scandir, os.chdir
        os.mkdir, os.listdir, os.scandir, os.chdir = self.mkdir, self.listdir, self.scandir, self.chdir

    def flat(self, path: Any) -> Any:
        """Where a file really is: `path` itself unless it lies in a folder that was made."""
        if not isinstance(path, PATHS):
            return path
        whole = self._whole(path)
        if not self._in_made(whole):
            return path
        return os.path.join(self.root, whole.removeprefix(self.root).lstrip(os.sep).replace(os.sep, SLASH))

    def mkdir(self, path: Any, *args: Any, **kwargs: Any) -> None:
        try:
            self._mkdir(path, *args, **kwargs)
        except PermissionError:
            self.made.add(self._whole(path))

    def chdir(self, path: Any) -> None:
        if isinstance(path, PATHS) and self._whole(path) in self.made | {self.root}:
            self.here = self._whole(path)
        else:
            self._chdir(path)

    def listdir(self, path: Any = ".") -> list[str]:
        if isinstance(path, PATHS) and self._whole(path) in self.made:
            return [name for name, _ in self._files(self._whole(path))]
        return self._listdir(path)

    def scandir(self, path: Any = ".") -> Any:
        if isinstance(path, PATHS) and self._whole(path) in self.made:
            folder = os.fsdecode(path)
            return _Listing(
                _Entry(name, os.path.join(folder, name), real) for name, real in self._files(self._whole(path))
            )
        return self._scandir(path)

    def _files(self, folder: str) -> list[tuple[str, os.DirEntry]]:
        """Names in a folder that was made, and the real files."""
        start = folder.removeprefix(self.root).lstrip(os.sep).replace(os.sep, SLASH) + SLASH
        with self._scandir(self.root) as entries:
            found = [(entry.name.removeprefix(start), entry) for entry in entries if entry.name.startswith(start)]
        return [(name, entry) for name, entry in found if SLASH not in name]

    def _whole(self, path: Any) -> str:
        return os.path.normpath(os.path.join(self.here, os.fsdecode(path)))

    def _in_made(self, whole: str) -> bool:
        return bool(self.made) and os.path.dirname(whole) in self.made

    def _mapped(self, original: Callable, paths: int) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            for name in ("file", "path"):
                if name in kwargs:
                    kwargs[name] = self.flat(kwargs[name])
            return original(*map(self.flat, args[:paths]), *args[paths:], **kwargs)

        return call


class _Entry:
    """What os.scandir gives, under the name that the snippet knows."""

    def __init__(self, name: str, path: str, real: os.DirEntry):
        self.name, self.path = name, path
        self.stat, self.is_file, self.is_dir, self.is_symlink = real.stat, real.is_file, real.is_dir, real.is_symlink

    def __fspath__(self) -> str:
        return self.path


class _Listing(list):
    """A list that can be closed, as os.scandir's can."""

    def __enter__(self) -> Any:
        return iter(self)

    def __exit__(self, *_: Any) -> None:
        self.clear()

    def close(self) -> None:
        self.clear()
