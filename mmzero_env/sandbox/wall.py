"""The layers around a snippet's process: prepared and probed once in the template, put up in each child.

Order matters: limits, no_new_privs, capabilities, Landlock, and seccomp last, since it refuses the calls that the
others need.
"""

import fcntl
import os
import resource
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from mmzero_env.config import RenderConfig
from mmzero_env.sandbox import landlock, limits, paths, seccomp
from mmzero_env.sandbox.kernel import LayerError

LAYERS = ("limits", "no_new_privs", "capabilities", "landlock", "seccomp")
MAX_DESCRIPTOR = 1 << 20
RULES_DESCRIPTOR = 4  # or higher: a child gives the numbers below to other things


@dataclass(frozen=True)
class Layer:
    """`on` and, where off, why; where on, what exactly."""

    name: str
    on: bool
    detail: str


@dataclass
class Wall:
    """What one language's children are put behind. `off` names layers that are left out (best effort)."""

    language: str
    config: RenderConfig
    off: frozenset[str] = frozenset()
    _filter: seccomp.Filter | None = field(default=None, repr=False)
    _readable: list[str] = field(default_factory=list, repr=False)
    _rules: int | None = field(default=None, repr=False)
    _limits: dict[int, tuple[int, int]] = field(default_factory=dict, repr=False)

    def prepare(self) -> None:
        """In the warm template: everything that children share. Raises OSError."""
        address_bytes = limits.address_space() + (self.config.memory_mb << 20)
        file_bytes = min(limits.FILE_BYTES, self.config.scratch_mb << 20) if self.language == "python" else 0
        self._limits = limits.table(self.config.cpu_s, address_bytes, file_bytes)
        limits.check_inherited(self._limits)
        if "seccomp" not in self.off:
            self._filter = seccomp.of(self.language)
        self._readable = paths.readable()
        self.admit(None)

    def admit(self, scratch: str | None) -> None:
        """In the template, before it forks: the rules for children whose own folder is `scratch`. Made here because a
        child would first have to copy every page of memory that this work touches. Raises OSError."""
        if "landlock" in self.off:
            return
        if self._rules is not None:
            os.close(self._rules)
            self._rules = None
        rules = landlock.ruleset(self._readable, scratch)
        self._rules = fcntl.fcntl(rules, fcntl.F_DUPFD_CLOEXEC, RULES_DESCRIPTOR)
        os.close(rules)

    def close_other_descriptors(self, last_kept: int) -> None:
        """Close every descriptor above `last_kept` but the rules, which `put_up` closes."""
        kept = self._rules if self._rules is not None else last_kept
        os.closerange(last_kept + 1, kept)
        os.closerange(max(kept, last_kept) + 1, MAX_DESCRIPTOR)

    def put_up(self) -> None:
        """In a child, before it sees any code. Raises LayerError naming the layer that failed."""
        for name in LAYERS:
            if name in self.off:
                continue
            try:
                self._layer(name)
            except (OSError, ValueError) as error:
                raise LayerError(f"sandbox layer {name}: {error}") from error

    def _layer(self, name: str) -> None:
        if name == "limits":
            limits.apply(self._limits)
        elif name == "no_new_privs":
            limits.no_new_privs()
        elif name == "capabilities":
            return  # the template has dropped them, for itself and its children
        elif name == "landlock":
            landlock.restrict(self._rules)
            os.close(self._rules)
        else:
            self._filter.load()


def probe() -> list[Layer]:
    """Each layer tried alone, in a process of its own, by what it must refuse. Needs a process with one thread."""
    return [_try(name) for name in LAYERS]


def _try(name: str) -> Layer:
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            answer = f"+{_CHECKS[name]()}"
        except (OSError, ValueError) as error:
            answer = f"-{error}"
        os.write(send, answer.encode("utf-8", "replace")[:1000])
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        answer = pipe.read().decode("utf-8", "replace")
    _, status = os.waitpid(pid, 0)
    if not answer:
        answer = f"-the probe ended with status {status}"
    return Layer(name, answer[0] == "+", answer[1:])


def _check_limits() -> str:
    table = limits.table(1.0, limits.address_space() + (64 << 20), 0)
    limits.apply(table)
    for limit, (soft, _) in table.items():
        if resource.getrlimit(limit)[0] > soft:
            raise OSError(f"limit {limit} was accepted and not set")
    return "CPU, address space, file size, open files, processes, core"


def _check_no_new_privs() -> str:
    limits.no_new_privs()
    return "set"


def _check_capabilities() -> str:
    limits.drop_capabilities()
    with open("/proc/self/status", encoding="ascii") as file:
        sets = {line.split(":")[0]: int(line.split()[1], 16) for line in file if line.startswith("Cap")}
    held = {name: value for name, value in sets.items() if value and name != "CapBnd"}
    if held:
        raise OSError(f"capabilities left: {', '.join(f'{name} {value:x}' for name, value in held.items())}")
    if os.geteuid() == 0 and sets["CapBnd"]:
        return "none held; without CAP_SETPCAP no_new_privs keeps the bounding set out of reach"
    return "none held"


def _check_landlock() -> str:
    limits.no_new_privs()
    landlock.restrict(landlock.ruleset(paths.readable()))
    try:
        os.listdir("/")
    except PermissionError:
        version = landlock.abi()
        return f"ABI {version}" + ("" if version >= landlock.TRUNCATE_ABI else ": truncation is left to seccomp")
    raise OSError("rules were accepted, but / can still be listed")


def _check_seccomp() -> str:
    limits.no_new_privs()
    seccomp.available()
    seccomp.of("svg").load()
    for what, forbidden in _FORBIDDEN.items():
        try:
            forbidden()
        except PermissionError:
            continue
        except OSError as error:
            raise OSError(f"the filter was accepted, but {what} reaches the kernel: {error}") from error
        raise OSError(f"the filter was accepted, but {what} is still possible")
    return f"allow-list of {len(seccomp.COMMON)} calls"


# Harmless where the filter fails: a folder cannot be truncated.
_FORBIDDEN: dict[str, Callable[[], object]] = {
    "a socket": socket.socketpair,
    "truncation by reading": lambda: os.open("/", os.O_RDONLY | os.O_TRUNC),
    "opening without reading or writing": lambda: os.open(os.devnull, os.O_WRONLY | os.O_RDWR),
    "a file without a name": lambda: os.open(os.devnull, os.O_TMPFILE | os.O_RDWR),
}

_CHECKS: dict[str, Callable[[], str]] = {
    "limits": _check_limits,
    "no_new_privs": _check_no_new_privs,
    "capabilities": _check_capabilities,
    "landlock": _check_landlock,
    "seccomp": _check_seccomp,
}
