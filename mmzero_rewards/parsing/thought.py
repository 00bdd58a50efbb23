"""The part of a response that counts: what a model says after it has thought.

Every parser reads this part only, so a draft inside <think>...</think> is never taken for the answer.
"""

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"


class FormatError(ValueError):
    """The text is not in the required format; the message names the first thing that is wrong."""


def after_thought(text: str) -> str:
    """What follows the last </think>, or, where nothing does, what stands before the first <think>.

    The whole text when no thought is closed: a forgotten end tag costs the format's share, not the answer.

    >>> after_thought("<think>a or b</think> b"), after_thought("b <think>sure?</think>"), after_thought("<think>a, b")
    (' b', 'b ', '<think>a, b')
    """
    end = text.rfind(THINK_CLOSE)
    if end < 0:
        return text
    said = text[end + len(THINK_CLOSE) :]
    if said.strip():
        return said
    return text[: max(0, text.find(THINK_OPEN))]
