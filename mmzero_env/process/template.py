"""The clean process that snippets' processes are forked from; one per language.

Started as a fresh interpreter (never a fork of the caller), it imports the renderer, draws something once, and then
forks a child for every order of its owner and hands the owner a socket to that child. It never sees code, pictures or
anything secret. It ends, and takes its children along, when the owner closes the control socket or is gone: another
process forked from the owner may hold that socket open, so it also watches its parent.
"""

import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any

from mmzero_env import wire
from mmzero_env.config import RenderConfig
from mmzero_env.process.child import forget_environment, run_child
from mmzero_env.process.scratch import MAX_FILES, Scratch
from mmzero_env.process.starting import why
from mmzero_env.sandbox import limits
from mmzero_env.sandbox import wall as walls
from mmzero_env.sandbox.kernel import LayerError

OWNER_CHECK_S = 1.0
SCRATCH_CHECK_S = 0.02  # a snippet writes 20 to 40 MB in the meantime
# How long no child can be made before that is the end: processes, memory or room may come back.
PATIENCE_S = 30.0
FORK_AGAIN_S = 0.1
# A child that closed its end may need a moment to be gone by itself; its own exit status says more than our SIGKILL.
GRACE_S = 0.2
END_CHECK_S = 0.002
OOM_SCORE = "700"


