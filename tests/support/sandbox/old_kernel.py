"""A kernel with an older Landlock: the question for its version is answered here, for this process and its children.

A seccomp filter hands that one call to a thread of this process (SECCOMP_RET_USER_NOTIF, kernel 5.5). What the real
kernel does with the rules is what the older one would: an ABI is the set of rights that the rules name.
"""

import ctypes
import errno
import fcntl
import struct
import threading

from mmzero_env.sandbox import landlock, limits, seccomp
from mmzero_env.sandbox.kernel import number, syscall

USER_NOTIF, NEW_LISTENER = 0x7FC00000, 8
NOTIFICATION, ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
RECEIVE, SEND = 0xC0502100, 0xC0182101
FLAGS = seccomp.ARGS + 8 * 2


def pretend_landlock(version: int) -> None:
    """From now on Landlock is of this version at most; 0: there is none. Needs a kernel with a newer one."""
    real = landlock.abi()
    program = [
        (seccomp.LOAD, 0, 0, seccomp.NR),
        (seccomp.EQUAL, 0, 3, number("landlock_create_ruleset")),
        (seccomp.LOAD, 0, 0, FLAGS),
        (seccomp.EQUAL, 0, 1, landlock.CREATE_VERSION),
        (seccomp.RETURN, 0, 0, USER_NOTIF),
        (seccomp.RETURN, 0, 0, seccomp.ALLOW),
    ]
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    compiled = seccomp._Program(len(program), ctypes.addressof(buffer))
    limits.no_new_privs()
    listener = syscall("seccomp", seccomp.SET_MODE_FILTER, NEW_LISTENER, ctypes.byref(compiled))
    value, error = (min(version, real), 0) if version else (0, -errno.EOPNOTSUPP)
    threading.Thread(target=_answer, args=(listener, value, error), daemon=True).start()


def _answer(listener: int, value: int, error: int) -> None:
    while True:
        notification = bytearray(NOTIFICATION.size)
        try:
            fcntl.ioctl(listener, RECEIVE, notification)
            fcntl.ioctl(
                listener, SEND, bytearray(ANSWER.pack(struct.unpack_from("=Q", notification)[0], value, error, 0))
            )
        except FileNotFoundError:
            continue  # who asked is gone
