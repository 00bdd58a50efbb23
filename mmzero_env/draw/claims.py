"""The answers that a snippet leaves: `answers = {"easy": ..., "hard": ...}` at its end, as texts.

They are read in the snippet's own process, which is hostile: whoever gets them bounds them again (wire.py). What is no
short answer is no answer; it never costs the picture.
"""

import math
import numbers
from typing import Any

from mmzero_env.wire import ANSWERS, MAX_ANSWER

NAME = "answers"
DIGITS = 10  # of a computed fraction: 0.1 + 0.2 is 0.3


def claimed(names: dict[str, Any]) -> tuple[str, ...]:
    """(easy, hard) of a snippet's names, "" for one that is missing or no answer; () without any.

    >>> claimed({"answers": {"easy": "red", "hard": 0.1 + 0.2}}), claimed({"answers": [1, 2]}), claimed({})
    (('red', '0.3'), (), ())
    """
    found = names.get(NAME)
    if not isinstance(found, dict):
        return ()
    texts = tuple(as_text(dict.get(found, key)) for key in ANSWERS)
    return texts if any(texts) else ()


def as_text(value: Any) -> str:
    """
    >>> as_text(3), as_text(2.0), as_text(True), as_text(" two\\nwords "), as_text(None), as_text([1])
    ('3', '2', 'yes', 'two words', '', '')
    """
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, numbers.Integral):
        return str(int(value)) if abs(int(value)) < 10**MAX_ANSWER else ""
    if isinstance(value, numbers.Rational):
        return str(value)[:MAX_ANSWER]
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}" if math.isfinite(value) else ""
    return " ".join(str.split(value))[:MAX_ANSWER] if isinstance(value, str) else ""
