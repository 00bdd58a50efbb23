"""Temporary folders that their maker holds by a lock as long as it lives.

Whoever comes later sees by the free lock what a killed one could not remove. Standard library only.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile

TRIES = 10  # how often somebody else may take a new folder for an abandoned one


def hold(prefix: str, base: str) -> tuple[str, int]:
    """A new folder in `base` and the descriptor that holds its lock; closing the descriptor gives the folder up.

    Raises:
        OSError: folders cannot be made, opened or locked in `base`, or don't belong to this user there. None is left.
    """
    for _ in range(TRIES):
        path = tempfile.mkdtemp(prefix=prefix, dir=base)
        try:
            os.chmod(path, 0o700)  # whatever the umask left of it
            lock = _locked(path)
            if lock is not None:
                return path, lock
        except FileNotFoundError:
            continue
        except BaseException:
            with contextlib.suppress(OSError):
                os.rmdir(path)
            raise
    raise OSError(errno.EBUSY, f"other processes removed {TRIES} new folders in a row", base)


def remove_abandoned(prefix: str, base: str) -> None:
    """Remove this user's folders in `base` that nobody holds; what cannot be removed is left to the next one."""
    try:
        names = os.listdir(base)
    except OSError:
        return
    for name in names:
        path = os.path.join(base, name)
        if name.startswith(prefix):
            with contextlib.suppress(OSError):  # another user's, or no folder
                lock = _locked(path)
                if lock is not None:
                    shutil.rmtree(path, ignore_errors=True)
                    os.close(lock)


def _locked(path: str) -> int | None:
    """A descriptor of this folder that holds its lock; None if another process holds it or it is gone.

    Raises:
        OSError: it cannot be opened or locked, or it is another user's.
    """
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        user = os.fstat(folder).st_uid
        if user != os.geteuid():
            raise PermissionError(errno.EPERM, f"a folder of user {user}, not of {os.geteuid()}", path)
        # Between opening and locking, whoever held the lock may have removed the folder.
        if os.path.isdir(path):
            return folder
    except BlockingIOError:
        pass
    except OSError:
        os.close(folder)
        raise
    os.close(folder)
    return None
