"""Temporary folders that their maker holds by a lock as long as it lives.

Whoever comes later sees by the free lock what a killed one could not remove. Standard library only.
"""

import fcntl
import os
import shutil
import tempfile


def hold(prefix: str, base: str) -> tuple[str, int]:
    """A new folder in `base` and the descriptor that holds its lock; closing the descriptor gives the folder up."""
    while True:
        path = tempfile.mkdtemp(prefix=prefix, dir=base)
        lock = _locked(path)
        if lock is not None:  # else somebody took it for an abandoned one
            return path, lock


def remove_abandoned(prefix: str, base: str) -> None:
    """Remove this user's folders in `base` that nobody holds; what cannot be removed is left to the next one."""
    for name in os.listdir(base):
        path = os.path.join(base, name)
        if name.startswith(prefix):
            lock = _locked(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)


def _locked(path: str) -> int | None:
    """A descriptor of this folder that holds its lock; None if it is another user's or process's, or gone."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(folder)
        if isinstance(error, BlockingIOError):
            return None
        raise  # a file system without locks
    # Between opening and locking, whoever held the lock may have removed the folder.
    if os.fstat(folder).st_uid == os.geteuid() and os.path.isdir(path):
        return folder
    os.close(folder)
    return None
