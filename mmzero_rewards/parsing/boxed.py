"""The answer of a Solver response: the last \\boxed{...}, whether it is an answer, and the response's format.

Single-pass scans: a hostile text of any length costs linear time. Not covered: whether answers are equal
(answers/grading.py). Source: docs/method.md §2.0, §2.3.
"""

import re
from collections.abc import Sequence

import numpy as np

from mmzero_rewards.answers.missing import answered
from mmzero_rewards.config import NON_ANSWERS
from mmzero_rewards.parsing.thought import THINK_CLOSE, THINK_OPEN, after_thought

BOX = "\\boxed{"
SPACED_BOX = re.compile(r"\\boxed\s+\{")


def boxed(text: str) -> str | None:
    """Trimmed content of the last \\boxed{...} whose braces balance, "" for an empty box; None without one.

    Escaped braces \\{ and \\} are text. Brace depths are computed for the whole text at once, so a text full of
    unclosed boxes costs no more than any other.
    """
    text = SPACED_BOX.sub(lambda _: BOX, text)
    first = text.find(BOX)
    if first < 0:
        return None
    last = text.rfind(BOX)
    if len(text) - last <= SHORT_TAIL:
        inside = _until_closed(text, last + len(BOX))
        if inside is not None:
            return inside.strip()
    text = text[first:]
    depth = _brace_depth(text)
    opened = _brace_positions(text)
    later_minimum = np.minimum.accumulate(depth[::-1])[::-1]
    closed = opened[later_minimum[opened] < depth[opened]]
    if not len(closed):
        return None
    start = int(closed[-1])
    end = start + int((depth[start:] < depth[start]).argmax())
    return text[start + 1 : end].strip()


SHORT_TAIL = 1000
"""Characters from the last box to the end up to which the plain scan is cheaper than arrays; nearly every answer."""
BRACE = re.compile(r"\\[\\{}]|[{}]")


def _until_closed(text: str, start: int) -> str | None:
    """Text from `start`, just behind an opening brace, up to the brace that closes it."""
    depth = 1
    for match in BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if not depth:
            return text[start : match.start()]
    return None


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _brace_depth(text: str) -> np.ndarray:
    """(len(text),) depth after each character."""
    if "\\" in text:
        for escape in ("\\\\", "\\{", "\\}"):
            text = text.replace(escape, "  ")
    codes = _codes(text)
    return np.cumsum((codes == ord("{")).astype(np.int32) - (codes == ord("}")))


def _brace_positions(text: str) -> np.ndarray:
    """Indices of the opening brace of every \\boxed{ in the text."""
    codes = _codes(text)
    found = np.ones(len(codes) - len(BOX) + 1, dtype=bool)
    for offset, char in enumerate(BOX):
        found &= codes[offset : len(found) + offset] == ord(char)
    return np.flatnonzero(found) + len(BOX) - 1


def extract_answer(text: str, non_answers: Sequence[str] = NON_ANSWERS) -> str | None:
    """The answer of a Solver response, outside of its thoughts: the last box, None without one or for a non-answer."""
    return answered(boxed(after_thought(text)), non_answers)


def has_answer_format(text: str) -> bool:
    """docs/method.md §2.3: blanks, one <think>...</think>, blanks, exactly one \\boxed{...}, blanks, end."""
    text = SPACED_BOX.sub(lambda _: BOX, text.strip())
    if not text.startswith(THINK_OPEN) or text.count(THINK_OPEN) != 1 or text.count(THINK_CLOSE) != 1:
        return False
    tail = text[text.index(THINK_CLOSE) + len(THINK_CLOSE) :].strip()
    if not (tail.startswith(BOX) and tail.endswith("}")):
        return False
    depth = _brace_depth(tail)
    return bool(depth[-1] == 0 and (depth[len(BOX) - 1 : -1] > 0).all())
