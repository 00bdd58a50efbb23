"""Reading one short answer into a comparable form: text, number with unit, ratio, clock time, list, option.

Pure string work on at most MAX_CHARS characters with bounded integers, so no input is slow. Longer answers are not
short answers: they are compared whole, up to FOLDED_CHARS without case. Numbers are in numerals.py, Unicode and LaTeX
in textform.py. Source: METHOD §2.0 and §8 (grader_units, grader_anagrams, grader_percent, no_merge, prefix_120).
"""

import re
from dataclasses import dataclass

from mmzero_rewards.answers.numerals import WORDS, read_number, read_ratio
from mmzero_rewards.answers.textform import WORD_FORMS, YES_FORMS, plain, text_core, yes_or_no

MAX_CHARS = 400
FOLDED_CHARS = 10_000
MAX_ITEMS = 64


@dataclass(frozen=True)
class Answer:
    """One answer in comparable form.

    kind: text | number | ratio | clock | list | set | long. core: its normal form. qualifier: unit of a number or name
    of a variable, which may be missing on one side. option: letter of a choice that precedes the text ("A. blue").
    items: elements of a list or set.
    """

    kind: str
    core: str
    qualifier: str = ""
    option: str = ""
    items: tuple["Answer", ...] = ()

    @property
    def key(self) -> str:
        body = f"{self.core} {self.qualifier}" if self.qualifier else self.core
        return f"{self.option}) {body}" if self.option else body


def equal(a: Answer, b: Answer) -> bool:
    """Symmetric; not transitive where a qualifier or an option letter is missing on one side."""
    if a.option and b.option:
        return a.option == b.option and same_value(a, b)
    if a.option or b.option:
        marked, other = (a, b) if a.option else (b, a)
        return same_value(a, b) or (other.kind == "text" and other.core == marked.option)
    return same_value(a, b)


def same_value(a: Answer, b: Answer) -> bool:
    if {a.kind, b.kind} == {"clock", "ratio"}:
        clock, ratio = (a, b) if a.kind == "clock" else (b, a)
        return not clock.qualifier and read_ratio(clock.core, clock=False).core == ratio.core
    if a.kind != b.kind:
        return False
    if a.items or b.items:
        return len(a.items) == len(b.items) and all(same_value(x, y) for x, y in zip(a.items, b.items, strict=True))
    if a.qualifier and b.qualifier and a.qualifier != b.qualifier:
        return False
    return a.core == b.core or (a.kind == "text" and _squeezed(a.core) == _squeezed(b.core))


BLANK = re.compile(r"(?<!\d) | (?!\d)")


def _squeezed(core: str) -> str:
    """Without blanks, except between digits: "north east" = "northeast", "q 1" = "q1", "1 2" != "12"."""
    return BLANK.sub("", core)


def read_answer(raw: str) -> Answer:
    """Never raises; an answer whose normal form would be empty keeps its raw text."""
    raw = raw.strip()
    if len(raw) > FOLDED_CHARS:
        return Answer("long", raw)
    if raw.isascii() and raw.isalpha():
        return _read_word(raw.lower())
    text = plain(raw) if len(raw) <= MAX_CHARS else raw
    if len(text) > MAX_CHARS:  # also after `plain`: one character may stand for many, U+FDFA for 18
        return Answer("long", raw.casefold())
    answer = _read(text, nested=False)
    return answer if answer.core else Answer("text", raw.casefold())


def _read_word(word: str) -> Answer:
    """Shortcut for one ASCII word, by far the most frequent answer next to a number; same result as the long way."""
    if word in WORDS:
        return Answer("number", str(WORDS[word]))
    return (
        Answer("text", YES_FORMS.get(word) or WORD_FORMS.get(word, word))
        if len(word) <= MAX_CHARS
        else Answer("long", word)
    )


OPTION = re.compile(r"(?:([A-Ha-h])[).:]|\(([A-Ha-h])\)|\[([A-Ha-h])\])\s+(?=\S)|\(([A-Ha-h])\)(?=\w)")
LONE_LETTER = re.compile(r"[(\[]?\s*([A-Za-z])\s*[)\]]?[.:)]?")
PREFIX = re.compile(r"(?:the\s+)?(?:final\s+|correct\s+)?answer(?:\s+is\b\s*:?|\s*[:=])\s*(?=\S)", re.IGNORECASE)


def _read(text: str, nested: bool) -> Answer:
    text = _unwrapped(text)
    prefix = PREFIX.match(text) if len(text) > 8 else None
    if prefix:
        text = _unwrapped(text[prefix.end() :])
    letter = LONE_LETTER.fullmatch(text) if len(text) < 8 else None
    if letter:
        return Answer("text", letter.group(1).casefold())
    number = read_number(text) or (":" in text and read_ratio(text))
    if number:
        return Answer(number.kind, number.core, number.qualifier)
    truth = yes_or_no(text)
    if truth:
        return Answer("text", truth)
    if not nested:
        option = OPTION.match(text)
        if option:
            rest = _read(text[option.end() :], nested=True)
            name = next(group for group in option.groups() if group).casefold()
            return Answer(rest.kind, rest.core, rest.qualifier, name, rest.items)
        group = _read_list(text)
        if group:
            return group
    return Answer("text", text_core(text))


QUOTES = "\"'`*"
PAIRS = {"(": ")", "[": "]"}


def _unwrapped(text: str) -> str:
    """Without blanks, $...$ and quotes around the whole, final stops, and one pair of brackets around everything."""
    while True:
        before = text
        text = _without_final_stops(text.strip())
        if len(text) > 1 and text[0] in QUOTES and text[-1] == text[0]:
            text = text[1:-1]
        closing = PAIRS.get(text[:1])
        if closing and text.endswith(closing) and text.find(closing) == len(text) - 1 and text.count(text[0]) == 1:
            text = text[1:-1]
        if text == before:
            return text


def _without_final_stops(text: str) -> str:
    while text and (text[-1] in ".,;?" or (text[-1] == "!" and not text[-2:-1].isdigit())):  # "5!" is a factorial
        text = text[:-1].rstrip()
    return text


MAY_SEPARATE = re.compile(r"[,;&]|\sand\s", re.IGNORECASE)
SEPARATOR = re.compile(r"\s*(?:,(?!(?<=\d,)\d{3}(?!\d))\s*(?:and\s+)?|;\s*|\s&\s|\s+and\s+)\s*", re.IGNORECASE)


def _read_list(text: str) -> Answer | None:
    """Elements in order, or as a set inside braces; None for a single element."""
    braces = len(text) > 1 and text[0] == "{" and text[-1] == "}" and text.count("{") == 1 == text.count("}")
    body = text[1:-1].strip() if braces else text
    parts = SEPARATOR.split(body) if MAY_SEPARATE.search(body) else [body]
    if len(parts) < 2:
        return _read(body, nested=True) if braces and body else None
    if len(parts) > MAX_ITEMS or not all(parts):
        return None
    items = [_read(part, nested=True) for part in parts]
    if not all(item.core for item in items):
        return None
    if braces:
        items = sorted(items, key=lambda item: item.key)
        return Answer("set", "{" + ", ".join(item.key for item in items) + "}", items=tuple(items))
    return Answer("list", ", ".join(item.key for item in items), items=tuple(items))
