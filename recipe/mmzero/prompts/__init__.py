"""One template per role, used by training, serving and labelling alike (METHOD §6.1 `prompt_format`).

`templates(config)` reads the set that `model.prompts` names (`full` for real models, `tiny` for the embedded one).
How a template becomes chat messages is decided in one place, mmzero_rewards/prompting.py.
"""

from importlib import resources
from typing import Any

from omegaconf import DictConfig

from mmzero_rewards.prompting import PromptTemplates

FULL_LINES = {
    "caption": "Description: {value}",
    "easy_question": "Easy question: {value}",
    "easy_answer": "Answer to the easy question: {value}",
    "hard_question": "Hard question: {value}",
    "hard_answer": "Answer to the hard question: {value}",
}


def as_dict(config: DictConfig) -> dict[str, Any]:
    """The template set as plain data, for configs that travel to other processes."""
    if config.model.prompts == "tiny":
        from recipe.mmzero.tiny import prompts as tiny

        return tiny.as_dict()
    coder = "coder_python.txt" if "python" in config.coder.languages else "coder.txt"
    return {
        "proposer": _read("proposer.txt"),
        "coder": _read(coder),
        "solver": _read("solver.txt"),
        "field_lines": dict(FULL_LINES),
        "joiner": "\n",
    }


def templates(config: DictConfig) -> PromptTemplates:
    """The template set of a run."""
    return PromptTemplates(**as_dict(config))


def _read(name: str) -> str:
    return resources.files("recipe.mmzero.prompts").joinpath("full", name).read_text().strip()
