"""Where an answer stands in texts: words and numbers of drawn labels or a caption, in the grader's spelling.

A number is read whole, with its thousands, fraction, power and scale: neither 370 nor 1 stands in "1 370", and 37k is
37000. Both sides are read by one function, and a text that as a whole equals the answer holds it in any spelling.

>>> tokens("The 1 370 apples of São Paulo, $37M"), places("37000", ["Total: 37k"], [tokens("Total: 37k")])
(('1370', 'apple', 'of', 'sao', 'paulo', '37000000'), [(0, 1)])
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from mmzero_rewards.answers.grading import grade, read
from mmzero_rewards.answers.spelling.textform import ABBREVIATION, plain, text_core
from mmzero_rewards.answers.values.units import singular
from mmzero_rewards.answers.values.words import SCALES, WORDS

Place = tuple[int, int]
"""Where an answer begins: number of the text, number of the token in it."""

NUMERO = re.compile(r"\bno\.?\s?(?=of\b|\d)", re.IGNORECASE)
"""No. 5, No. of ports: no answer "no"."""
DIGITS = r"(?:\d[\d,.:/]*\d|\d)"
SCALED = rf"(?:\s?(?:{'|'.join(SCALES)}|bn|mn|mln)(?![^\W_])|[kKmMbB](?![^\W_])|\x20[kMB]\Z)"
FIGURES = rf"""
    (?:(?<![^\W_])[$€£]\s?)?(?<![^\W_])-?
    (?: \d{{4}}-\d\d-\d\d(?!\d) | [1-9]\d{{0,2}}(?:[\x20']\d{{3}})+(?:\.\d+)?(?![\d,:/])
      | \d+\x20\d+/\d+(?![\d/]) | {DIGITS} | (?<!\.)\.\d+ )
    (?: \^-?\d+ | e[+-]?\d{{1,3}}(?![^\W_]) )?
    (?: {SCALED} | s(?![^\W_]) | (?:st|nd|rd|th)(?![^\W_]) )?
"""
COUNTED = "|".join([*sorted(WORDS, key=len, reverse=True), "hundred", *SCALES])
COUNT = rf"(?<![^\W_])(?:{COUNTED})(?:(?:-|\x20(?:and\x20)?)(?:{COUNTED}))*(?![^\W_])"
WORD = r"[^\W\d_](?:[^\W_]|'(?=[^\W\d_])|(?<=\d)\.(?=\d))*"  # women's, v2.1
TOKEN = re.compile(rf"{FIGURES} | {COUNT} | {WORD}", re.VERBOSE | re.IGNORECASE)
PART = re.compile(rf"-?\d+(?:\.\d+)?|{WORD}")
WHOLE = frozenset(["number", "ratio", "clock", "date", "decade"])
NAMED = re.compile(r"\d+(?:st|nd|rd|th)|-?[\d.,]+\^-?\d+", re.IGNORECASE)
"""Numbers that the grader reads as text: 37th is not 37, and 24² not 24."""


@lru_cache(maxsize=1 << 10)  # a caption is read for every picture of it, a label for every answer
def tokens(text: str) -> tuple[str, ...]:
    """Words (without case, accents and plural) and numbers (in canonical form) of a text, in order, but for "the"."""
    text = ABBREVIATION.sub(lambda match: match.group(1) or "", NUMERO.sub("", plain(text)))
    found = [token for match in TOKEN.finditer(text) for token in _forms(match.group())]
    return tuple(token for token in found if token not in ("", "the"))


@lru_cache(maxsize=1 << 14)
def _forms(piece: str) -> tuple[str, ...]:
    """A match of TOKEN in the grader's spelling; in parts where as a whole it is no number."""
    if piece.isalpha() and piece.casefold() not in WORDS:
        return (_word(piece),)
    value = read(piece)
    if value.kind in WHOLE or NAMED.fullmatch(piece):
        return (value.core,)
    return tuple(read(part).core if part[-1].isdigit() else _word(part) for part in PART.findall(piece))


def _word(word: str) -> str:
    return singular(text_core(word))


def places(answer: str, texts: Sequence[str], read_texts: Sequence[tuple[str, ...]]) -> list[Place]:
    """Where the answer begins in the texts.

    Args:
        read_texts: `tokens` of each text.
    """
    parsed = read(answer)
    spelled = [tokens(parsed.core), tokens(answer)] + ([(parsed.core,)] if parsed.kind in WHOLE else [])
    wanted = set(filter(None, map(_bare, spelled)))
    found = []
    for i, row in enumerate(read_texts):
        here = {(i, j) for one in wanted for j in range(len(row) - len(one) + 1) if row[j : j + len(one)] == one}
        if not here and grade(texts[i], answer):
            here = {(i, 0)}
        found += sorted(here)
    return found


def _bare(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Without a leading article; "a" alone is an answer."""
    return wanted[1:] if len(wanted) > 1 and wanted[0] in ("a", "an") else wanted
