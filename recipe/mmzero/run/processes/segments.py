"""Shared memory that a killed process left in /dev/shm: found by age, owner and name, removed if nobody uses it.

Python, verl, torch and NCCL remove their segments when they end by themselves; one that is killed, as Ray ends its
actors, leaves them. Whether a file is in use is asked of the kernel: it gives a write lease only on a file that no
other process has open or mapped. That holds for processes that cannot be seen, too: /dev/shm may be shared with a
container whose processes have another PID namespace (`docker --ipc=host`, the containers of a Kubernetes pod).
"""

import contextlib
import fcntl
import os
import signal
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
NAMES = ("psm_", "sem.mp-", "verl_weights_", "nccl-", "torch_", "mmzero_")  # as Python, verl, NCCL, torch name them


def remove_unused(since: float) -> list[Path]:
    """Remove the segments of this user that were made after `since` (Unix seconds) and that no process uses.

    Whoever uses a segment has it open or mapped. Returns what was removed.
    """
    removed = []
    for path in SHARED_MEMORY.iterdir():
        try:
            status = path.stat(follow_symlinks=False)
        except FileNotFoundError:  # its owner has just removed it
            continue
        made_here = path.name.startswith(NAMES) and status.st_uid == os.getuid() and status.st_ctime >= since
        if made_here and _remove_if_unused(path):
            removed.append(path)
    return removed


def remove_own() -> None:
    """Remove the segments that this process maps; for one that is about to end without its own clean-up.

    Compared by inode: a semaphore is mapped under a name that it had before, and that is deleted.
    """
    mapped = set()
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        _, _, _, _, inode, *path = line.split(maxsplit=5)
        if path and path[0].startswith(f"{SHARED_MEMORY}/"):
            mapped.add(int(inode))
    for path in SHARED_MEMORY.iterdir():
        with contextlib.suppress(FileNotFoundError):  # its owner has just removed it
            if path.name.startswith(NAMES) and path.stat(follow_symlinks=False).st_ino in mapped:
                path.unlink()


def _remove_if_unused(path: Path) -> bool:
    """Holds a lease while it removes the file, so that nobody can begin to use it in between.

    Where the kernel gives no leases, the file stays.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # gone, no regular file, or leased by another clean-up
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # ignored by default, unlike SIGIO, which would kill
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        path.unlink()
    except OSError:  # in use
        return False
    finally:
        os.close(descriptor)
    return True
