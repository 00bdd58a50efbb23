"""Runs a command as an unprivileged user: `python as_user.py UID COMMAND...`, started as root.

Where that user cannot reach the interpreter (it lies in root's home folder, say), the command runs in a mount namespace
of its own in which the folders above the interpreter hold nothing but the way to it.
"""

import ctypes
import os
import sys
import tempfile
from pathlib import Path

CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    check(libc.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode()), f"mount {target}")


def open_the_way(needed: list[Path]) -> None:
    """Make `needed` folders reachable for everybody, in this process and its children only."""
    blocked: dict[Path, list[Path]] = {}
    for path in needed:
        for folder in reversed(path.parents):
            if not folder.stat().st_mode & 0o001:
                blocked.setdefault(folder, []).append(path)
                break
    if not blocked:
        return
    check(libc.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    for folder, paths in blocked.items():
        held = {}
        for path in paths:
            held[path] = tempfile.mkdtemp()
            mount(str(path), held[path], flags=MS_BIND | MS_REC)
        mount("tmpfs", str(folder), "tmpfs", data="mode=755")
        for path, place in held.items():
            path.mkdir(parents=True, exist_ok=True)
            mount(place, str(path), flags=MS_BIND | MS_REC)


def main(uid: int, command: list[str]) -> None:
    prefixes = {Path(sys.prefix), Path(sys.base_prefix), Path(os.path.realpath(sys.executable)).parent.parent}
    open_the_way(sorted({path.resolve() for path in prefixes} | {Path(__file__).resolve().parent}))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.chdir("/")
    os.execve(
        command[0], command, {"PATH": os.defpath, "HOME": "/nonexistent", "MMZERO_SECRET": os.environ["MMZERO_SECRET"]}
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