def main(start: dict[str, Any]) -> None:
    """`start`: fd (control socket), owner (process id), language, config."""
    control = socket.socket(fileno=start["fd"])
    for inherited in (signal.SIGCHLD, signal.SIGXCPU):  # the owner may ignore them
        signal.signal(inherited, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # `serve` looks for it, so that it cleans up
    os.umask(0o077)
    config, language = RenderConfig(**start["config"]), start["language"]
    with contextlib.ExitStack() as stack:
        try:
            layers, children = prepare(control, language, config, stack)
        except LayerError as error:
            refuse(control, str(error))
            return
        except ImportError as error:
            refuse(control, f"{language} cannot be rendered: {error}; remedy: pip install mmzero")
            return
        except OSError as error:
            refuse(control, f"the {language} template does not start: {why(error)}")
            return
        except MemoryError:
            refuse(control, f"the {language} template does not start: out of memory; remedy: ulimit -v unlimited")
            return
        report = json.dumps([[layer.name, layer.on, layer.detail] for layer in layers])
        control.send(wire.EVENT.pack(wire.HELLO, 0, 0, 0, 0) + report.encode())
        try:
            serve(control, start["owner"], children)
        except OSError as error:
            refuse(control, why(error))  # its last words
        finally:
            children.end_all()


def prepare(
    control: socket.socket, language: str, config: RenderConfig, stack: contextlib.ExitStack
) -> tuple[list[walls.Layer], "Children"]:
    """Everything up to the first child. Raises LayerError (strict), ImportError or OSError."""
    layers = walls.probe()
    off = frozenset(layer.name for layer in layers if not layer.on)
    if off and config.sandbox == "strict":
        missing = "; ".join(f"{layer.name} ({layer.detail})" for layer in layers if not layer.on)
        raise LayerError(
            f"the sandbox is not complete here: {missing}; remedy: a kernel or container that allows it, "
            'or sandbox="best_effort" to go on without'
        )
    allow_files()
    scratch = None
    if language == "python":
        scratch = Scratch.create(config.workers * (config.scratch_mb << 20), config.workers * MAX_FILES)
        stack.callback(scratch.remove)
    draw = load(language, config, scratch)
    wall = walls.Wall(language, config, off)
    wall.prepare()
    forget_environment()
    quiet()
    if "capabilities" not in off:
        limits.drop_capabilities()  # here, once: children inherit it
    return layers, Children(control, wall, draw, scratch)


def allow_files() -> None:
    """Lift the soft limit of a file's size. Raises OSError where this process may not write what a snippet may."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most != resource.RLIM_INFINITY and most < limits.FILE_BYTES:
        needed = limits.FILE_BYTES
        raise OSError(f"files may have {most} bytes here, {needed} are needed; remedy: ulimit -f unlimited")
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def load(language: str, config: RenderConfig, scratch: Scratch | None) -> Any:
    """The drawing function of a language, warmed up."""
    if language == "svg":
        from mmzero_env.draw.svg.renderer import SvgRenderer

        return SvgRenderer(config)
    from mmzero_env.draw.python.snippet import SnippetRenderer

    return SnippetRenderer(config, scratch.path)


def refuse(control: socket.socket, line: str) -> None:
    """Tell the owner why this template ends, if the owner is still there."""
    with contextlib.suppress(OSError):
        control.send(wire.EVENT.pack(wire.REFUSED, 0, 0, 0, 0) + line.encode("utf-8", "replace")[:4000])


def quiet() -> None:
    """From here on nothing is printed, nothing collected, and children are the first to go when memory is short."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write(OOM_SCORE)
    except OSError:
        pass  # only an order of preference; some containers refuse it
    gc.collect()
    gc.disable()
    gc.freeze()  # untouched by later collections, so that children share the pages


def serve(control: socket.socket, owner: int, children: "Children") -> None:
    owed, since = 0, 0.0  # children that could not be made yet, and since when
    while os.getppid() == owner and signal.SIGTERM not in signal.sigpending():
        wait_s = FORK_AGAIN_S if owed else OWNER_CHECK_S
        wait_s = min(wait_s, SCRATCH_CHECK_S) if children.watch_scratch() else wait_s
        if select.select([control], [], [], wait_s)[0]:
            order = control.recv(64)
            if not order:
                return
            kind, argument = wire.ORDER.unpack(order)
            if kind == wire.FORK:
                owed += 1
            else:
                children.end(argument, GRACE_S if kind == wire.END else 0.0)
        try:
            while owed:
                children.fork()
                owed, since = owed - 1, 0.0
        except NotForked as error:
            since = since or time.monotonic()
            if time.monotonic() - since > PATIENCE_S:
                raise OSError(f"no process for a snippet in {PATIENCE_S:.0f} s: {error}") from error


def wait_for_end(pid: int) -> None:
    """Until a child has ended, at most a moment. Sleeping for a fixed time would keep the next child waiting."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:  # before Linux 5.3, or no descriptor is left
        time.sleep(END_CHECK_S)
        return
    try:
        select.select([handle], [], [], END_CHECK_S)
    finally:
        os.close(handle)


class NotForked(Exception):
    """No child could be made this time; the text says why."""


class Children:
    """Processes forked and not yet reaped: their ids cannot be taken by others in the meantime."""

    def __init__(self, control: socket.socket, wall: walls.Wall, draw: Any, scratch: Scratch | None):
        self.control, self.wall, self.draw, self.scratch = control, wall, draw, scratch
        self.folders: dict[int, str | None] = {}
        self.overfull: set[int] = set()

    def fork(self) -> None:
        """A child, and its socket for the owner. Raises NotForked; OSError if the owner is gone."""
        folder = None
        with contextlib.ExitStack() as sockets:
            try:
                ours, theirs = map(sockets.enter_context, socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM))
                if self.scratch is not None:
                    folder = self.scratch.folder()
                    self.wall.admit(folder)
                pid = os.fork()
            except OSError as error:
                if folder is not None:
                    self.scratch.drop(folder)
                raise NotForked(why(error)) from error
            if pid == 0:
                run_child(theirs.fileno(), os.getppid(), self.wall, self.draw, folder)
            self.folders[pid] = folder
            event = wire.EVENT.pack(wire.CHILD, pid, 0, 0, 0)
            socket.send_fds(self.control, [event], [ours.fileno()])

    def end(self, pid: int, grace_s: float) -> None:
        """Kill (after `grace_s` if it is still there), reap, remove its folder, and tell the owner how it ended."""
        if pid not in self.folders:
            return
        deadline = time.monotonic() + grace_s
        done, status, usage = os.wait4(pid, os.WNOHANG)
        while not done and time.monotonic() < deadline:
            self.watch_scratch()  # nobody fills a folder in the meantime
            wait_for_end(pid)
            done, status, usage = os.wait4(pid, os.WNOHANG)
        ended_by = wire.ITSELF
        if not done:
            os.kill(pid, signal.SIGKILL)
            _, status, usage = os.wait4(pid, 0)
            # One that was just ending, and slow at it on a busy machine, still says how.
            if os.waitstatus_to_exitcode(status) == -signal.SIGKILL:
                ended_by = wire.KILLED
        if pid in self.overfull:
            self.overfull.remove(pid)
            ended_by = wire.OVERFULL
        folder = self.folders.pop(pid)
        if folder is not None:
            self.scratch.drop(folder)
        cpu_ms = int(1000 * (usage.ru_utime + usage.ru_stime))
        self.control.send(wire.EVENT.pack(wire.ENDED, pid, status, min(cpu_ms, 2**32 - 1), ended_by))

    def watch_scratch(self) -> bool:
        """End children that fill their folder. True if there is something to watch."""
        if self.scratch is None or not self.folders:
            return False
        for pid, folder in self.folders.items():
            if self.scratch.over(folder, self.wall.config.scratch_mb << 20):
                self.overfull.add(pid)
                os.kill(pid, signal.SIGKILL)  # its owner sees the channel close and asks how it ended
        return True

    def end_all(self) -> None:
        for pid in self.folders:
            os.kill(pid, signal.SIGKILL)
        for pid in self.folders:
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
