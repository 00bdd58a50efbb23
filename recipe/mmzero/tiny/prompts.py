"""The tiny world's prompts: compact forms of the three roles (see recipe/mmzero/config/prompts for the real ones)."""

from typing import Any

PROPOSER = "propose: {topic}"
CODER = "draw: {fields}"
SOLVER = "{question}"
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
        "field_lines": dict(FIELD_LINES),
        "joiner": "",
    }
