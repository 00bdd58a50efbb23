"""Which option an answer names: by its letter, by its text, or by both if they agree.

B, (b), B. blue, option B    the letter                 blue, the text of a choice         the choice
B because ..., B is correct  the letter                 A (blue), blue (A), A, blue        none: they disagree
B blue, A cat                the letter, if that is     A or B, A, B, not B, B is wrong    none
                             the text of its choice
"""

import re

from mmzero_rewards.answers.grading import canonical, grade
from mmzero_rewards.answers.spelling.brackets import unwrapped
from mmzero_rewards.answers.spelling.options import is_text_before, is_text_behind
from mmzero_rewards.answers.spelling.textform import plain
from recipe.mmzero.run.evaluate.data.items import LETTERS

LONE_LETTER = re.compile(r"[(\[]?\s?([A-Za-z])\s?[.:]?\s?[)\].:]?")
# "so the answer is", "I would go with", "it must be", "option"; what follows has to begin with a letter of its own
LEAD_WORDS = """
    so therefore thus hence then probably likely clearly the my final correct right best selected chosen answer ans
    option opt choice letter it that this is it's that's i i'd would should must will be choose pick select say think
    believe go with
"""
LEAD = re.compile(
    rf"(?:(?:{'|'.join(LEAD_WORDS.split())})(?:\s*(?:[:=,.]|->)|\s+-)?(?:\s+|(?<=[:=,>]))|[答案选项择是为]:?\s*)+"
    r"(?=[(\[]?[A-Za-z](?![A-Za-z]))",
    re.IGNORECASE,
)
BOLD = re.compile(r"\*\*|__")
MARKED = re.compile(r"[(\[]\s?([A-Za-z])\s?[.:]?\s?[)\]][.:]*|([A-Za-z])[)\].:]+(?:\s|$)")  # (B) blue, B. blue
BARE = re.compile(r"([A-Z])(\s*(?:[,;/=]|->|-(?=\s))\s*|\s+|\.)(?=\S)")  # B, blue; B - blue; B blue; B.blue
BEHIND = re.compile(r"(.+?)\s*[(\[]([A-Za-z])[)\]]")  # blue (B)
REASON = re.compile(
    r"(?:because|since|as|for|due|given|so|which|where)\b|"
    r"is\s+(?:the\s+|clearly\s+|therefore\s+)*(?:correct|right|best|true|answer)\b",
    re.IGNORECASE,
)
# a further one: "A. red or B. blue" names none
OTHER = re.compile(r"(?:^|\s)(?:[(\[][A-Za-z][)\]]|[A-Z][).:](?=\s|$)|(?i:option|choice)\s+[A-Z]\b)")
SEVERAL = re.compile(r"(?:^|[\s,;/&(])(?:[B-HJ-Z]|A(?=\s*(?:$|[,;/&]|and\b|or\b)))(?![\w'])")


def chosen(answer: str, choices: tuple[str, ...]) -> int | None:
    """Place of the choice that an answer names; None if unclear.

    A single letter is the option's, also where another choice is that very letter: choices are shown under letters.

    >>> chosen("(B)", ("red", "blue")), chosen("Blue.", ("red", "blue")), chosen("A. blue", ("red", "blue"))
    (1, 1, None)
    """
    letter, rest, firm = _read(answer) or ("", "", False)
    place = LETTERS.find(letter) if letter else len(choices)
    marked = place < len(choices)
    if marked and firm and not rest:
        return place
    verbatim = [k for k, one in enumerate(choices) if one.strip().casefold() == answer.strip().casefold()]
    if len(verbatim) == 1:  # a choice may itself begin like an option: "A. Smith"
        return verbatim[0]
    if not marked:
        return _with_text(answer, choices)
    by_text = _with_text(rest, choices)
    if firm or by_text is not None:
        return place if by_text in (place, None) else None
    return _with_text(answer, choices)


def _with_text(text: str, choices: tuple[str, ...]) -> int | None:
    """The one choice that a text equals, else the one that it equals if a unit is missing on one side."""
    equal = [k for k, one in enumerate(choices) if canonical(one) == canonical(text)]
    equal = equal or [k for k, one in enumerate(choices) if grade(text, one)]
    return equal[0] if len(equal) == 1 else None


def named_option(answer: str) -> str | None:
    """The option's letter that an answer is or starts with; None without one, with several, and where it is denied.

    >>> [named_option(text) for text in ("(b) blue", "**B.**", "It is B, as A is red", "blue", "A. red or B. blue")]
    ['B', 'B', 'B', None, None]
    """
    letter, _, firm = _read(answer) or ("", "", False)
    return letter if firm else None


def _read(answer: str) -> tuple[str, str, bool] | None:
    """(letter, text beside it, whether it is an option's letter whatever that text is)."""
    text = unwrapped(BOLD.sub("", plain(answer)))
    text = unwrapped(text[1:-1]) if text[:1] + text[-1:] == "{}" else text
    text = LEAD.sub("", text, count=1) if LEAD.match(text) else text
    if lone := LONE_LETTER.fullmatch(text):
        return lone[1].upper(), "", True
    if marked := MARKED.match(text):
        rest = text[marked.end() :].strip()
        if REASON.match(rest):
            rest = ""
        elif OTHER.search(rest) or not is_text_behind(rest):
            return None
        return (marked[1] or marked[2]).upper(), rest, True
    if bare := BARE.match(text):
        rest, apart = text[bare.end() :], bare[2].strip(" .")
        if REASON.match(rest):
            return bare[1], "", True
        if (apart or bare[1] not in "AI" or rest[0] == "(") and not SEVERAL.search(rest):  # not the article
            return bare[1], unwrapped(rest), bool(apart) or rest[0] == "("
    behind = BEHIND.fullmatch(text)
    if behind and is_text_before(behind[1]):
        return behind[2].upper(), behind[1], True
    return None
