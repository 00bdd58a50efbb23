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

from mmzero_rewards.answers.brackets import unwrapped
from mmzero_rewards.answers.grading import canonical, grade, relaxed_equal
from mmzero_rewards.answers.reading import ANSWER_IS
from mmzero_rewards.answers.textform import plain
from mmzero_rewards.parsing.boxed import extract_answer
from mmzero_rewards.parsing.thought import after_thought
from recipe.mmzero.run.evaluate.data.items import LETTERS, Item

LONGEST_BARE = 200
"""Characters up to which the last line of a response can be an answer; longer ones are prose."""
SHORT_WORDS = 4
"""A last line of so few words is an answer and no explanation of an earlier one."""
ANNOUNCED = re.compile(
    r".*\b(?:(?:answer|option|choice)\b(?:\s+to\b.*?)?(?:\s+is\b\s*:?|\s*[:=])|answer\s)\s*(\S.*)",
    re.IGNORECASE,
)
LONE_LETTER = re.compile(r"[(\[]?([A-Za-z])[)\].:]?")
# "(B) blue", "B. blue", "option B"
OPTION_AT_START = re.compile(
    r"(?:(?:option|choice)\s+)?(?:[(\[]([A-Z])[)\]][.:]*|([A-Z])[)\].:]+(?:\s|$))|(?:option|choice)\s+([A-Z])\b",
    re.IGNORECASE,
)
# a further one: "A. red or B. blue" names none
OPTION_WITHIN = re.compile(r"(?:^|\s)(?:[(\[][A-Za-z][)\]]|[A-Z][).:](?=\s|$)|(?i:option|choice)\s+[A-Z]\b)")


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
    else what an earlier line announced; else the last line if it is no long prose.

    >>> bare_answer("<think>2+2</think>So the answer is: 4."), bare_answer("I count them.\\n**Blue**"), bare_answer(" ")
    ('4', 'Blue', None)
    >>> bare_answer("The answer is B.\\nThis is because the sky is blue.")
    'B'
    """
    lines = [_plain(line) for line in after_thought(response).splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        return None
    last = _announced(lines[-1])
    if last is None and len(lines[-1].split()) > SHORT_WORDS:
        last = next(filter(None, map(_announced, reversed(lines))), None)
    last = last or lines[-1]
    return last if len(last) <= LONGEST_BARE else None


def _announced(line: str) -> str | None:
    """What follows the last "answer is" of a line."""
    found = ANNOUNCED.match(line[-2 * LONGEST_BARE :])
    return _plain(found[1]) or None if found else None


def _plain(line: str) -> str:
    """Without mark-up around it and without a final stop."""
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
        named = named_option(answer)
        return named is not None and named[0] == wanted[1].upper()
    return grade(answer, reference)


def chosen(answer: str, choices: tuple[str, ...]) -> int | None:
    """Place of the choice that an answer names: by its letter, by its text, or by both if they agree; None if unclear.

    A single letter is the option's, also where another choice is that very letter: choices are shown under letters.

    >>> chosen("(B)", ("red", "blue")), chosen("Blue.", ("red", "blue")), chosen("A. blue", ("red", "blue"))
    (1, 1, None)
    """
    letter, rest = named_option(answer) or ("", "")
    place = LETTERS.find(letter) if letter else len(choices)
    marked = place < len(choices)
    if marked and not rest:
        return place
    verbatim = [k for k, one in enumerate(choices) if one.strip().casefold() == answer.strip().casefold()]
    if len(verbatim) == 1:  # a choice may itself begin like an option: "A. Smith"
        return verbatim[0]
    by_text = _with_text(rest if marked else answer, choices)
    if marked:
        return place if by_text in (place, None) else None
    return by_text


def _with_text(text: str, choices: tuple[str, ...]) -> int | None:
    """The one choice that a text equals, else the one that it equals if a unit is missing on one side."""
    equal = [k for k, one in enumerate(choices) if canonical(one) == canonical(text)]
    equal = equal or [k for k, one in enumerate(choices) if grade(text, one)]
    return equal[0] if len(equal) == 1 else None


def named_option(answer: str) -> tuple[str, str] | None:
    """(the option's letter that an answer is or starts with, what follows it); None without one, or with several.

    >>> named_option("(b) blue"), named_option("**B.**"), named_option("blue"), named_option("A. red or B. blue")
    (('B', 'blue'), ('B', ''), None, None)
    """
    text = unwrapped(plain(answer))
    text = ANSWER_IS.sub("", text, count=1) if ANSWER_IS.match(text) else text
    lone = LONE_LETTER.fullmatch(text)
    if lone:
        return lone[1].upper(), ""
    start = OPTION_AT_START.match(text)
    if not start:
        return None
    rest = text[start.end() :].strip()
    return None if OPTION_WITHIN.search(rest) else ((start[1] or start[2] or start[3]).upper(), rest)
