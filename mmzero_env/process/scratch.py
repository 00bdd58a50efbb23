"""Folders for Python snippets: one flat folder each, inside one folder per template that is removed with it.

A template holds a lock on its folder as long as it lives. Should it be killed before it can clean up, the next one to
start sees that nobody holds the lock and removes what is left.

What a snippet may hold is counted by looking at its folder. The look sees all of it, as the wall lets no name of a file
vanish (sandbox/seccomp.py), and one file is at most as large as sandbox/limits.py says.
"""

import contextlib
import os
import shutil
import tempfile

from mmzero_env.process.held_folder import hold, remove_abandoned

PREFIX = "mmzero-env-"
SHARED_MEMORY = "/dev/shm"
MAX_FILES = 1000


class Scratch:
    """The folder of one template."""

    def __init__(self, path: str, lock: int):
        self.path, self._lock, self._count = path, lock, 0

    @classmethod
    def create(cls, needed_bytes: int = 0, needed_files: int = 0) -> "Scratch":
        """In memory where there is room. Removes what dead templates of the same user left behind.

        Raises:
            OSError: nowhere; one line that names each place, why not, and the remedy.
        """
        problems = []
        for place in (lambda: SHARED_MEMORY, tempfile.gettempdir):
            try:
                base = place()
                remove_abandoned(PREFIX, base)
                problem = lacks(base, needed_bytes, needed_files)
                if not problem:
                    return cls(*hold(PREFIX, base))
            except OSError as error:
                problem = str(error)
            problems.append(problem)
        raise OSError(
            f"no place for the files of snippets: {'; '.join(dict.fromkeys(problems))}; remedy: make room there "
            "(docker: --shm-size), set TMPDIR to another folder, or lower render.workers or render.scratch_mb"
        )

    def folder(self) -> str:
        """A new empty folder."""
        self._count += 1
        path = os.path.join(self.path, str(self._count))
        os.mkdir(path, 0o700)
        return path

    def over(self, folder: str, limit_bytes: int) -> bool:
        """True if a folder holds too much, or cannot be looked at."""
        total = 0
        try:
            with os.scandir(folder) as entries:
                for count, entry in enumerate(entries):
                    try:
                        total += entry.stat(follow_symlinks=False).st_size
                    except FileNotFoundError:
                        continue
                    if count >= MAX_FILES or total > limit_bytes:
                        return True
        except OSError:  # with best effort, where seccomp is off, a snippet may close its folder
            return True
        return False

    def drop(self, folder: str) -> None:
        """Remove a snippet's folder; never raises for what the snippet left in it."""
        try:
            remove_flat(folder)
        except OSError:
            remove_odd(folder)

    def remove(self) -> None:
        for name in os.listdir(self.path):
            path = os.path.join(self.path, name)
            self.drop(path) if os.path.isdir(path) else os.unlink(path)
        with contextlib.suppress(OSError):  # what could not be removed is tried again by the next template
            os.rmdir(self.path)
        os.close(self._lock)


def lacks(base: str, needed_bytes: int, needed_files: int) -> str:
    """What a place lacks to take so much without getting in the way of others; "" if nothing. Raises OSError."""
    space = os.statvfs(base)
    free = space.f_bavail * space.f_frsize
    if space.f_blocks and free < needed_bytes:  # no blocks at all: a file system that does not count them
        return f"{base} has {free >> 20} MB free of {needed_bytes >> 20} MB needed"
    if space.f_files and space.f_favail < needed_files:
        return f"{base} has room for {space.f_favail} files of {needed_files} needed"
    return ""


def remove_flat(folder: str) -> None:
    """Remove a folder that holds files only: snippets cannot make folders (sandbox/landlock.py)."""
    with os.scandir(folder) as entries:
        for entry in entries:
            os.unlink(entry.path)
    os.rmdir(folder)


def remove_odd(folder: str) -> None:
    """Remove a folder that is not as the walls keep it: with best effort a snippet may make folders and close them."""
    _open(folder)
    for path, names, _ in os.walk(folder):
        for name in names:
            _open(os.path.join(path, name))  # before the walk comes to it
    shutil.rmtree(folder, ignore_errors=True)


def _open(folder: str) -> None:
    with contextlib.suppress(OSError):
        if not os.path.islink(folder):
            os.chmod(folder, 0o700)
