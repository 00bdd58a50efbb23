"""One short answer in comparable form, and when two of them are equal.

`equal` is symmetric and reflexive. It is transitive but where something is missing on one side (a unit, the half of the
day, a variable's name, an option's letter, brackets): "12 cm" = "12" = "12 m", and a vote joins such groups.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from mmzero_rewards.answers.values.moments import same_time
from mmzero_rewards.answers.values.numerals import read_ratio
from mmzero_rewards.answers.values.units import compatible, singular

NO_NAME = r"(?!(?i:not|sqrt|root\d?|pi)\b)"
NAME = rf"{NO_NAME}[A-Za-z][\w']{{0,11}}(?: {NO_NAME}[A-Za-z][\w']{{0,11}}){{0,4}}(?:\([\w, ]{{1,9}}\))?"
"""Pattern of a variable's name: x, x_1, AB, f(x), angle ABC; roots and pi are numbers."""


@dataclass(frozen=True)
class Answer:
    """kind: text | number | constant | ratio | clock | date | decade | range | tolerance | bound | list | set | union |
    long.

    core: its normal form. unit: of a number, range or bound; am or pm of a clock time. name: the variable it is given
    to ("x = 3"). option: letter of a choice before it ("A. blue"). brackets: of a list, "" for none. items: elements of
    a list, set or union.
    """

    kind: str
    core: str
    unit: str = ""
    name: str = ""
    option: str = ""
    brackets: str = ""
    items: tuple["Answer", ...] = ()

    @property
    def key(self) -> str:
        """Reads as this answer again, so equal keys mean equal answers."""
        body = f"{self.core} {self.unit}" if self.unit else self.core
        if self.brackets:
            body = self.brackets[0] + body + self.brackets[1]
        if self.kind == "ratio":
            body = f"ratio {body}"
        if self.name:
            body = f"{self.name} {body}" if self.kind == "bound" else f"{self.name} = {body}"
        return f"{self.option}) {body}" if self.option else body


def as_set(items: Iterable[Answer]) -> Answer:
    """Elements without order and repetition."""
    items = tuple(sorted(set(items), key=lambda item: item.key))
    return Answer("set", "{" + ", ".join(item.key for item in items) + "}", items=items)


SHORT_NAME = 3


def several(name: str, items: tuple[Answer, ...]) -> Answer | None:
    """Numbers that one variable has, "x = -3, 3"; None for no numbers and for a longer name, which may be of a list."""
    if not 0 < len(name) <= SHORT_NAME or not all(
        item.kind in ("number", "constant") and not item.name for item in items
    ):
        return None
    return replace(as_set(items), name=name)


def equal(a: Answer, b: Answer) -> bool:
    """Are they the same answer? A choice is its letter, its text, or both."""
    if a.option and b.option:
        return a.option == b.option and same_value(a, b)
    if a.option or b.option:
        marked, other = (a, b) if a.option else (b, a)
        return same_value(a, b) or (other.kind == "text" and other.core == marked.option)
    return same_value(a, b)


def same_value(a: Answer, b: Answer) -> bool:
    """`equal` but for the option letters."""
    if a.name and b.name and a.name.replace(" ", "") != b.name.replace(" ", ""):
        return False
    if a.kind != b.kind:
        return _same_across_kinds(a, b) or _same_across_kinds(b, a)
    if a.kind == "clock":
        return same_time((a.core, a.unit), (b.core, b.unit))
    if not compatible(a.unit, b.unit):
        return False
    if a.items:
        return _same_brackets(a.brackets, b.brackets) and _same_items(a.items, b.items)
    return a.core == b.core or (a.kind == "text" and _squeezed(a.core) == _squeezed(b.core))


def _same_across_kinds(a: Answer, b: Answer) -> bool:
    if (a.kind, b.kind) == ("clock", "ratio"):  # 12:30 may be meant as a ratio
        return not a.unit and ":0" not in a.core and (read_ratio(a.core) or a).core == b.core
    if (a.kind, b.kind) == ("set", "list"):  # braces may be missing
        return not b.brackets and _same_items(a.items, tuple(sorted(set(b.items), key=lambda item: item.key)))
    return False


def _same_items(a: tuple[Answer, ...], b: tuple[Answer, ...]) -> bool:
    return len(a) == len(b) and all(same_value(x, y) for x, y in zip(a, b, strict=True))


def _same_brackets(one: str, other: str) -> bool:
    """(1, 3) is a point or an open interval, [1, 3] a closed one; "1, 3" may be either, but not [1, 3)."""
    return one == other or ("" in (one, other) and (one or other) in ("()", "[]"))


BLANK = re.compile(r"(?<!\d) | (?!\d)")


def _squeezed(core: str) -> str:
    """Without blanks, except between digits ("north east" = "northeast", "1 2" != "12"), and in the singular."""
    return singular(BLANK.sub("", core))
