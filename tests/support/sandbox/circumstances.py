"""Runs a command under other circumstances: `python circumstances.py '{"user": "nobody"}' COMMAND...`, started as root.

Keys of the JSON, all optional:
  user     root | nobody | bare (root without any capability, as `docker --cap-drop=ALL`) | no_setpcap (root without the
           one capability that gives up others) | a number
  shm      a tmpfs of its own at /dev/shm: options of mount, for example "size=64m"
  tmp      the same at /tmp
  without  folders over which an empty, read-only file system is mounted, for example ["/dev/shm"]
  refused  names of system calls that a filter of this container already answers with EPERM
  env      further environment variables
  limits   {"NOFILE": 64, ...}: soft and hard
  umask    a number
  ignored  names of signals
  cwd      deleted | a path
  home     value of HOME, null for none; root keeps its own, others have none that exists
  closed   standard descriptors to close. The command's own standard input and output are then at 50 and 51.

Where the user cannot reach the interpreter or this repository (they lie in root's home folder, say), the command runs
in a mount namespace of its own in which the folders above them hold nothing but the way to them.
"""

import ctypes
import errno
import json
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

CLONE_NEWNS = 0x20000
MS_RDONLY, MS_BIND, MS_REC, MS_PRIVATE = 1, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_CAPBSET_DROP = 24
CAP_SETPCAP = 8
NOBODY = 65534
ROOTS = ("root", "bare", "no_setpcap")
SPARE_INPUT, SPARE_OUTPUT = 50, 51
KEPT = "MMZERO_SECRET"

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    check(libc.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode()), f"mount {target}")


def own_mounts() -> None:
    check(libc.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def blocked_by(needed: list[Path]) -> dict[Path, list[Path]]:
    """The folders that not everybody may enter, and what is needed beneath."""
    blocked: dict[Path, list[Path]] = {}
    for path in needed:
        for folder in reversed(path.parents):
            if not folder.stat().st_mode & 0o001:
                blocked.setdefault(folder, []).append(path)
                break
    return blocked


def open_the_way(blocked: dict[Path, list[Path]]) -> None:
    """Make what is needed reachable for everybody, in this mount namespace."""
    for folder, paths in blocked.items():
        held = {}
        for path in paths:
            held[path] = tempfile.mkdtemp()
            mount(str(path), held[path], flags=MS_BIND | MS_REC)
        mount("tmpfs", str(folder), "tmpfs", data="mode=755")
        for path, place in held.items():
            path.mkdir(parents=True, exist_ok=True)
            mount(place, str(path), flags=MS_BIND | MS_REC)
            check(libc.umount2(place.encode(), MNT_DETACH), "umount")
            os.rmdir(place)


def needed() -> list[Path]:
    here = Path(__file__).resolve()
    prefixes = {Path(sys.prefix), Path(sys.base_prefix), Path(os.path.realpath(sys.executable)).parent.parent}
    return sorted({path.resolve() for path in prefixes} | {here.parent, here.parents[3] / "mmzero_env"})


def become(user: str | int) -> None:
    if user in ("bare", "no_setpcap"):
        last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="utf-8"))
        for capability in range(last + 1) if user == "bare" else (CAP_SETPCAP,):
            check(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "prctl")  # the next exec cannot give it
    elif user != "root":
        uid = NOBODY if user == "nobody" else int(user)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def refuse_calls(names: list[str]) -> None:
    """As a container's own filter does."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    from mmzero_env.sandbox import limits, seccomp
    from mmzero_env.sandbox.kernel import number

    code = [seccomp._op(seccomp.LOAD, seccomp.NR)]
    for name in names:
        code += [
            seccomp._op(seccomp.EQUAL, number(name), 0, 1),
            seccomp._op(seccomp.RETURN, seccomp.REFUSE | errno.EPERM),
        ]
    code = b"".join([*code, seccomp._op(seccomp.RETURN, seccomp.ALLOW)])
    buffer = ctypes.create_string_buffer(code, len(code))
    outer = object.__new__(seccomp.Filter)
    outer._program = seccomp._Program(len(code) // 8, ctypes.addressof(buffer))
    limits.no_new_privs()
    outer.load()


def main(case: dict[str, Any], command: list[str]) -> None:
    user = case.get("user", "root")
    blocked = {} if user in ROOTS else blocked_by(needed())
    if blocked or case.keys() & {"shm", "tmp", "without"}:
        own_mounts()
        open_the_way(blocked)
        for key, folder in (("shm", "/dev/shm"), ("tmp", "/tmp")):
            if key in case:
                mount("tmpfs", folder, "tmpfs", data=f"mode=1777,{case[key]}")
        for folder in case.get("without", ()):
            mount("tmpfs", folder, "tmpfs", flags=MS_RDONLY)
    os.chdir(case.get("cwd", "/") if case.get("cwd") != "deleted" else tempfile.mkdtemp())
    if case.get("cwd") == "deleted":
        os.rmdir(os.getcwd())
    for name in case.get("ignored", ()):
        signal.signal(signal.Signals[name], signal.SIG_IGN)
    become(user)
    # One thread: numpy starts others in the program itself, which `limits` may forbid.
    environment = {"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1", KEPT: os.environ.get(KEPT, "")}
    home = case.get("home", os.environ.get("HOME") if user in ROOTS else "/nonexistent")
    if home is not None:
        environment["HOME"] = home
    environment |= case.get("env", {})
    if "refused" in case:
        refuse_calls(case["refused"])
    for name, value in case.get("limits", {}).items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    os.umask(case.get("umask", 0o022))
    if case.get("closed"):
        os.dup2(0, SPARE_INPUT)
        os.dup2(1, SPARE_OUTPUT)
        for descriptor in case["closed"]:
            os.close(descriptor)
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
