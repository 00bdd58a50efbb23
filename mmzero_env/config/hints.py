"""The nearest valid name to a typo: one cut-off for keys, choices and the words of a command line. Pure."""

import difflib
from collections.abc import Iterable

# Sum of the likeness of the last parts (0 to 1) and SAME_BLOCK. At 0.8 `clip.hihg` finds `clip.high` (0.75 + 0.15), and
# `foo` does not find `coder.floor` (0.75), which would send a reader to the wrong place.
CUT_OFF = 0.8
SAME_BLOCK = 0.15


def nearest(key: str, valid: Iterable[str]) -> str | None:
    """The valid dotted key closest to `key` by its last part, a key of the same block first; None if none is close.

    >>> nearest("clip.hihg", ["clip.high", "clip.low"]), nearest("foo", ["coder.floor"])
    ('clip.high', None)
    """
    block, _, name = key.rpartition(".")

    def closeness(other: str) -> float:
        parent, _, tail = other.rpartition(".")
        same = SAME_BLOCK if parent == block else 0.0
        return difflib.SequenceMatcher(None, name.lower(), tail.lower()).ratio() + same

    best = max(valid, key=closeness, default=None)
    return best if best is not None and closeness(best) >= CUT_OFF else None


def did_you_mean(key: str, valid: Iterable[str]) -> str:
    """` (did you mean 'x'?)`, or nothing where no valid name is close. A dot in such a word divides nothing."""
    found = nearest(key.replace(".", "_"), valid)
    return f" (did you mean '{found}'?)" if found and found != key else ""
