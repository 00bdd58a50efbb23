"""Resource limits, privileges, descriptors and environment of a snippet's process."""

import ctypes
import math
import os
import resource
import struct

from mmzero_env.sandbox.kernel import (
    PR_CAPBSET_DROP,
    PR_CAPBSET_READ,
    PR_GET_NO_NEW_PRIVS,
    PR_SET_NO_NEW_PRIVS,
    prctl,
    syscall,
)

CAPABILITY_VERSION_3 = 0x20080522
FILE_BYTES = 16 << 20  # one file of a snippet
OPEN_FILES = 64
# What a lower limit of the owner would take away from snippets, and the shell's option for it.
PROMISED = {
    resource.RLIMIT_CPU: ("CPU time", "seconds", "t"),
    resource.RLIMIT_AS: ("address space", "bytes", "v"),
}


def no_new_privs() -> None:
    """No set-user-ID program and no file capability helps this process or its children any more. Raises OSError."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if prctl(PR_GET_NO_NEW_PRIVS) != 1:
        raise OSError("the kernel accepted no_new_privs and did not set it")


def drop_capabilities() -> None:
    """Give up every capability: root becomes the plain owner of root's files. Nothing to do for an ordinary user.

    The bounding set (what a program started by root could get back) can be emptied only with CAP_SETPCAP. Containers
    take that one away: then the set is empty as well, or no_new_privs, a layer of its own, keeps it out of reach.
    Raises OSError."""
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        last = int(file.read())
    if os.geteuid() == 0:
        for capability in range(last + 1):
            if not prctl(PR_CAPBSET_READ, capability):
                continue
            try:
                prctl(PR_CAPBSET_DROP, capability)
            except PermissionError:
                break
    header = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITY_VERSION_3, 0))
    nothing = ctypes.create_string_buffer(24)
    syscall("capset", ctypes.byref(header), ctypes.byref(nothing))


def address_space() -> int:
    """Bytes of address space of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def table(cpu_s: float, address_bytes: int, file_bytes: int) -> dict[int, tuple[int, int]]:
    """Limit -> (soft, hard). The kernel ends the process at the soft CPU limit, or one second later for certain."""
    cpu = max(1, math.ceil(cpu_s))
    return {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_CPU: (cpu, cpu + 1),
        resource.RLIMIT_AS: (address_bytes, address_bytes),
        resource.RLIMIT_FSIZE: (file_bytes, file_bytes),
        resource.RLIMIT_NOFILE: (OPEN_FILES, OPEN_FILES),
        resource.RLIMIT_NPROC: (0, 0),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
    }


def check_inherited(limits: dict[int, tuple[int, int]]) -> None:
    """Raises OSError where this process may have less than `limits` promise a snippet: it would end too early, and the
    message would name a limit that was not reached."""
    for limit, (what, unit, option) in PROMISED.items():
        needed, _ = limits[limit]
        _, most = resource.getrlimit(limit)
        if most != resource.RLIM_INFINITY and most < needed:
            remedy = f"remedy: ulimit -{option} unlimited"
            raise OSError(f"a process may have {most} {unit} of {what} here, {needed} are needed; {remedy}")


def apply(limits: dict[int, tuple[int, int]]) -> None:
    """Raises OSError or ValueError where a limit is not accepted."""
    for limit, values in limits.items():
        # Where a hard limit is already lower, the lower one stays.
        _, hard = resource.getrlimit(limit)
        if hard != resource.RLIM_INFINITY:
            values = (min(values[0], hard), min(values[1], hard))
        resource.setrlimit(limit, values)
