"""One template per role, used by training, serving and labelling alike (docs/method.md §6.1 `prompt_format`).

`templates(config)` reads the set that `model.prompts` names (`full` for real models, `tiny` for the embedded one), with
the files that `prompts.<role>` names in place of its own.
How a template becomes chat messages is decided in one place, mmzero_rewards/prompting.py.
"""

from importlib import resources
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mmzero_rewards.prompting import PromptTemplates

CODER_FILES = {
    frozenset({"svg"}): "coder.txt",
    frozenset({"python"}): "coder_python.txt",
    frozenset({"svg", "python"}): "coder_svg_python.txt",
}
FULL_LINES = {
    "caption": "Description: {value}",
    "easy_question": "Easy question: {value}",
    "easy_answer": "Answer to the easy question: {value}",
    "hard_question": "Hard question: {value}",
    "hard_answer": "Answer to the hard question: {value}",
}


def as_dict(config: DictConfig) -> dict[str, Any]:
    """The template set as plain data, for configs that travel to other processes.

    Raises:
        ValueError: a file of `prompts.<role>` cannot be read.
    """
    own = {role: _own(role, path) for role, path in config.prompts.items() if path}
    return _named_set(config) | own


def _named_set(config: DictConfig) -> dict[str, Any]:
    computed = config.solver.label_mode == "program" or config.verify.program
    answers = computed and "python" in config.coder.languages
    if config.model.prompts == "tiny":
        from recipe.mmzero.tiny import prompts as tiny

        return tiny.as_dict(config.coder.languages, answers)
    coder = _read(CODER_FILES[frozenset(config.coder.languages)])
    if answers:
        coder += "\n\n" + _read("coder_answers.txt")
    return {
        "proposer": _read("proposer.txt"),
        "coder": coder,
        "solver": _read("solver.txt"),
        "solver_text": _read("solver_text.txt"),
        "field_lines": dict(FULL_LINES),
        "joiner": "\n",
    }


def templates(config: DictConfig) -> PromptTemplates:
    """The template set of a run.

    Raises:
        ValueError: a file cannot be read, or a template lacks its placeholder.
    """
    return PromptTemplates(**as_dict(config))


def _read(name: str) -> str:
    return resources.files("recipe.mmzero.config").joinpath("prompts", name).read_text(encoding="utf-8").strip()


def _own(role: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ValueError(f"prompts.{role}={path} cannot be read ({reason}); name a text file") from None
