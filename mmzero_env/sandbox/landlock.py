"""Landlock: which folders a process may read and write, and nothing else (kernel 5.13 and later, no privilege needed).

Covers opening, creating, removing and renaming files, truncation (ABI 3), TCP (ABI 4), abstract sockets and signals to
processes outside (ABI 6). What an older ABI does not know, seccomp refuses in every case, so ABI 1 is enough. Not
covered: metadata, that is stat() and chmod() on any path; seccomp refuses the calls that change it.
Constants: include/uapi/linux/landlock.h.
"""

import ctypes
import os
import struct
from collections.abc import Iterable

from mmzero_env.sandbox.kernel import syscall

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_REG, TRUNCATE = 1 << 8, 1 << 14
READ = READ_FILE | READ_DIR
# A flat folder: files may come and go, but no folders, links, sockets or pipes.
SCRATCH = READ | WRITE_FILE | REMOVE_FILE | MAKE_REG | TRUNCATE
ONE_FILE = READ_FILE | WRITE_FILE | EXECUTE | TRUNCATE
ALL_FS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
ALL_NET, ALL_SCOPES = 0b11, 0b11
TRUNCATE_ABI = 3
CREATE_VERSION, RULE_PATH_BENEATH = 1, 1


def abi() -> int:
    """Version of Landlock in this kernel. Raises OSError where there is none."""
    return syscall("landlock_create_ruleset", None, 0, CREATE_VERSION)


def ruleset(read: Iterable[str], scratch: str | None = None) -> int:
    """Descriptor of a set of rules: `read` (folders or files that exist) may be read, `scratch` is a flat folder to
    write in; everything else that Landlock handles is refused. Raises OSError."""
    version = abi()
    handled = ALL_FS[min(version, 5)]
    parts = [handled] + [ALL_NET] * (version >= 4) + [ALL_SCOPES] * (version >= 6)
    data = ctypes.create_string_buffer(struct.pack(f"={len(parts)}Q", *parts))
    rules = syscall("landlock_create_ruleset", ctypes.byref(data), 8 * len(parts), 0)
    try:
        for path in read:
            _allow(rules, path, READ & handled)
        if scratch is not None:
            _allow(rules, scratch, SCRATCH & handled)
    except OSError:
        os.close(rules)
        raise
    return rules


def restrict(rules: int) -> None:
    """Put this process under `rules`, for good. Needs no_new_privs. Raises OSError."""
    syscall("landlock_restrict_self", rules, 0)


def _allow(rules: int, path: str, access: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):
            access &= ONE_FILE
        rule = ctypes.create_string_buffer(struct.pack("=Qi", access, beneath))
        syscall("landlock_add_rule", rules, RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(beneath)
