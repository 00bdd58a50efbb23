"""Graders that can hang (mathruler, math-verify), each in one persistent child process that can be killed.

A pair that uses more than CPU_LIMIT_S seconds of CPU ends the child (the kernel does it, so a hang inside C code ends
too); after WALL_LIMIT_S, in which time without a core does not count, the parent kills it. Such a pair is "not
equal", is counted, and the next pair gets a new child. A child that dies for another reason is replaced and asked once
more. Results are cached.

sympy's parser is `eval` underneath, so text with double underscores or of more than MAX_CHARS characters never gets
there; the child has an empty environment, its own folder, no file writes and a memory limit. That keeps accidents and
simple attacks out; it is not the sandbox of mmzero_env.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import lru_cache
from pathlib import Path

from mmzero_env.process.cores import waited_s

CPU_LIMIT_S = 2.0
WALL_LIMIT_S = 20.0
START_LIMIT_S = 120.0
MEMORY_MB = 2048
MAX_CHARS = 1000
INSTALL = {"mathruler": "mathruler==0.1.0 pylatexenc", "math_verify": "math-verify==0.9.0"}
SETTING = {"mathruler": "grading.grader=mathruler", "math_verify": "grading.symbolic=true"}


class GraderUnavailable(RuntimeError):
    """The configured grader cannot run here; the message names the setting and the remedy."""


class GraderChild:
    """One engine's child process; thread-safe, one pair at a time.

    `killed` counts pairs that ended by a limit, `restarts` the children started after the first.
    """

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.killed = 0
        self.restarts = -1
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._owner = 0

    def equal(self, a: str, b: str) -> bool:
        """True if the engine says that answer `a` equals reference `b`."""
        with self._lock:
            for _ in range(2):
                outcome = self._ask(a, b)
                if outcome is not None:
                    return outcome
            self.killed += 1
            return False

    def close(self) -> None:
        """End the child; the next pair would start a new one."""
        process, self._process = self._process, None
        if process and self._owner == os.getpid():
            process.kill()
            process.wait()
            with contextlib.suppress(BrokenPipeError):  # of a pair that a lost child never read; it is asked again
                process.stdin.close()
            process.stdout.close()

    def _ask(self, a: str, b: str) -> bool | None:
        """The engine's verdict; False after a limit; None when the child was lost for another reason."""
        if self._process is None or self._owner != os.getpid():
            self._start()
        try:
            self._process.stdin.write(json.dumps([a, b]).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self.close()
            return None
        line = self._verdict()
        if line:
            return json.loads(line) is True
        if line is None or self._process.wait() == -signal.SIGPROF:
            self.killed += 1
            self.close()
            return False
        self.close()
        return None

    def _start(self) -> None:
        self._owner = os.getpid()
        self.restarts += 1
        script = Path(__file__).with_name("grader_child.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(script), self.engine, str(CPU_LIMIT_S), str(MEMORY_MB)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
        )
        line = self._line(START_LIMIT_S)
        hello = json.loads(line) if line else {"error": f"its child process did not start within {START_LIMIT_S:.0f} s"}
        if "error" in hello:
            self.close()
            raise GraderUnavailable(
                f"{SETTING[self.engine]}: {hello['error']}; remedy: pip install {INSTALL[self.engine]}"
            )

    def _verdict(self) -> bytes | None:
        """`_line` with WALL_LIMIT_S of the child's own time: a busy machine must not make two answers different."""
        pid, deadline = self._process.pid, time.monotonic() + WALL_LIMIT_S
        before = waited_s(pid)
        line = self._line(WALL_LIMIT_S)
        while line is None and (left := deadline + waited_s(pid) - before - time.monotonic()) > 0:
            line = self._line(left)
        return line

    def _line(self, limit_s: float) -> bytes | None:
        """Next line of the child, b"" if it is gone, None if nothing came within `limit_s` seconds."""
        ready, _, _ = select.select([self._process.stdout], [], [], limit_s)
        return self._process.stdout.readline() if ready else None


_children: dict[str, GraderChild] = {}
_guard = threading.Lock()


def child(engine: str) -> GraderChild:
    """The process-wide child of one engine, ended when this process exits."""
    with _guard:
        if engine not in _children:
            _children[engine] = GraderChild(engine)
            atexit.register(_children[engine].close)
        return _children[engine]


def _forget_children() -> None:
    """In a forked process: the children and locks belong to the parent."""
    global _guard
    _guard = threading.Lock()
    _children.clear()


os.register_at_fork(after_in_child=_forget_children)


def equal(engine: str, a: str, b: str) -> bool:
    """Cached verdict of `engine` (mathruler | math_verify) on answer `a` against reference `b`."""
    if len(a) > MAX_CHARS or len(b) > MAX_CHARS or "__" in a or "__" in b:
        return a == b
    return _cached(engine, a, b)


@lru_cache(maxsize=1 << 16)
def _cached(engine: str, a: str, b: str) -> bool:
    return child(engine).equal(a, b)
