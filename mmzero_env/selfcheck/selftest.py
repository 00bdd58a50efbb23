"""The walls tried out on this machine: each attack against each layer alone, then against the whole environment.

A layer that stops an attack alone is named for it; one that nothing but the whole stops has no name. "-" is an attack
that does not work here without any layer either, so it proves nothing. Not covered: bugs of the kernel.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mmzero_env.config import RenderConfig
from mmzero_env.env import RenderEnv
from mmzero_env.results import RenderEnvError, RenderRequest, RenderResult
from mmzero_env.sandbox import limits
from mmzero_env.sandbox.wall import LAYERS, Wall, probe
from mmzero_env.selfcheck.attacks import ATTACKS, TOOLS, WHOLE

NEEDS = {"landlock": ("no_new_privs",), "seccomp": ("no_new_privs",)}  # or the kernel does not put them up
CONFIG = RenderConfig(workers=1, timeout_s=3.0, cpu_s=2.0, sandbox="best_effort", cache_mb=0)
HARMLESS = '<svg width="60" height="60"><circle cx="30" cy="30" r="20" fill="teal"/><text y="50">ok</text></svg>'
GOT_THROUGH, NOT_PUT_UP = 10, 11  # exit statuses
THROUGH, STOPPED = 61, 60  # widths of the picture in which an attack draws how it went
DRAW = f"""
try:
    through = bool(ATTACK)
except BaseException:
    through = False
from PIL import Image
Image.linear_gradient("L").resize(({THROUGH} if through else {STOPPED}, {STOPPED})).show()
"""


@dataclass
class Report:
    """`alone`: attack -> the layers that stop it by themselves (None: it does not work here at all); `through`: what
    the whole environment did not stop, and what changed outside; `missing`: layers that are off, and why."""

    alone: dict[str, list[str] | None] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    through: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        return not self.through and not self.missing


def run() -> Report:
    """Try everything. Needs a process with one thread. Raises RenderEnvError where no environment starts at all."""
    report = Report()
    with Playground() as ground:
        on = [layer.name for layer in probe() if layer.on]
        for name, code in ATTACKS:
            report.alone[name] = None
            if ground.gets_through(code, ()):
                report.alone[name] = [
                    layer for layer in on if not ground.gets_through(code, (layer, *NEEDS.get(layer, ())))
                ]
        ground.reset()
        with RenderEnv(CONFIG) as env:
            report.missing = [f"{name} ({detail})" for name, on, detail in env.layers() if not on]
            before = harmless(env)
            for name, code in ATTACKS:
                report.tried.append(name)
                attack = DRAW.replace("ATTACK", code)
                result = env.render(RenderRequest(TOOLS + ground.names() + attack, "python"))
                if result.ok and result.width != STOPPED:
                    report.through.append(name)
            for name, language, code, statuses in WHOLE:
                report.tried.append(f"{name} ({language})")
                result = env.render(RenderRequest(code, language))
                if not stopped(result, statuses):
                    report.through.append(f"{name} ({language}: {result.status.name})")
            if before is None or harmless(env) != before:
                report.through.append("a picture drawn afterwards differs")
        report.through += ground.damage()
    return report


def harmless(env: RenderEnv) -> bytes | None:
    """A picture that nobody attacks; None where it cannot be had in three tries."""
    return next(filter(None, (env.render(RenderRequest(HARMLESS)).png for _ in range(3))), None)


def stopped(result: RenderResult, statuses: set[str]) -> bool:
    """Whether an attack ended as it should; on a busy machine any of them may run out of time before, which ends it.

    >>> from mmzero_env.results import RenderStatus
    >>> stopped(RenderResult(RenderStatus.TIMEOUT, None, 0, 0, "too slow", (), 3.0), {"MEMORY"})
    True
    """
    return result.status.name in statuses | {"TIMEOUT"} and result.message.isprintable()


def lines(report: Report) -> Iterator[str]:
    """The table and the verdict."""
    width = max(map(len, report.tried)) + 2
    yield f"{'attack':{width}}{'  '.join(LAYERS)}  all together"
    for name in report.tried:
        alone = report.alone.get(name, [])
        cells = ["-" if alone is None else "stops" if layer in alone else "" for layer in LAYERS]
        shown = "  ".join(f"{cell:{len(layer)}}" for cell, layer in zip(cells, LAYERS, strict=True))
        failed = any(line.startswith(name.split(" (")[0]) for line in report.through)
        yield f"{name:{width}}{shown}  {'GOT THROUGH' if failed else 'stopped'}"
    for line in report.through:
        yield f"NOT STOPPED: {line}"
    for line in report.missing:
        yield f"layer off: {line}"
    stopped = len(report.tried) - len(report.through)
    yield f"{stopped} of {len(report.tried)} attacks stopped; " + (
        "strict does not start here: layers off" if report.missing else "every layer is on"
    )


class Playground:
    """A folder, a server and a process that may be attacked."""

    def __enter__(self) -> "Playground":
        with contextlib.ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmzero-selftest-")))
            self.own = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmzero-selftest-")))
            self.server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            self.server.setblocking(False)
            command = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]
            self.victim = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE))
            stack.callback(self.victim.kill)
            self.packages = self.folder / "site-packages"
            sys.path.append(str(self.packages))
            stack.callback(sys.path.remove, str(self.packages))
            self.reset()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def names(self) -> str:
        port = self.server.getsockname()[1]
        return f"PLAYGROUND, PORT, VICTIM = {str(self.folder)!r}, {port}, {self.victim.pid}\n"

    def reset(self) -> None:
        """As it was before any attack."""
        self.packages.mkdir(exist_ok=True)
        for path in (*self.folder.iterdir(), *self.own.iterdir()):
            if path != self.packages:
                path.unlink()
        for name in ("secret.txt", "victim.txt", "doomed.txt", "site-packages/library.py"):
            (self.folder / name).write_text(f"# {name}\n", encoding="utf-8")
        with contextlib.suppress(BlockingIOError):
            while True:
                self.server.accept()[0].close()

    def damage(self) -> list[str]:
        """What is not as `reset` left it."""
        wanted = {"secret.txt", "victim.txt", "doomed.txt", "site-packages/library.py"}
        found = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}
        changed = [name for name in wanted & found if (self.folder / name).read_text(encoding="utf-8") != f"# {name}\n"]
        damage = [f"{name} outside is made, gone or changed" for name in sorted((wanted ^ found) | set(changed))]
        with contextlib.suppress(BlockingIOError):
            self.server.accept()[0].close()
            damage.append("somebody connected to the server outside")
        return damage + (["the process outside was ended"] if self.victim.poll() is not None else [])

    def gets_through(self, code: str, layers: tuple[str, ...]) -> bool:
        """Whether an attack succeeds in a process behind these layers only; False where it ends the process."""
        self.reset()
        wall = Wall("python", CONFIG, frozenset(LAYERS) - set(layers))
        wall.prepare()
        wall.admit(str(self.own))
        pid = os.fork()
        if pid == 0:
            ending = NOT_PUT_UP
            try:
                names: dict = {}
                exec(TOOLS + self.names(), names)
                os.chdir(self.own)
                if "capabilities" in layers:
                    limits.drop_capabilities()
                wall.put_up()
                ending = 0
                ending = GOT_THROUGH if eval(code, names) else 0
            finally:
                os._exit(ending)
        ending = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if ending == NOT_PUT_UP:
            raise RenderEnvError(f"a process behind {' and '.join(layers) or 'nothing'} could not be made here")
        return ending == GOT_THROUGH
