"""Non-answers: what stands where an answer should and is none (docs/method.md §2.0)."""

from collections.abc import Sequence
from functools import lru_cache

from mmzero_rewards.answers.reading import MAX_CHARS, unwrapped
from mmzero_rewards.answers.textform import plain
from mmzero_rewards.config import NON_ANSWERS

NOTHING = " .…?_-"
"""Of these alone there is no answer, where there are non-answers at all; a sign such as < is one."""


def answered(answer: str | None, non_answers: Sequence[str] = NON_ANSWERS) -> str | None:
    """`answer` trimmed, or None if it is missing or a non-answer such as "N/A".

    Case, mark-up, quotes, brackets and final stops do not make an answer of it: "None." and "\\text{N/A}" are none.
    """
    if answer is None:
        return None
    answer = answer.strip()
    nothing = not answer.strip(NOTHING if non_answers else None) or _is_non_answer(answer, tuple(non_answers))
    return None if nothing else answer


@lru_cache(maxsize=1 << 14)
def _is_non_answer(answer: str, non_answers: tuple[str, ...]) -> bool:
    if len(answer) > MAX_CHARS:
        return False
    return answer.lower() in _bare(non_answers) or unwrapped(plain(answer)).casefold() in _bare(non_answers)


@lru_cache(maxsize=64)
def _bare(non_answers: tuple[str, ...]) -> frozenset[str]:
    return frozenset(form for text in non_answers for form in (text.lower(), unwrapped(plain(text)).casefold()))
