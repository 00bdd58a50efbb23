"""Reading one short answer into a comparable form: a small grammar of readings, tried in one order.

    choice   B, (B), option 2, B. blue      number   12 cm, 1/2, 1.5*10^3, five apples, about 12
    clock    5 PM, 17:00, noon              date     5 May 2024, 2024-05-05             decade   1990s
    ratio    2:1                            range    10-20, from 10 to 20               bound    x >= 5, at least 5
    list     1, 2; A and B; (1, 2); [1, 3)  set      {1, 2}                             union    [0, 1] ∪ [2, 3]
    text     everything else

Pure string work on at most MAX_CHARS characters with bounded integers, so no input is slow. Longer answers are not
short answers: they are compared whole, up to FOLDED_CHARS without case. Source: method.md §2.0 and §8 (grader_units,
grader_anagrams, grader_percent, no_merge, prefix_120); the rules in words are in docs/answers.md.
"""

import re
from dataclasses import replace

from mmzero_rewards.answers.spelling import framing
from mmzero_rewards.answers.spelling.brackets import MAY_SEPARATE, THOUSANDS, enclosed, split, unwrapped
from mmzero_rewards.answers.spelling.names import named_value
from mmzero_rewards.answers.spelling.options import is_text_behind
from mmzero_rewards.answers.spelling.phrases import repeating, rewritten
from mmzero_rewards.answers.spelling.textform import WORD_FORMS, YES_FORMS, plain, text_core, yes_or_no
from mmzero_rewards.answers.values.answer import Answer, as_set, several
from mmzero_rewards.answers.values.constants import read_constant
from mmzero_rewards.answers.values.moments import NAMED_TIMES, read_decade, read_moment
from mmzero_rewards.answers.values.numerals import SIMPLE, read_amount, read_number, read_ratio
from mmzero_rewards.answers.values.ranges import BOUND_ENDS, BOUND_LEADS, read_bound, read_bound_in_words, read_range
from mmzero_rewards.answers.values.words import STARTS

MAX_CHARS = 400
FOLDED_CHARS = 10_000
MAX_ITEMS = 64
MAX_NESTED = 3
MAX_ROUNDS = 3
"""Normal forms that are read once more: "the 12 cm" is text whose normal form is a number."""


def read_answer(raw: str) -> Answer:
    """Never raises; an answer whose normal form would be empty keeps its raw text."""
    raw = raw.strip()
    if len(raw) > FOLDED_CHARS:
        return Answer("long", raw)
    if SIMPLE.fullmatch(raw):
        return Answer("number", read_number(raw).core)
    if raw.isascii() and raw.isalpha():
        return _read_word(raw.lower())
    text = plain(raw) if len(raw) <= MAX_CHARS else raw
    if len(text) > MAX_CHARS:  # also after `plain`: one character may stand for many, U+FDFA for 18
        return Answer("long", raw.casefold())
    answer = _read(text, nested=False)
    return answer if answer.core else Answer("text", raw.casefold())


NOT_TEXT = (STARTS | NAMED_TIMES.keys() | {"twice", "thrice", "pi"}) - {"a"}


def _read_word(word: str) -> Answer:
    """Shortcut for one ASCII word, by far the most frequent answer next to a number; same result as the long way."""
    if word in NOT_TEXT:
        return _read(word, nested=False)
    if len(word) > MAX_CHARS:
        return Answer("long", word)
    return Answer("text", YES_FORMS.get(word) or WORD_FORMS.get(word, word))


def _read(text: str, nested: int) -> Answer:
    """Any text; `nested` counts the lists that it stands in. What no reading fits, even in its normal form, is text."""
    text = rewritten(unwrapped(repeating(text)))
    for _ in range(MAX_ROUNDS):
        value = _value(text, nested)
        if value:
            return value
        core = text_core(text)
        if core == text or not core:
            break
        if LONE_SYMBOL.search(core) and _value(core, nested):  # 5G in lower case would be 5 grams
            return Answer("text", text)
        if core == text.casefold():
            break
        text = rewritten(core)  # "level three" is "level 3" by now
    return Answer("text", core)


LONE_SYMBOL = re.compile(r"(?:\d|pi|\))[\s(.]*[a-z](?![a-z])")
YEAR_MONTH = re.compile(r"[12]\d{3}/0[1-9]")
LONE_LETTER = re.compile(r"[(\[]?\s*([A-Za-z])\s*[)\]]?[.:)]?")
HAS_DIGIT = re.compile(r"\d")
FIRST_WORD = re.compile(r"[^\s:]*")


