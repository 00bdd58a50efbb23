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
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from mmzero_env import wire
from mmzero_env.config import RenderConfig
from mmzero_env.process.starting import (
    above_standard,
    environment,
    import_path,
    receive_event,
    start_thread,
    why,
)
from mmzero_env.results import RenderEnvError, one_line

START_LIMIT_S = 120.0
CHILD_LIMIT_S = 60.0
CLOSE_LIMIT_S = 10.0
# A process that runs wakes up at the end of a time limit. One that wakes so much later was stopped itself (Ctrl-Z, a
# container that is paused), perhaps with all the others; then the time says nothing about them and starts again.
STOPPED_S = 2.0
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
        self.died_at: float | None = None
        self.last_words = "killed, or out of memory: see the kernel log"
        self._heard = time.monotonic()
        self._changed = threading.Condition()
        self._children: deque[Child] = deque()
        self._ended: dict[int, Ending | None] = {}
        self._closed = False
        try:
            self._start(config)
        except OSError as error:
            raise RenderEnvError(f"the {language} template does not start: {why(error)}") from error
        self._reader = threading.Thread(target=self._read, name=f"mmzero-env-{language}", daemon=True)
        try:
            self._hello()
            start_thread(self._reader)
        except BaseException:
            self._stop()
            raise
        for _ in range(ready):
            self._order(wire.FORK)

    @property
    def died(self) -> bool:
        return self.died_at is not None

    def take(self) -> Child:
        """A child to give one snippet to; the next one is ordered at once.

        Raises:
            TemplateDied: none will come.
        """
        self._order(wire.FORK)
        with self._changed:
            self._wait_for(lambda: self._children)
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
        with self._changed:
            self._wait_for(lambda: self._ended[child.pid])
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
        self.died_at = time.monotonic()
        for held in (self._control, *(child.channel for child in self._children)):
            held.close()
        self._process.stderr.close()
        self._process.returncode = 0  # not this process's child: never wait for it

    def _start(self, config: RenderConfig) -> None:
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control, theirs = above_standard(control), above_standard(theirs)
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
        except OSError:
            self._control.close()
            raise
        finally:
            theirs.close()

    def _wait_for(self, there: Callable[[], object]) -> None:
        """With `_changed` held: until `there()`.

        A template that says nothing for so long (it is stopped, or waits for a dead disk) will not say anything more.

        Raises:
            TemplateDied: it will not be there.
        """
        start = time.monotonic()
        while not there():
            now = time.monotonic()
            left = max(start, self._heard) + CHILD_LIMIT_S - now
            if left < -STOPPED_S:
                start, left = now, CHILD_LIMIT_S
            if left <= 0 and not self.died:
                self._give_up(f"no answer within {CHILD_LIMIT_S:.0f} s")
            if self.died:
                raise TemplateDied
            self._changed.wait(left)

    def _give_up(self, why: str) -> None:
        """With `_changed` held: a template that does not answer is ended, and its children with it."""
        self.last_words = why
        self._died()
        self._process.kill()

    def _died(self) -> None:
        if self.died_at is None:
            self.died_at = time.monotonic()
        self._changed.notify_all()

    def _command(self, control: int, config: RenderConfig) -> list[str]:
        if not sys.executable:
            raise OSError("this interpreter does not know its own program; remedy: start python by its full path")
        # The interpreter without site (nothing that .pth files start), with exactly the caller's import path.
        root = str(Path(__file__).resolve().parents[2])
        path = list(dict.fromkeys([root, *import_path()]))
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
            raise RenderEnvError(one_line(body))
        self.layers = [tuple(layer) for layer in json.loads(body)]

    def _order(self, kind: int, argument: int = 0) -> None:
        try:
            self._control.send(wire.ORDER.pack(kind, argument), socket.MSG_DONTWAIT)
        except BlockingIOError:
            with self._changed:
                self._give_up("it takes no orders any more")
            raise TemplateDied from None
        except OSError:
            raise TemplateDied from None

    def _read(self) -> None:
        """Thread: what the template reports, until it is gone."""
        try:
            while True:
                data, descriptors = receive_event(self._control)
                if not data:
                    return
                self._heard = time.monotonic()
                kind, pid, status, cpu_ms, ended_by = wire.EVENT.unpack(data[: wire.EVENT.size])
                with self._changed:
                    if kind == wire.REFUSED:
                        self.last_words = data[wire.EVENT.size :].decode()
                        return
                    if kind == wire.CHILD and not descriptors:
                        self.last_words = "this process has no descriptor left; remedy: more open files (ulimit -n)"
                        return
                    if kind == wire.CHILD:
                        self._children.append(Child(pid, above_standard(socket.socket(fileno=descriptors[0]))))
                    elif pid in self._ended:
                        self._ended[pid] = Ending(status, cpu_ms / 1000, ended_by)
                    self._changed.notify_all()
        except OSError:
            return
        finally:
            with self._changed:
                self._died()
                while self._children:
                    self._children.popleft().channel.close()

    def _stop(self) -> None:
        self._control.close()
        try:
            self._process.wait(CLOSE_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):  # it waits for a dead disk; the kernel ends it later
                self._process.wait(CLOSE_LIMIT_S)
        self._process.stderr.close()
