"""Folders that a snippet makes, in name only: the wall keeps its own folder flat.

A file in such a folder lies in the snippet's own folder under a name that holds the whole path. Python's calls for
files and folders find it there; a library that opens files in C does not. The folders for temporary files are there
from the start. What the kernel refuses on any file and only says something about it (mode, times) is left undone on
the snippet's own files, and what is opened as the null device is standard output, which leads there.
"""

import builtins
import errno
import io
import os
import shutil
import stat
from collections.abc import Callable
from typing import Any

PATHS = (str, bytes, os.PathLike)
SLASH = "\N{DIVISION SLASH}"  # looks like what it stands for, and may be in a name
TEMPORARY = ("/tmp", "/var/tmp")
ABOUT = ("stat", "lstat", "access")
ONE_PATH = ("open", "remove", "unlink", *ABOUT)
TWO_PATHS = ("rename", "replace")
LEFT_UNDONE = {"chmod": None, "utime": None, "listxattr": ()}  # and what they give
STDOUT = 1


class Folders:
    """The folders that one snippet has made. `root`: its own, real one."""

    def __init__(self, root: str):
        self.root = self.here = root
        self.made = set(TEMPORARY)

    def install(self) -> None:
        """Replace Python's calls for files, for the life of this process."""
        builtins.open = io.open = self._mapped(io.open, 1, null=lambda: os.dup(STDOUT))
        for name in ONE_PATH:
            setattr(os, name, self._mapped(getattr(os, name), 1, folders=name in ABOUT))
        for name in TWO_PATHS:
            setattr(os, name, self._mapped(getattr(os, name), 2))
        for name, nothing in LEFT_UNDONE.items():
            setattr(os, name, self._left_undone(getattr(os, name), nothing))
        for name in ("mkdir", "rmdir", "listdir", "scandir", "chdir", "getcwd"):
            setattr(self, f"_{name}", getattr(os, name))
            setattr(os, name, getattr(self, name))
        shutil._use_fd_functions = False  # it would open a folder to remove what is in it

    def flat(self, path: Any, folders: bool = False) -> Any:
        """Where a file really is: `path` itself unless it lies in a folder that was made. `folders`: such a folder is
        looked at, too."""
        if not isinstance(path, PATHS):
            return path
        whole = self._whole(path)
        if folders and whole in self.made:
            return self.root
        if os.path.dirname(whole) not in self.made:
            return path
        return os.path.join(self.root, self._name(whole))

    def mkdir(self, path: Any, *args: Any, **kwargs: Any) -> None:
        whole = self._whole(path)
        if os.path.exists(path):
            if os.path.isdir(path) and whole != self.root and not whole.startswith(self.root + os.sep):
                self.made.add(whole)  # it is the machine's; what the snippet writes there is its own
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        if not os.path.isdir(os.path.dirname(whole)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        try:
            self._mkdir(path, *args, **kwargs)
        except PermissionError:
            self.made.add(whole)

    def rmdir(self, path: Any, **options: Any) -> None:
        if not self._is_made(path):
            return self._rmdir(path, **options)
        if self.listdir(path):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)
        self.made.discard(self._whole(path))

    def chdir(self, path: Any) -> None:
        if self._holds_made(path):
            self.here = self._whole(path)
        else:
            self._chdir(path)

    def getcwd(self) -> str:
        return self.here if self.here in self.made else self._getcwd()

    def listdir(self, path: Any = ".") -> list[str]:
        return self._names(self._whole(path)) if self._holds_made(path) else self._listdir(path)

    def scandir(self, path: Any = ".") -> Any:
        if not self._holds_made(path):
            return self._scandir(path)
        return _Listing(_Entry(os.fsdecode(path), name) for name in self._names(self._whole(path)))

    def _holds_made(self, path: Any) -> bool:
        return self._is_made(path) or (isinstance(path, PATHS) and self._whole(path) == self.root)

    def _is_made(self, path: Any) -> bool:
        return isinstance(path, PATHS) and self._whole(path) in self.made

    def _names(self, folder: str) -> list[str]:
        """Of the files and folders in a folder that was made, or in the snippet's own."""
        start = "" if folder == self.root else self._name(folder) + SLASH
        files = [name.removeprefix(start) for name in self._listdir(self.root) if name.startswith(start)]
        folders = [os.path.basename(made) for made in sorted(self.made) if os.path.dirname(made) == folder]
        return [name for name in files if SLASH not in name] + folders

    def _name(self, whole: str) -> str:
        return whole.removeprefix(self.root).lstrip(os.sep).replace(os.sep, SLASH)

    def _whole(self, path: Any) -> str:
        return os.path.normpath(os.path.join(self.here, os.fsdecode(path)))

    def _mapped(self, original: Callable, paths: int, folders: bool = False, null: Callable | None = None) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            for name in ("file", "path"):
                if name in kwargs:
                    kwargs[name] = self.flat(kwargs[name], folders)
            found = [self.flat(path, folders) for path in args[:paths]]
            if null is not None and found and found[0] == os.devnull:
                found[0] = null()
            return original(*found, *args[paths:], **kwargs)

        return call

    def _left_undone(self, original: Callable, nothing: Any) -> Callable:
        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return original(self.flat(path), *args, **kwargs)
            except PermissionError:
                own = isinstance(path, PATHS) and os.path.dirname(self._whole(path)) in {self.root, *self.made}
                if not own or not os.path.exists(path):
                    raise
                return nothing

        return call


class _Entry:
    """What os.scandir gives, under the name that the snippet knows."""

    def __init__(self, folder: str, name: str):
        self.name, self.path = name, os.path.join(folder, name)

    def __fspath__(self) -> str:
        return self.path

    def stat(self, **_: Any) -> os.stat_result:
        return os.stat(self.path)

    def is_file(self, **_: Any) -> bool:
        return stat.S_ISREG(self.stat().st_mode)

    def is_dir(self, **_: Any) -> bool:
        return stat.S_ISDIR(self.stat().st_mode)

    def is_symlink(self) -> bool:
        return False

    def inode(self) -> int:
        return self.stat().st_ino


class _Listing(list):
    """A list that can be closed and asked for the next one, as os.scandir's can."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __next__(self) -> _Entry:
        if not self:
            raise StopIteration
        return self.pop(0)

    def close(self) -> None:
        self.clear()
