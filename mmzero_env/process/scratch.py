"""Folders for Python snippets: one flat folder each, inside one folder per template that is removed with it.

A template holds a lock on its folder as long as it lives. Should it be killed before it can clean up, the next one to
start sees that nobody holds the lock and removes what is left.
"""

import os
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
    def create(cls) -> "Scratch":
        """In memory where possible. Removes what dead templates of the same user left behind."""
        base = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK | os.X_OK) else tempfile.gettempdir()
        remove_abandoned(PREFIX, base)
        return cls(*hold(PREFIX, base))

    def folder(self) -> str:
        """A new empty folder."""
        self._count += 1
        path = os.path.join(self.path, str(self._count))
        os.mkdir(path, 0o700)
        return path

    def over(self, folder: str, limit_bytes: int) -> bool:
        """True if a folder holds too much."""
        total = 0
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                try:
                    total += entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue
                if count >= MAX_FILES or total > limit_bytes:
                    return True
        return False

    def drop(self, folder: str) -> None:
        remove_flat(folder)

    def remove(self) -> None:
        for name in os.listdir(self.path):
            path = os.path.join(self.path, name)
            remove_flat(path) if os.path.isdir(path) else os.unlink(path)
        os.rmdir(self.path)
        os.close(self._lock)


def remove_flat(folder: str) -> None:
    """Remove a folder that holds files only: snippets cannot make folders (sandbox/landlock.py)."""
    with os.scandir(folder) as entries:
        for entry in entries:
            os.unlink(entry.path)
    os.rmdir(folder)
