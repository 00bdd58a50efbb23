"""The lock of a run folder: one loop works on it, and others can see which one and whether it still lives.

The kernel lets go of the lock when its owner ends, whatever ended it. What is written into the file is for readers,
which never touch the lock itself: process id, host name, start of the process. A loop that ends by itself clears it.
"""

import errno
import fcntl
import re
import socket
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import psutil

LONGEST = 400
"""Bytes of a signature."""
PID = re.compile("[1-9][0-9]{0,9}")


class Locked(RuntimeError):
    """Another process holds the lock; the message names it."""


class Lock:
    """Holds `path` from `take` to `release`."""

    def __init__(self, path: Path):
        self.path = path
        self._file = None

    def take(self) -> None:
        """
        Raises:
            Locked: another process holds it.
        """
        file = FileIO(self.path, "a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read(LONGEST).decode("utf-8", "replace").split()
            file.close()
            raise Locked(owner[0] if owner else "unknown") from None
        me = psutil.Process()
        self._file = file
        self._write(f"{me.pid} {socket.gethostname()} {me.create_time()!r}\n")

    def release(self) -> None:
        self._write("")
        self._file.close()
        self._file = None

    def _write(self, text: str) -> None:
        self._file.truncate(0)
        try:
            self._file.write(text.encode())
        except OSError as error:  # held all the same: who cleans up a full disk must not be stopped by this line
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise


@dataclass(frozen=True)
class Owner:
    """Who signed a lock file. `alive`: None if that cannot be known from here, as on another machine."""

    pid: int
    host: str
    alive: bool | None


def owner(path: Path) -> Owner | None:
    """Who works on a run, from its lock file; None if nobody has signed it."""
    try:
        with FileIO(path) as file:
            words = file.read(LONGEST).decode().split()
    except (OSError, UnicodeDecodeError):
        return None
    if not words or not PID.fullmatch(words[0]):
        return None
    pid, host = int(words[0]), words[1] if len(words) > 1 else socket.gethostname()
    if host != socket.gethostname():
        return Owner(pid, host, None)
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return Owner(pid, host, False)
    # a number may be in use again by another process
    return Owner(pid, host, len(words) < 3 or abs(started - _number(words[2])) < 1.0)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
