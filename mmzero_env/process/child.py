"""One snippet's process: behind the wall first, then one snippet, one result, and gone."""

import os
import signal
import socket
import tempfile
from collections.abc import Callable
from typing import NoReturn

from mmzero_env import wire
from mmzero_env.draw.errors import Refused
from mmzero_env.process.one_thread import ONE_THREAD
from mmzero_env.results import RenderStatus
from mmzero_env.sandbox.kernel import PR_SET_DUMPABLE, PR_SET_PDEATHSIG, prctl, syscall
from mmzero_env.sandbox.wall import Wall

CHANNEL = 3
NAMES = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
Draw = Callable[[str], list[bytes]]


def run_child(channel: int, template: int, wall: Wall, draw: Draw, folder: str | None) -> NoReturn:
    """Never returns. `draw` gives the parts of a packed result (wire.pack_result) and raises Refused."""
    try:
        try:
            isolate(channel, template, wall, folder)
        except BaseException as error:
            send([wire.FAILED, f"{type(error).__name__}: {error}".encode("utf-8", "replace")[: wire.MAX_MESSAGE]])
            os._exit(1)
        send([wire.READY])
        code = receive(wire.CODE.unpack(receive(wire.CODE.size))[0]).decode()
        send([wire.STARTED])
        send(outcome(draw, code))
        # The owner need not wait until this process is taken apart, nor until a template that was stopped in the middle
        # of the fork lets go of its copy: closing ours would not end the channel then.
        syscall("shutdown", CHANNEL, socket.SHUT_WR)
    finally:
        os._exit(0)


def forget_environment() -> None:
    """In the template: what a snippet sees of the environment, but for its folder. Made here because a child would
    first have to copy the pages that this touches."""
    os.environ.clear()
    os.environ.update(NAMES)
    for name, value in ONE_THREAD.items():
        os.putenv(name, value)  # for libraries in C; what Python shows to a snippet stays those few names


def isolate(channel: int, template: int, wall: Wall, folder: str | None) -> None:
    """Everything between this process and the rest, before it sees any code."""
    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # the template has one thread, so this cannot fire too early
    if os.getppid() != template:
        os._exit(0)
    prctl(PR_SET_DUMPABLE, 0)  # nobody else may look into this process, not even a sibling
    if channel != CHANNEL:
        os.dup2(channel, CHANNEL)
    # An open file of its own: what is set on the template's would be seen by the next snippet.
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    wall.close_other_descriptors(CHANNEL)
    if folder:
        os.environ.update(dict.fromkeys(("TMPDIR", "HOME", "MPLCONFIGDIR"), folder))
    tempfile.tempdir = None  # the template may have asked for it, and it is remembered
    os.chdir(folder or "/")
    signal.signal(signal.SIGINT, signal.default_int_handler if folder else signal.SIG_DFL)
    wall.put_up()


def outcome(draw: Draw, code: str) -> list[bytes]:
    """The packed result of a snippet, whatever it raises."""
    try:
        return draw(code)
    except Refused as refused:
        return wire.pack_result(refused.status, refused.message)
    except MemoryError:
        return wire.pack_result(RenderStatus.MEMORY, "out of memory: render.memory_mb is the limit")
    except BaseException as error:
        return wire.pack_result(RenderStatus.RUNTIME_ERROR, f"{type(error).__name__}: {error}")


def send(parts: list[bytes]) -> None:
    for part in parts:
        view = memoryview(part)
        while view:
            view = view[os.write(CHANNEL, view) :]


def receive(size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = os.read(CHANNEL, size - len(data))
        if not more:
            os._exit(0)  # the owner does not need this child any more
        data += more
    return data