def _value(text: str, nested: int) -> Answer | None:
    """Every reading but text; each is asked only where it may fit."""
    if len(text) < 8:
        letter = LONE_LETTER.fullmatch(text)
        if letter:
            return Answer("text", letter.group(1).casefold())
        if not text:
            return None
    lower = text.casefold()
    first, last = FIRST_WORD.match(lower).group(), lower.rpartition(" ")[2]
    found = None
    if "pi" in lower or "sqrt" in lower:
        constant = read_constant(text)
        if constant:
            return Answer("constant", constant.core, constant.unit)
    if HAS_DIGIT.search(text) or first.partition("-")[0] in STARTS or first in NAMED_TIMES:
        found = _figures(text)
    if not found and ("=" in text or "<" in text or ">" in text or "~" in text):
        found = read_bound(text) or _named(text, nested)
    if not found and (first in LEADS or text[0] in "~#"):
        found = _phrase(text, nested)
    if not found and first[:1] in "yntf" and yes_or_no(text):
        found = Answer("text", yes_or_no(text))
    if not found and not nested:
        found = _option(text)
    if not found and (
        "-" in text or " to " in lower or first == "between" or " through " in lower or " until " in lower
    ):
        found = read_range(text)
    if not found and (text[-1] == "+" or first in BOUND_LEADS or last in BOUND_ENDS or " is " in lower):
        found = read_bound_in_words(text)
    if not found and last.strip("().") in framing.AFTERTHOUGHTS:
        found = _with_afterthought(text, nested)
    if not found and len(text) < 100:
        found = framing.framed(text, lower, first, nested, _value, _read, first in LED)
    if not found and nested < MAX_NESTED:
        found = _group(text, nested)
    return found


def _figures(text: str) -> Answer | None:
    if YEAR_MONTH.fullmatch(text):
        return _moment(text)  # 2019/03 is no quotient
    return (text[0] == "0" and _moment(text)) or _number(text) or _moment(text)  # 0930 hours, 03/2020


def _number(text: str) -> Answer | None:
    if text[-1:] in "sS" and (decade := read_decade(text)):  # 1990s are no seconds
        return Answer("decade", decade)
    numeral = read_amount(text)
    return Answer("number", numeral.core, numeral.unit) if numeral else None


def _moment(text: str) -> Answer | None:
    moment = read_moment(text)
    if moment:
        return Answer(moment.kind, moment.core, moment.half)
    ratio = read_ratio(text) if ":" in text else None
    return Answer("ratio", ratio.core) if ratio else None


# -- phrases around a value ------------------------------------------------------------------------------------------

HEDGE_WORDS = """
    about approximately approx approx. roughly around circa ca ca. c. nearly almost some exactly precisely only
    just at in on by year somewhere
"""
HEDGES = frozenset(HEDGE_WORDS.split())
ANSWER_IS = re.compile(
    r"(?:(?:my|final|correct|right|best)\s+)*(?:answer|ans\.?|option|choice)(?:\s+(?:is|was|(?:should|must|would|will)\s+be)\b\s*:?|\s*[:=]|\s+-\s)\s*(?=\S)|"
    r"ans\.\s+(?=\S)|i(?:\s+would|'d)?\s+(?:choose|pick|select)\s+(?=\S)",
    re.IGNORECASE,
)
LABEL = re.compile(
    r"(?:(?:option|choice|answer|letter|label|point|number|item)\b|no\.|#)\s*[:#]?\s*(?=\S)", re.IGNORECASE
)
LABEL_WORDS = """
    my final correct right best option choice answer ans ans. letter label point number item no. close i i'd
"""
LEADS = HEDGES | frozenset(LABEL_WORDS.split())
LED = LEADS - {"my", "final", "correct", "right", "best"}


def _phrase(text: str, nested: int) -> Answer | None:
    """The value behind "the answer is", "option", "about": what is labelled or hedged is the value itself."""
    answer = ANSWER_IS.match(text)
    if answer:
        return _read(text[answer.end() :], nested)
    label = LABEL.match(text)
    if label:
        value = _value(unwrapped(text[label.end() :]), nested)
        return value if value and (value.option or value.kind != "number" or not value.unit) else None
    if text[0] == "~":
        if len(text) == 2 and text[1].isalpha():  # not A
            return None
        return _value(text[1:].lstrip(), nested)
    if text[:9].casefold() == "close to ":
        return _value(text[9:], nested)
    word, _, rest = text.partition(" ")
    if word.casefold() in ("year", "year:"):
        rest = rest.removeprefix("is ")
    hedged = (
        rest and word.casefold().rstrip(":") in HEDGES and word != "C."
    )  # a capital C. is an option's letter, "c." is circa
    return _value(rest, nested) if hedged else None


