"""The tiny world's prompts: compact forms of the three roles (see recipe/mmzero/config/prompts for the real ones)."""

from typing import Any

PROPOSER = "propose: {topic}"
CODER = "draw: {fields}"
SOLVER = "{question}"
SOLVER_TEXT = "caption: {caption}\n{question}"  # the question without a picture
# Written one after another without a joiner, so each line carries its own separator.
FIELD_LINES = {
    "caption": "{value}",
    "easy_question": "\nQ: {value}",
    "easy_answer": " A: {value}",
    "hard_question": "\nQ: {value}",
    "hard_answer": " A: {value}",
}


def as_dict() -> dict[str, Any]:
    """The template set as plain data."""
    return {
        "proposer": PROPOSER,
        "coder": CODER,
        "solver": SOLVER,
        "solver_text": SOLVER_TEXT,
        "field_lines": dict(FIELD_LINES),
        "joiner": "",
    }
