"""Stand-in for `python`: run the given command line in an interpreter that has already imported the engine.

Standard library only, started once per process with `python -S -E`, so it must stay light. It hands its arguments,
environment, working folder and open descriptors to the warm server (warm.py) named by MMZERO_WARM_SOCKET, then lives
on as the process that the caller knows: signals go to the warm child, the child's exit status is ours. Without a
server it becomes the real interpreter, and so it does for callers who want one without site packages or environment
(the sandbox, graders): a warm one has it all.
"""

import array
import json
import os
import signal
import socket
import sys

MAX_FDS = 250  # SCM_MAX_FD is 253
BARE = {"-E", "-I", "-S", "-s"}


def open_descriptors(own):
    """Numbers of the descriptors this process inherited."""
    numbers = []
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        try:
            os.fstat(number)
        except OSError:  # the listing's own descriptor
            continue
        if number not in own:
            numbers.append(number)
    return sorted(numbers)


def hand_over(connection, argv):
    """Send the process description and its descriptors."""
    numbers = open_descriptors({connection.fileno()})
    if len(numbers) > MAX_FDS:
        raise OSError(f"{len(numbers)} open descriptors, at most {MAX_FDS} can be handed over")
    request = {"argv": argv, "environ": dict(os.environ), "cwd": os.getcwd(), "fds": numbers}
    payload = json.dumps(request).encode("utf-8", "surrogateescape")
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", numbers))]
    connection.sendmsg([len(payload).to_bytes(4, "big")], rights)
    connection.sendall(payload)
    return numbers


def wants_bare(argv):
    """Whether the options of `python ARGV` ask for an interpreter that leaves something out."""
    words = iter(argv)
    for word in words:
        if word in BARE:
            return True
        if word == "-X":
            next(words, None)
        elif not word.startswith("-") or word in ("-c", "-m"):
            break
    return False


def become_interpreter(argv):
    """Never returns."""
    os.execv(os.environ.get("MMZERO_WARM_PYTHON", sys.executable), [sys.executable, *argv])


def main(argv):
    if wants_bare(argv):
        become_interpreter(argv)
    try:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(os.environ["MMZERO_WARM_SOCKET"])
        numbers = hand_over(connection, argv)
        child = int(connection.recv(16).decode())
    except (KeyError, OSError, ValueError):  # no server, or it ended before it answered
        become_interpreter(argv)
    for number in numbers:  # the child owns them now; a pipe must close when the child does
        os.close(number)
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"):
        signal.signal(getattr(signal, name), lambda number, frame: os.kill(child, number))
    status = b""
    while not status:
        try:
            status = connection.recv(16)
        except InterruptedError:
            continue
        if not status:  # the server is gone, and its children with it
            os._exit(1)
    code = int(status.decode())
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main(sys.argv[1:])
