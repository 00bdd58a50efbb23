"""Brackets, quotes and separators of short answers: what encloses the whole, and where it falls into elements."""

import re

from mmzero_rewards.answers.spelling.textform import LOGICAL_NOT, without_final_stops
from mmzero_rewards.answers.values.words import STARTS

MOST_WRAPPERS = 400
MAY_SEPARATE = re.compile(r"[,;∪]|\s&\s|\sand\s", re.IGNORECASE)
MARK = re.compile(r"[()\[\]{}]|\s*(?:[,;∪]|\s&\s|\sand\s)\s*(?:and\s+)*", re.IGNORECASE)
THOUSANDS = re.compile(r"(?<=\d),\d{3}(?!\d)")
LEADING_THE = re.compile(r"\A(?:the\s+)+(?=\w)", re.IGNORECASE)
TOLD_APART = re.compile(
    rf"(?:the\s+)+(?!(?:only|single|number|{'|'.join(sorted(STARTS))})\b)([a-z][a-z'-]*(?:\s+[a-z][a-z'-]*){{0,2}})\s+ones?",
    re.IGNORECASE,
)
"""The blue one: "one" stands for what was asked about. Without "the" it may be a number, as in Blue 1."""
QUOTED = re.compile(r"'\s*(?:[,;&]|and\b|or\b)\s*'")  # 'A', 'B' are two quotes
QUOTES = "\"'`*_"


def split(text: str, bracketed: bool) -> list[str]:
    """`text` at its separators outside of inner brackets; 1,250 is split in brackets only."""
    parts, start, depth = [], 0, 0
    for mark in MARK.finditer(text):
        sign = mark.group().strip()
        if sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif depth <= 0 and (bracketed or not THOUSANDS.match(text, mark.start())):
            parts.append(text[start : mark.start()].strip())
            start = mark.end()
    return [*parts, text[start:].strip()]


def enclosed(text: str) -> str:
    """The closing bracket when one pair of brackets encloses the whole text, else ""."""
    if len(text) < 2 or text[0] not in "([{" or text[-1] not in ")]}":
        return ""
    depth = 0
    for mark in re.finditer(r"[()\[\]{}]", text):
        depth += 1 if mark.group() in "([{" else -1
        if not depth:
            return text[-1] if mark.end() == len(text) else ""
    return ""


def unwrapped(text: str) -> str:
    """Without blanks, quotes around the whole, final stops, and brackets around a single value."""
    for _ in range(MOST_WRAPPERS):
        before = text
        text = text.strip().lstrip(",;:?" if LOGICAL_NOT.match(text.lstrip()) else ",;:?!")
        if text[-1:] in ".,:;?!" and len(text) > 1:
            text = without_final_stops(text) or text
        if len(text) > 1 and text[0] in QUOTES and text[-1] == text[0] and not QUOTED.search(text, 1):
            text = text[1:-1]
        if text[:1] in "([" and text[-1:] in ")]" and enclosed(text) and not MAY_SEPARATE.search(text):
            text = text[1:-1]
        if text == before:
            break
    return without_the(text)


def without_the(text: str) -> str:
    """`text` without its article; "the blue one" is "blue"."""
    if text[:1] not in ("t", "T"):
        return text
    told_apart = TOLD_APART.fullmatch(text)
    return told_apart.group(1) if told_apart else LEADING_THE.sub("", text, count=1)
