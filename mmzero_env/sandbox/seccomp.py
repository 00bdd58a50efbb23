"""seccomp: an allow-list of system calls. Everything that is not on it fails with EPERM.

So there is no socket, no new process or thread, no execve, no ptrace, no signal to anybody, no mount, no chmod, no
link, no io_uring, no bpf, no memfd, no way to raise a limit; calls that the list does not know are refused too.
Files are opened for reading or for writing: the flags that do more than the access mode says are refused, as Landlock
looks at the mode (and knows truncation only from ABI 3 on).
Constants: include/uapi/linux/{seccomp,filter,audit}.h, include/uapi/asm-generic/fcntl.h.
"""

import ctypes
import errno
import mmap
import struct
from collections.abc import Iterable

from mmzero_env.sandbox.kernel import AUDIT_ARCH, MACHINE, number, syscall

COMMON = tuple(
    """
access alarm arch_prctl brk clock_getres clock_gettime clock_nanosleep close dup exit exit_group faccessat faccessat2
fdatasync fstat fstatfs fsync futex getcwd getdents64 getegid geteuid getgid getgroups getitimer getpid getppid
getpriority getrandom getrlimit getrusage gettid gettimeofday getuid lseek lstat madvise membarrier mremap munmap
nanosleep newfstatat poll ppoll pread64 pselect6 read readlink readlinkat readv restart_syscall rseq
rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield select set_robust_list setitimer shutdown
sigaltstack stat statx sysinfo time times uname write writev
""".split()  # noqa: SIM905
)
# Files in a folder of one's own: Landlock says which folder. Every file keeps a name there as long as it lives, or
# nobody could see how much one holds: a file may be moved to a name that is free, and not be removed or replaced.
SCRATCH = ("ftruncate", "pwrite64")
RENAME_NOREPLACE = 1
# glibc tries these first and goes back to older calls only on ENOSYS.
PROBED = ("clone3", "openat2")

TTY_QUERY, FILE_CLOEXEC, FILE_NO_CLOEXEC, BYTES_WAITING = 0x5401, 0x5451, 0x5450, 0x541B
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 4, 1030

LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
NR, ARCH, ARGS = 0, 4, 16
KILL_PROCESS, REFUSE, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
X32_BIT = 0x40000000
# The same on x86-64 and aarch64. Access mode 3 (neither reading nor writing, but with the right to both) is refused.
ACCESS_MODE, O_TRUNC = 0o3, 0o1000
UNNAMED_FILE = 0o20000000  # __O_TMPFILE: a file that no folder lists
SET_MODE_FILTER, GET_ACTION_AVAIL = 1, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


class Filter:
    """One allow-list, compiled once and loaded in each child.

    Args:
        scratch: files may be created and renamed (where Landlock says).
        executable_memory: code may be mapped, as loading an extension module needs.
    """

    def __init__(self, scratch: bool, executable_memory: bool):
        self.code = compile_filter(scratch, executable_memory)
        self._buffer = ctypes.create_string_buffer(self.code, len(self.code))
        self._program = _Program(len(self.code) // 8, ctypes.addressof(self._buffer))

    def load(self) -> None:
        """Put this process under the list, for good. Needs no_new_privs. Raises OSError."""
        syscall("seccomp", SET_MODE_FILTER, 0, ctypes.byref(self._program))


def available() -> None:
    """Raises OSError where the kernel has no filters of this kind or the machine is not known."""
    if MACHINE not in AUDIT_ARCH:
        raise OSError(errno.ENOSYS, f"no table of system calls for {MACHINE}")
    for action in (KILL_PROCESS, REFUSE):
        value = ctypes.c_uint32(action)
        syscall("seccomp", GET_ACTION_AVAIL, 0, ctypes.byref(value))


def compile_filter(scratch: bool, executable_memory: bool) -> bytes:
    """The list as BPF instructions of 8 bytes."""
    code = [
        _op(LOAD, ARCH),
        _op(EQUAL, AUDIT_ARCH[MACHINE], 1, 0),
        _op(RETURN, KILL_PROCESS),
        _op(LOAD, NR),
        _op(AT_LEAST, X32_BIT, 0, 1),
        _op(RETURN, REFUSE | errno.EPERM),
    ]
    for name in COMMON + (SCRATCH if scratch else ()):
        code += _on(name, [_op(RETURN, ALLOW)])
    for name in PROBED:
        code += _on(name, [_op(RETURN, REFUSE | errno.ENOSYS)])
    for name, flags in (("open", 1), ("openat", 2)):
        code += _on(name, _plain_open(flags))
    if scratch:
        code += _on("renameat2", _argument_is(4, (RENAME_NOREPLACE,)))
    code += _on("ioctl", _argument_is(1, (TTY_QUERY, FILE_CLOEXEC, FILE_NO_CLOEXEC, BYTES_WAITING)))
    code += _on("fcntl", _argument_is(1, (F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC)))
    # Own limits may be read: process 0, no new value.
    code += _on("prlimit64", _zero([0, 2]))
    for name in ("mmap", "mprotect"):
        code += _on(name, [_op(RETURN, ALLOW)] if executable_memory else _without_bits(2, mmap.PROT_EXEC))
    code.append(_op(RETURN, REFUSE | errno.EPERM))
    return b"".join(code)


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _on(name: str, body: list[bytes]) -> list[bytes]:
    """`body`, which ends the filter, for one call; nothing on a machine that lacks the call."""
    value = number(name)
    return [] if value is None else [_op(EQUAL, value, 0, len(body)), *body]


def _argument_is(index: int, values: Iterable[int]) -> list[bytes]:
    """Allow if the low half of an argument is one of `values` (the kernel ignores the high half of these)."""
    checks = [line for value in values for line in (_op(EQUAL, value, 0, 1), _op(RETURN, ALLOW))]
    return [_op(LOAD, ARGS + 8 * index), *checks, _op(RETURN, REFUSE | errno.EPERM)]


def _zero(indices: Iterable[int]) -> list[bytes]:
    """Allow if both halves of all these arguments are 0."""
    offsets = [ARGS + 8 * index + half for index in indices for half in (0, 4)]
    body = []
    for offset in offsets:
        body += [_op(LOAD, offset), _op(EQUAL, 0, 1, 0), _op(RETURN, REFUSE | errno.EPERM)]
    return [*body, _op(RETURN, ALLOW)]


def _without_bits(index: int, bits: int) -> list[bytes]:
    """Allow if the argument has none of `bits`."""
    return [
        _op(LOAD, ARGS + 8 * index),
        _op(ANY_BIT, bits, 0, 1),
        _op(RETURN, REFUSE | errno.EPERM),
        _op(RETURN, ALLOW),
    ]


def _plain_open(index: int) -> list[bytes]:
    """Allow if the flags (the kernel takes their low half) open a named file, and cut it short only to write to it."""
    refuse, allow = _op(RETURN, REFUSE | errno.EPERM), _op(RETURN, ALLOW)
    return [
        _op(LOAD, ARGS + 8 * index),
        _op(ANY_BIT, UNNAMED_FILE, 0, 1),
        refuse,
        _op(AND, ACCESS_MODE | O_TRUNC),
        _op(EQUAL, O_TRUNC, 0, 1),  # read only, and truncate
        refuse,
        _op(AND, ACCESS_MODE),
        _op(EQUAL, ACCESS_MODE, 0, 1),
        refuse,
        allow,
    ]


def of(language: str) -> Filter:
    """The list for one language: SVG needs neither files of its own nor code that is not loaded yet."""
    return Filter(scratch=language == "python", executable_memory=language == "python")
