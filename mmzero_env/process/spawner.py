"""The owner's side of a template: start it, keep children ready ahead of need, learn how they ended."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path

from mmzero_env import wire
from mmzero_env.config import RenderConfig
from mmzero_env.process.one_thread import ONE_THREAD
from mmzero_env.results import RenderEnvError

START_LIMIT_S = 120.0
CHILD_LIMIT_S = 60.0
CLOSE_LIMIT_S = 10.0
MALLOC = ":".join(
    f"glibc.malloc.{setting}"
    for setting in ("hugetlb=1", "mmap_threshold=67108864", "trim_threshold=268435456", "top_pad=16777216")
)
BOOT = (
    "import json, sys; start = json.loads(sys.argv[1]); sys.path[:] = start['path']; "
    "from mmzero_env.process.template import main; main(start)"
)


class TemplateDied(Exception):
    """The template process is gone; everything it had forked is gone with it."""


@dataclass
class Child:
    """A process that waits for a snippet, and the socket to it."""

    pid: int
    channel: socket.socket


@dataclass(frozen=True)
class Ending:
    """How a child ended: wait status, CPU seconds, and by whom (wire.ITSELF, KILLED, OVERFULL)."""

    status: int
    cpu_s: float
    ended_by: int


class Spawner:
    """One running template. `layers` is its report: (name, on, detail) each.

    Raises:
        RenderEnvError: it does not start; the message is the template's own line.
    """

    def __init__(self, language: str, config: RenderConfig, ready: int):
        self.language = language
        self.layers: list[tuple[str, bool, str]] = []
        self.died = False
        self.last_words = "killed, or out of memory: see the kernel log"
        self._changed = threading.Condition()
        self._children: deque[Child] = deque()
        self._ended: dict[int, Ending | None] = {}
        self._closed = False
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = subprocess.Popen(
                self._command(theirs.fileno(), config),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                cwd="/",
                env=environment(),
            )
        except OSError as error:
            self._control.close()
            raise RenderEnvError(f"the {language} template does not start: {error}") from error
        finally:
            theirs.close()
        try:
            self._hello()
        except BaseException:
            self._stop()
            raise
        self._reader = threading.Thread(target=self._read, name=f"mmzero-env-{language}", daemon=True)
        self._reader.start()
        for _ in range(ready):
            self._order(wire.FORK)

    def take(self) -> Child:
        """A child to give one snippet to; the next one is ordered at once.

        Raises:
            TemplateDied: none will come.
        """
        self._order(wire.FORK)
        deadline = time.monotonic() + CHILD_LIMIT_S
        with self._changed:
            while not self._children:
                if self.died or not self._changed.wait(deadline - time.monotonic()):
                    raise TemplateDied
            return self._children.popleft()

    def end(self, child: Child) -> None:
        """End a child that is not needed any more; it may still run."""
        child.channel.close()
        with contextlib.suppress(TemplateDied):
            self._order(wire.END_NOW, child.pid)

    def ending(self, child: Child) -> Ending:
        """How a child whose channel closed by itself has ended.

        Raises:
            TemplateDied: nobody can say.
        """
        child.channel.close()
        with self._changed:
            self._ended[child.pid] = None
        self._order(wire.END, child.pid)
        deadline = time.monotonic() + CHILD_LIMIT_S
        with self._changed:
            while self._ended[child.pid] is None:
                if self.died or not self._changed.wait(deadline - time.monotonic()):
                    raise TemplateDied
            return self._ended.pop(child.pid)

    def close(self) -> None:
        """End the template and with it every child; returns when it is gone."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._reader.join(CLOSE_LIMIT_S)
        self._stop()

    def forget(self) -> None:
        """In a process forked from the owner: let go of the descriptors, the template belongs to the parent."""
        self.died = True
        for held in (self._control, *(child.channel for child in self._children)):
            held.close()
        self._process.stderr.close()
        self._process.returncode = 0  # not this process's child: never wait for it

    def _command(self, control: int, config: RenderConfig) -> list[str]:
        # The interpreter without site (nothing that .pth files start), with exactly the caller's import path.
        root = str(Path(__file__).resolve().parents[2])
        path = list(dict.fromkeys([root, *(os.path.abspath(entry) for entry in sys.path if entry)]))
        start = {"fd": control, "owner": os.getpid(), "language": self.language, "config": asdict(config), "path": path}
        return [sys.executable, "-S", "-s", "-c", BOOT, json.dumps(start)]

    def _hello(self) -> None:
        self._control.settimeout(START_LIMIT_S)
        try:
            data = self._control.recv(wire.MAX_EVENT)
        except TimeoutError:
            raise RenderEnvError(f"the {self.language} template did not start within {START_LIMIT_S:.0f} s") from None
        self._control.settimeout(None)
        if not data:
            self._process.kill()
            said = self._process.stderr.read().decode("utf-8", "replace").strip().splitlines()
            line = said[-1] if said else f"exit status {self._process.wait()}"
            raise RenderEnvError(f"the {self.language} template does not start: {line}")
        kind, body = wire.EVENT.unpack(data[: wire.EVENT.size])[0], data[wire.EVENT.size :].decode()
        if kind == wire.REFUSED:
            raise RenderEnvError(body)
        self.layers = [tuple(layer) for layer in json.loads(body)]

    def _order(self, kind: int, argument: int = 0) -> None:
        try:
            self._control.send(wire.ORDER.pack(kind, argument))
        except OSError:
            raise TemplateDied from None

    def _read(self) -> None:
        """Thread: what the template reports, until it is gone."""
        try:
            while True:
                data, descriptors, _, _ = socket.recv_fds(self._control, wire.MAX_EVENT, 1)
                if not data:
                    return
                kind, pid, status, cpu_ms, ended_by = wire.EVENT.unpack(data[: wire.EVENT.size])
                with self._changed:
                    if kind == wire.REFUSED:
                        self.last_words = data[wire.EVENT.size :].decode()
                        return
                    if kind == wire.CHILD and not descriptors:
                        self.last_words = "this process has no descriptor left (ulimit -n)"
                        return
                    if kind == wire.CHILD:
                        self._children.append(Child(pid, socket.socket(fileno=descriptors[0])))
                    elif pid in self._ended:
                        self._ended[pid] = Ending(status, cpu_ms / 1000, ended_by)
                    self._changed.notify_all()
        except OSError:
            return
        finally:
            with self._changed:
                self.died = True
                while self._children:
                    self._children.popleft().channel.close()
                self._changed.notify_all()

    def _stop(self) -> None:
        self._control.close()
        try:
            self._process.wait(CLOSE_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._process.stderr.close()


def environment() -> dict[str, str]:
    """What the template sees of the caller's environment: nothing but where fonts of this user are."""
    return {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "HOME": os.path.expanduser("~"),
        "PYTHONHASHSEED": "0",  # the same snippet draws the same picture
        # Children live briefly: large pages and no trimming halve the page faults of a drawing.
        "GLIBC_TUNABLES": MALLOC,
        **ONE_THREAD,
    }
