"""Rules that decide an answer: ours for words and numbers, letters for options, relaxed 5% for charts.

    exact    mmzero_rewards' grader (docs/answers.md)          option   the letter or the text of the right choice
    relaxed  a number within 5% of the reference, else exact (the convention of ChartQA: Masry et al. 2022)
    judge    exact; what is not equal is left to the judge

`right` counts under the prompt that was used: the training prompt asks for \\boxed{}, so an answer without a box is
wrong, as it is in training; a benchmark's own prompt asks for a bare answer. `content` asks what a reader would say:
it also takes an answer that stands in the text without its format. The difference of the two is format alone.
"""

import re
from dataclasses import dataclass

from mmzero_rewards.answers.grading import canonical, grade, relaxed_equal
from mmzero_rewards.answers.missing import answered
from mmzero_rewards.parsing.boxed import extract_answer
from mmzero_rewards.parsing.thought import after_thought
from recipe.mmzero.run.evaluate.data.items import LETTERS, Item

LONGEST_BARE = 200
"""Characters up to which the last line of a response can be an answer; longer ones are prose."""
ANNOUNCED = re.compile(r"(?:final\s+)?answer(?:\s+is)?\s*[:=]?\s*(.+)", re.IGNORECASE)
LONE_LETTER = re.compile(r"[(\[]?([A-Za-z])[)\].:]?")
OPTION_AT_START = re.compile(r"(?:option\s+)?[(\[]?([A-Z])[)\].:]+(?:\s|$)|option\s+([A-Z])\b", re.IGNORECASE)


@dataclass(frozen=True)
class Verdict:
    """What rules say of one response. answer: in the format that the prompt asks for, None without one.
    found: the answer a reader sees, format or not."""

    answer: str | None
    found: str | None
    right: bool
    content: bool


def judge_by_rules(response: str, item: Item, judging: str, prompt: str) -> Verdict:
    """Decide one response.

    Args:
        judging: `exact`, `option`, `relaxed` or `judge` (see above).
        prompt: `training` (an answer stands in a box) or `own` (it may stand bare).
    """
    answer = extract_answer(response)
    bare = answered(bare_answer(response))
    found = answer if answer is not None else bare
    counted = answer if prompt == "training" else found
    return Verdict(counted, found, is_right(counted, item, judging), is_right(found, item, judging))


def bare_answer(response: str) -> str | None:
    """The answer of a response without a box: what follows the last "answer is", else a short last line.

    >>> bare_answer("<think>2+2</think>So the answer is: 4."), bare_answer("I count them.\\n**Blue**"), bare_answer(" ")
    ('4', 'Blue', None)
    """
    lines = [line.strip() for line in after_thought(response).splitlines() if line.strip()]
    if not lines:
        return None
    last = _plain(lines[-1])
    announced = ANNOUNCED.findall(last)
    if announced:
        last = _plain(announced[-1])
    return last if 0 < len(last) <= LONGEST_BARE else None


def _plain(line: str) -> str:
    """Without mark-up around it and without a final stop."""
    return line.strip("*_`# ").removesuffix(".").strip("*_`# ")


def is_right(answer: str | None, item: Item, judging: str) -> bool:
    """Does an extracted answer equal the reference?"""
    if answer is None:
        return False
    if judging == "option":
        if item.choices:
            return chosen(answer, item.choices) == item.choice
        wanted = LONE_LETTER.fullmatch(item.answers[0].strip())
        if wanted:  # the choices stand inside the question
            return _letter(answer) == wanted[1].upper()
    equal = relaxed_equal if judging == "relaxed" else grade
    return any(equal(answer, reference) for reference in item.answers)


def chosen(answer: str, choices: tuple[str, ...]) -> int | None:
    """Place of the choice that an answer names: by its text, by its letter, or by both if they agree; None if unclear.

    >>> chosen("(B)", ("red", "blue")), chosen("Blue.", ("red", "blue")), chosen("A. blue", ("red", "blue"))
    (1, 1, None)
    """
    by_text = [k for k, one in enumerate(choices) if canonical(one) == canonical(answer)]
    if len(by_text) == 1:
        return by_text[0]
    letter = _letter(answer)
    if letter is None or letter not in LETTERS[: len(choices)]:
        return None
    place = LETTERS.index(letter)
    rest = OPTION_AT_START.sub("", answer.strip(), count=1).strip()
    if (
        rest
        and not LONE_LETTER.fullmatch(answer.strip())
        and any(canonical(one) == canonical(rest) for k, one in enumerate(choices) if k != place)
    ):
        return None
    return place


def _letter(answer: str) -> str | None:
    """The option's letter that an answer is or starts with."""
    text = answer.strip()
    lone = LONE_LETTER.fullmatch(text)
    if lone:
        return lone[1].upper()
    start = OPTION_AT_START.match(text)
    return (start[1] or start[2]).upper() if start else None
