"""The part of a response that counts: what a model says after it has thought.

Every parser reads this part only, so a draft inside <think>...</think> is never taken for the answer.
"""

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"


class FormatError(ValueError):
    """The text is not in the required format; the message names the first thing that is wrong."""


def after_thought(text: str) -> str:
    """What follows the last </think>, or, where nothing does, what was said before that thought, behind earlier ones.

    The whole text when no thought is closed: a forgotten end tag costs the format's share, not the answer.

    >>> after_thought("<think>a or b</think> b"), after_thought("b <think>sure?</think>"), after_thought("<think>a, b")
    (' b', 'b ', '<think>a, b')
    >>> after_thought("<think>a</think> b <think>sure?</think>"), after_thought("<think>a</think> b</think>")
    (' b ', ' b')
    """
    stop = len(text)
    while (end := text.rfind(THINK_CLOSE, 0, stop)) >= 0:
        said = text[end + len(THINK_CLOSE) : stop]
        if said.strip():
            return said
        earlier = text.rfind(THINK_CLOSE, 0, end)
        start = text.find(THINK_OPEN, max(0, earlier), end)
        if start < 0:  # an end tag too many, or all of it was thought
            start = end if earlier >= 0 else 0
        stop = start
    return text[:stop]
