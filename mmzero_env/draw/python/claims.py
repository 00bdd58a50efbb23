"""The answers that a snippet leaves: `answers = {"easy": ..., "hard": ...}` at its end, as texts.

They are read in the snippet's own process, which is hostile: whoever gets them bounds them again (wire.py). What is no
short answer is no answer; it never costs the picture.
"""

import math
import numbers
from decimal import Decimal
from typing import Any

import numpy as np

from mmzero_env.wire import ANSWERS, MAX_ANSWER

NAME = "answers"
DIGITS = 10  # of a computed fraction: 0.1 + 0.2 is 0.3
EXACT = 2.0**53  # below it a float that is whole is the number that it says


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
    >>> as_text(12345678901.0), as_text(Decimal("0.30")), as_text(np.float32(0.1)), as_text(np.array([7]))
    ('12345678901', '0.30', '0.1', '7')
    """
    digits = DIGITS
    if type(value).__module__ == "numpy" and getattr(value, "size", 0) == 1:
        if isinstance(value, np.floating):
            digits = min(DIGITS, int(np.finfo(value).precision))
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, numbers.Integral):
        return str(int(value)) if abs(int(value)) < 10**MAX_ANSWER else ""
    if isinstance(value, numbers.Rational):
        return str(value)[:MAX_ANSWER]
    if isinstance(value, Decimal):
        return str(value)[:MAX_ANSWER] if value.is_finite() else ""
    if isinstance(value, float):
        if value.is_integer() and abs(value) < EXACT:
            return str(int(value))
        return f"{value:.{digits}g}" if math.isfinite(value) else ""
    return " ".join(str.split(value))[:MAX_ANSWER] if isinstance(value, str) else ""
