"""What a process needs to start another one safely: where it finds modules, what it sees, which descriptors it gets."""

import array
import contextlib
import errno
import fcntl
import os
import socket
import sys
import threading

from mmzero_env import wire
from mmzero_env.process.one_thread import ONE_THREAD
from mmzero_env.results import RenderEnvError

MALLOC = ":".join(
    f"glibc.malloc.{setting}"
    for setting in ("hugetlb=1", "mmap_threshold=67108864", "trim_threshold=268435456", "top_pad=16777216")
)
REMEDIES = {
    errno.EAGAIN: "; remedy: more processes (ulimit -u)",
    errno.EMFILE: "; remedy: more open files (ulimit -n)",
    errno.ENFILE: "; remedy: more open files on this machine (fs.file-max)",
    errno.ENOMEM: "; remedy: more memory",
}
NO_HOME = os.devnull  # no library can make folders for its caches there


def receive_event(control: socket.socket) -> tuple[bytes, list[int]]:
    """One message and the descriptors with it, which programs that this process starts do not inherit.

    socket.recv_fds takes flags and does not pass them on (Python 3.10 to 3.12).
    """
    room = socket.CMSG_SPACE(array.array("i").itemsize)
    data, ancillary, _, _ = control.recvmsg(wire.MAX_EVENT, room, socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    return data, list(descriptors)


def why(error: OSError) -> str:
    """The error and, where it is a known one, the remedy."""
    return f"{error}{REMEDIES.get(error.errno, '')}"


def start_thread(thread: threading.Thread) -> None:
    """Raises RenderEnvError where no more threads may be started."""
    try:
        thread.start()
    except RuntimeError as error:
        raise RenderEnvError(
            f"no thread for the render environment: {error}; remedy: more processes (ulimit -u) or fewer render.workers"
        ) from error


def above_standard(sock: socket.socket) -> socket.socket:
    """The same socket at a number that nobody takes for standard input, output or errors, should those be closed."""
    if sock.fileno() > 2:
        return sock
    with sock:
        return socket.socket(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))


def import_path() -> list[str]:
    """sys.path, absolute; what stands there relative to a folder that is gone, is gone."""
    found = []
    for entry in filter(None, sys.path):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.path.abspath(entry))
    return found


def environment() -> dict[str, str]:
    """What the template sees of the caller's environment: where fonts of this user are, and where to put files."""
    home, folder = os.path.expanduser("~"), os.environ.get("TMPDIR", "")
    return {
        **({"TMPDIR": folder} if os.path.isabs(folder) and os.path.isdir(folder) else {}),
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "HOME": home if os.path.isabs(home) and os.path.isdir(home) else NO_HOME,
        "PYTHONHASHSEED": "0",  # the same snippet draws the same picture
        # Children live briefly: large pages and no trimming halve the page faults of a drawing.
        "GLIBC_TUNABLES": MALLOC,
        **ONE_THREAD,
    }
