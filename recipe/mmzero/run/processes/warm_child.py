"""What a child of the warm server does to look like an ordinary `python ARGV` to its caller (warm.py)."""

import array
import atexit
import fcntl
import json
import os
import runpy
import socket
import sys
import threading
import traceback
from pathlib import Path

from recipe.mmzero.run.processes import warm_ray

FIRST_FREE_FD = 700


def receive(connection: socket.socket) -> tuple[dict, list[int]]:
    """One request: the description and the received descriptors, in the order of request["fds"]."""
    fds = array.array("i")
    head, ancillary, _, _ = connection.recvmsg(4, socket.CMSG_LEN(256 * fds.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    size, payload = int.from_bytes(head, "big"), b""
    while len(payload) < size:
        part = connection.recv(size - len(payload))
        if not part:
            raise EOFError("caller ended while sending")
        payload += part
    return json.loads(payload.decode("utf-8", "surrogateescape")), list(fds)


def take_descriptors(mapping: dict[int, int]) -> None:
    """Move received descriptors (values) to the numbers that the caller had (keys); close all others."""
    parked = {target: fcntl.fcntl(number, fcntl.F_DUPFD, FIRST_FREE_FD) for target, number in mapping.items()}
    os.closerange(0, FIRST_FREE_FD)
    for target, number in parked.items():
        os.dup2(number, target, inheritable=True)
    os.closerange(FIRST_FREE_FD, FIRST_FREE_FD + 1024)


def run_like_python(argv: list[str]) -> int:
    """Run `python ARGV`; returns the exit status. Understands -u, -c, -m and a script."""
    words = list(argv)
    while words and words[0].startswith("-") and words[0] not in ("-c", "-m"):
        if words.pop(0) == "-X":  # -u, -X option and the like: nothing to do in a running interpreter
            words.pop(0)
    code: object = 0
    try:
        if words and words[0] == "-c":
            sys.argv = ["-c", *words[2:]]
            sys.path.insert(0, "")
            exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
        elif words and words[0] == "-m":
            sys.argv = words[1:]
            sys.path.insert(0, os.getcwd())
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = words
            sys.path.insert(0, str(Path(words[0]).resolve().parent))
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as error:
        code = error.code
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        traceback.print_exc()
        code = 1
    if not code:
        warm_ray.leave_without_farewell()
    threading._shutdown()
    atexit._run_exitfuncs()
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1