def _with_afterthought(text: str, nested: int) -> Answer | None:
    after = framing.AFTERTHOUGHT.search(text, max(0, len(text) - 50))
    return _value(text[: after.start()], nested) if after else None


def _named(text: str, nested: int) -> Answer | None:
    """x = 3; the name may be missing on the other side. x = -3, 3 is both."""
    name, rest = named_value(text)
    value = _read(rest, nested) if name else None
    if not value or not value.core or value.name or (":" in name and value.kind != "ratio"):
        return None
    if value.kind == "list" and not value.brackets:
        return several(name, value.items)
    return value if framing.GENERIC.issuperset(name.split()) else replace(value, name=name)


OPTION = re.compile(
    r"(?:([A-Ha-h])[).:]|\(([A-Ha-h])\)\s?[:.]?|\[([A-Ha-h])\])\s+(?!(?:and|or|&)\s)(?=\S)|\(([A-Ha-h])\)(?=\w)|([A-H])\)(?=\w)|"
    r"([A-H])\s+-\s+(?=[^\W\d_]{3})|([A-H])\.(?=[A-Z][a-z])"
)


def _option(text: str) -> Answer | None:
    """B. blue: the letter of a choice before its text."""
    match = OPTION.match(text)
    if not match or not is_text_behind(text[match.end() :]):
        return None
    letter = next(group for group in match.groups() if group).casefold()
    value = _read(text[match.end() :], nested=True)
    return replace(value, option=letter) if value.core else None


# -- lists, sets, intervals ------------------------------------------------------------------------------------------


def _group(text: str, nested: int) -> Answer | None:
    """Elements in order, or sorted in braces and unions; None for a single element."""
    closing = enclosed(text)
    body = text[1:-1].strip() if closing else text
    if closing and text[0] + closing == "{" + "}" and not MAY_SEPARATE.search(body):
        return _read(body, nested + 1) if body and body != "∅" else None
    parts = []
    if MAY_SEPARATE.search(body):  # (1,250) is a point, and (1,250, 300) has thousands
        parts = split(body, bool(closing) and not (THOUSANDS.search(body) and (", " in body or ";" in body)))
    if not 1 < len(parts) <= MAX_ITEMS or not all(parts):
        return None
    items = tuple(item for part in parts for item in _flat(_read(part, nested + 1)))
    union = "∪" in body
    if not all(item.core for item in items) or (union and not all(item.brackets for item in items)):
        return None
    if union or (closing == "}" and text[0] == "{"):
        items = tuple(sorted(set(items), key=lambda item: item.key))
        return Answer("union", " ∪ ".join(item.key for item in items), items=items) if union else as_set(items)
    if not closing and (both := several(items[0].name, (replace(items[0], name=""), *items[1:]))):
        return both
    names = {item.name for item in items}
    if "" not in names and len(names) == len(items):  # x = 3, y = 4 in any order
        items = tuple(sorted(items, key=lambda item: item.name))
    style = _style(text, closing, items)
    # Inside a union it stays an interval.
    return (not nested and _unbounded(style, items)) or Answer(
        "list", ", ".join(item.key for item in items), brackets=style, items=items
    )


def _flat(answer: Answer) -> tuple[Answer, ...]:
    """A list without brackets in a list is part of it: its spelling, "2, 3", would not tell."""
    return answer.items if answer.kind == "list" and not (answer.brackets or answer.name) else (answer,)


INFINITE = frozenset(["infinity", "inf", "oo"])


def _unbounded(style: str, items: tuple[Answer, ...]) -> Answer | None:
    """(3, infinity) is what is above 3."""
    if not style or len(items) != 2:
        return None
    low, high = items
    if low.kind == "number" and high.kind == "text" and high.core.lstrip("+") in INFINITE and style[1] == ")":
        return Answer("bound", f"{'>=' if style[0] == '[' else '>'} {low.core}", low.unit)
    if (
        high.kind == "number"
        and low.kind == "text"
        and low.core[:1] == "-"
        and low.core[1:] in INFINITE
        and style[0] == "("
    ):
        return Answer("bound", f"{'<=' if style[1] == ']' else '<'} {high.core}", high.unit)
    return None


def _style(text: str, closing: str, items: tuple[Answer, ...]) -> str:
    """Brackets that tell points, open and closed intervals apart; those of other lists say nothing."""
    if not closing:
        return ""
    style = text[0] + closing
    ends = all(item.kind == "number" or item.core.lstrip("+-") in INFINITE for item in items)
    return "()" if style in ("[]", "{}") and not (len(items) == 2 and ends) else style
