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

from mmzero_rewards.answers.grading import grade, relaxed_equal
from mmzero_rewards.parsing.boxed import extract_answer
from mmzero_rewards.parsing.thought import after_thought
from recipe.mmzero.run.evaluate.data.items import Item
from recipe.mmzero.run.evaluate.judging.options import LONE_LETTER, chosen, named_option

LONGEST_BARE = 200
"""Characters up to which the last line of a response can be an answer; longer ones are prose."""
SHORT_WORDS = 4
"""A last line of so few words is an answer and no explanation of an earlier one."""
IS = r"(?:is|was|equals|(?:would|should|must|will|has\s+to)\s+be)\b(?:\s+(?:equal\s+to|therefore|thus)\b)?\s*:?"
ANNOUNCED = re.compile(
    rf".*(?:\b(?:(?:answer|option|choice)\b(?:\s+to\b.*?)?(?:\s+{IS}|\s*[:=])|answer\s)|答案[是为:：]*)\s*([^\s:].*)",
    re.IGNORECASE,
)
CHOSEN = re.compile(
    r".*\b(?:(?:choose|pick|select|go\s+with)\s+(?:option|choice)|option|choice)\s+([(\[]?[A-Z][)\]]?)"
    r"(?=\s+is\s+(?:the\s+)?(?:correct|right|best)\b|\Z)",
    re.IGNORECASE,
)
BOLD = re.compile(r"(\*\*|__)(\S(?:[^*_]*\S)?)\1")
BULLET = re.compile(r"\A(?:[-*•>]\s+)+(?=[^\d\s])")
NO_ANSWER = re.compile(r"(?:my\s+)?confidence\b", re.IGNORECASE)
"""Of a line that says how sure an answer is."""
OPENING_WORDS = """
    let let's looking sure okay ok certainly first step to here well hmm based analysis reasoning explanation solution
    great i we
"""
OPENING = frozenset(OPENING_WORDS.split())
"""First words of a short first line that begins a solution and is no answer."""


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
    answer = extract_answer(response, non_answers=())  # "none" may be what the reference says
    found = answer if answer is not None else bare_answer(response)
    counted = answer if prompt == "training" else found
    return Verdict(counted, found, is_right(counted, item, judging), is_right(found, item, judging))


def bare_answer(response: str) -> str | None:
    """The answer of a response without a box: what its last line announces ("answer is"), or that line if it is short;
    else what an earlier line announced; else a short first line that prose explains; else the last line if it is short
    enough.

    >>> bare_answer("<think>2+2</think>So the answer is: 4."), bare_answer("I count them.\\n**Blue**"), bare_answer(" ")
    ('4', 'Blue', None)
    >>> bare_answer("The answer is B.\\nThis is because the sky is blue."), bare_answer("Yes\\nThe left one is longer.")
    ('B', 'Yes')
    """
    lines = [_plain(line) for line in after_thought(response).splitlines()]
    lines = [line for line in lines if line and not NO_ANSWER.match(line)]
    if not lines:
        return None
    last = _announced(lines[-1])
    if last is None and not _is_short(lines[-1]):
        last = next(filter(None, map(_announced, reversed(lines))), None) or _first(lines[0])
    last = last or lines[-1]
    return last if len(last) <= LONGEST_BARE else None


def _is_short(line: str) -> bool:
    return len(line.split()) <= SHORT_WORDS


def _first(line: str) -> str | None:
    """The first line if it may be an answer that the lines behind it explain."""
    opens = not _is_short(line) or line[-1] in ":," or line.split()[0].casefold().rstrip(",:!") in OPENING
    return None if opens else line


def _announced(line: str) -> str | None:
    """What follows the last "answer is" of a line, or the option that it chooses."""
    end = line[-2 * LONGEST_BARE :]
    found = CHOSEN.match(end) or ANNOUNCED.match(end)
    return _plain(found[1]) or None if found else None


def _plain(line: str) -> str:
    """Without mark-up, a bullet and a final stop."""
    line = BOLD.sub(r"\2", BULLET.sub("", line.strip()))
    return line.strip("*_`# ").removesuffix(".").strip("*_`# ")


def is_right(answer: str | None, item: Item, judging: str) -> bool:
    """Does an extracted answer equal the reference?"""
    if answer is None:
        return False
    if judging == "option" and item.choices:
        return chosen(answer, item.choices) == item.choice
    return any(_equal(answer, reference, judging) for reference in item.answers)


def _equal(answer: str, reference: str, judging: str) -> bool:
    if judging == "relaxed":
        return relaxed_equal(answer, reference)
    wanted = LONE_LETTER.fullmatch(reference.strip()) if judging == "option" else None
    if wanted:  # the choices stand inside the question
        return named_option(answer) == wanted[1].upper()
    return grade(answer, reference)
