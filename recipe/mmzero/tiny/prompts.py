"""The tiny world's prompts: compact forms of the three roles (see recipe/mmzero/config/prompts for the real ones)."""

from collections.abc import Sequence
from typing import Any

PROPOSER = "propose: {topic}"
CODER = "draw {form}: {fields}"
SOLVER = "{question}"
SOLVER_TEXT = "caption: {caption}\n{question}"  # the question without a picture
ANSWERS = ", answers"  # after the form: a Python program shall also leave the answers that it computes
# Written one after another without a joiner, so each line carries its own separator.
FIELD_LINES = {
    "caption": "{value}",
    "easy_question": "\nQ: {value}",
    "easy_answer": " A: {value}",
    "hard_question": "\nQ: {value}",
    "hard_answer": " A: {value}",
}


def as_dict(languages: Sequence[str] = ("svg",), answers: bool = False) -> dict[str, Any]:
    """The template set as plain data.

    Args:
        languages: what the Coder may write (`coder.languages`): svg, python or both.
        answers: ask for computed answers as well; only Python can leave them.
    """
    return {
        "proposer": PROPOSER,
        "coder": CODER.replace("{form}", form(languages, answers)),
        "solver": SOLVER,
        "solver_text": SOLVER_TEXT,
        "field_lines": dict(FIELD_LINES),
        "joiner": "",
    }


def form(languages: Sequence[str], answers: bool) -> str:
    """`svg`, `python`, `svg or python`, or one of the last two with the wish for answers.

    >>> form(["python", "svg"], True)
    'svg or python, answers'
    """
    named = " or ".join(sorted(languages, reverse=True))
    return named + (ANSWERS if answers and "python" in languages else "")
