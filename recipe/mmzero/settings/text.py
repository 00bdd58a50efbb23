"""How durations, values and what a disk refuses are written in lines for a person, in every part of the recipe."""

import errno
import shutil

from mmzero_env.process.replace import PART

SHORT = 60
REMEDIES = {
    "free the disk": (errno.ENOSPC, errno.EDQUOT),
    "unlock it, or choose another folder": (errno.EACCES, errno.EPERM, errno.EROFS),
    "something else is in its place: move it away": (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY),
    "restore it": (errno.ENOENT,),
}


def clock(seconds: float | None, unknown: str = "unknown") -> str:
    """A duration as h:mm:ss, rounded to seconds.

    >>> clock(59.6), clock(3700), clock(360_000), clock(None)
    ('0:01:00', '1:01:40', '100:00:00', 'unknown')
    """
    if seconds is None:
        return unknown
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def short(value: object, limit: int = SHORT) -> str:
    """Any value on one line of at most `limit` characters.

    >>> short([1, 2]), short("a" * 80, 10)
    ('[1, 2]', 'aaaaaaa...')
    """
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def refused(error: OSError, where: object = None) -> str:
    """What the system refused, in one line: the file (`where`, if the error names none), why, and what to do.

    >>> refused(OSError(28, "No space left on device", "/x/state.json"))
    'cannot use /x/state.json: No space left on device; free the disk'
    """
    name, reason = error.filename or where, error.strerror or str(error)
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):  # one entry for each file
        _, name, reason = error.args[0][0]
    reason = " ".join(str(reason).split())
    remedy = next((f"; {said}" for said, numbers in REMEDIES.items() if error.errno in numbers), "")
    return (f"cannot use {str(name).removesuffix(PART)}: " if name is not None else "") + reason + remedy
