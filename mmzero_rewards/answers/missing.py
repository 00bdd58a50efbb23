"""Non-answers: what stands where an answer should and is none (docs/method.md §2.0)."""

import re
from collections.abc import Sequence
from functools import lru_cache

from mmzero_rewards.answers.reading import MAX_CHARS, unwrapped
from mmzero_rewards.answers.spelling.textform import plain, text_core
from mmzero_rewards.config import NON_ANSWERS

NOTHING = " .…?_-"
"""Of these alone there is no answer, where there are non-answers at all; a sign such as < is one."""

# What stands around "unknown" and "cannot be determined" and says nothing more; apostrophes are gone by then.
LEAD = re.compile(
    r"\A(?:(?:so|therefore|thus|sorry)\b,? |(?:(?:my|final|correct) )*answer(?: is|:)? |(?:it|this|that)(?: is)? |"
    r"its |i am |im |i )+"
)
SOURCES = "picture|image|chart|graph|figure|diagram|plot|table|map|drawing|description|caption|text|information|data"
TAIL = re.compile(
    r" (?:\([^()\d]*\)|(?:from|in|on|by|with|within|using|given|based on) (?:the |this |these |that |only |given |"
    rf"provided |available |visible )*(?:{SOURCES}|context|question)s?\b.*|(?<=information )to \w.*|(?<=data )to \w.*|"
    r"the answer|answer|(?:here|given|provided|available|possible))\Z"
)
SAME_WORDS = (
    (re.compile(r"\b(?:cant|can not|could not|couldnt)\b"), "cannot"),
    (re.compile(r"\bdo not\b"), "dont"),
    (re.compile(r"\binfo\b"), "information"),
)


def answered(answer: str | None, non_answers: Sequence[str] = NON_ANSWERS) -> str | None:
    """`answer` trimmed, or None if it is missing or a non-answer such as "N/A".

    Case, mark-up, quotes, brackets and final stops do not make an answer of it: "None." and "\\text{N/A}" are none; nor
    does what frames it: "It can't be determined from the picture" is "cannot be determined".
    """
    if answer is None:
        return None
    answer = answer.strip()
    nothing = not answer.strip(NOTHING if non_answers else None) or _is_non_answer(answer, tuple(non_answers))
    return None if nothing else answer


@lru_cache(maxsize=1 << 14)
def _is_non_answer(answer: str, non_answers: tuple[str, ...]) -> bool:
    if len(answer) > MAX_CHARS or not non_answers:
        return False
    forms = _forms(answer)
    return not _bare(non_answers).isdisjoint((*forms, TAIL.sub("", forms[-1]) or answer))


@lru_cache(maxsize=64)
def _bare(non_answers: tuple[str, ...]) -> frozenset[str]:
    return frozenset(form for text in non_answers for form in _forms(text))


def _forms(text: str) -> tuple[str, ...]:
    """A text as it is, without mark-up, and without what stands before it."""
    bare = unwrapped(plain(text)).casefold()
    said = text_core(bare[1:-1] if bare[:1] + bare[-1:] == "{}" else bare)  # doubled braces
    for pattern, same in SAME_WORDS:
        said = pattern.sub(same, said)
    return text.lower(), bare, said or bare, LEAD.sub("", said) or bare
