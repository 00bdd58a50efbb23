"""English number words: "two hundred and five apples" -> "205 apples", "two thirds" -> "2/3", "third" -> "3rd".

Cardinals up to the trillions, decimals digit by digit ("two point five"), fractions down to hundredths, ordinals up to
the ninety-ninth. Not covered: other languages.
"""

from fractions import Fraction

ONES = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
"""
WORDS = {word: value for value, word in enumerate(ONES.split())}
TEN_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
TENS = {word: 10 * value for value, word in enumerate(TEN_WORDS.split(), 2)}
WORDS |= TENS
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
STARTS = frozenset([*WORDS, "point", "a", "an", "half", "hundred", "dozen", "minus", "negative"])

ORDER = """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
    fifteenth sixteenth seventeenth eighteenth nineteenth
"""
ORDINALS = ORDER.split()
PARTS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4, "hundredth": 100, "hundredths": 100}
PARTS |= {word + s: value for value, word in enumerate(ORDINALS, 1) if value > 2 for s in ("", "s")}


PRICED = tuple("$€£¥₹")  # minus $5
HALF_A = (["half", "a"], ["half", "an"])  # half a mile
NOT_AFTER_A_PART = (["of"], ["past"], ["to"])  # half of it, half past two


def _suffixed(number: int) -> str:
    return f"{number}{'th' if number in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


ORDINAL_FORMS = {word: _suffixed(value) for value, word in enumerate(ORDINALS, 1)}
ORDINAL_FORMS |= {tens[:-1] + "ieth": _suffixed(value) for tens, value in TENS.items()}
ORDINAL_WORDS = [[word] for word in ORDINAL_FORMS]
COMPOUND_ORDINALS = {
    f"{tens}-{ordinal}": _suffixed(value + ones)
    for tens, value in TENS.items()
    for ones, ordinal in enumerate(ORDINALS[:9], 1)
}
"""Ordinal words -> figures: "third" -> "3rd", "twenty-first" -> "21st"."""


def in_figures(text: str) -> str | None:
    """`text` with the number words at its start in figures; None when it does not start with any.

    >>> in_figures("ninety-nine"), in_figures("three-quarters"), in_figures("2 and a half hours"), in_figures("anvil")
    ('99', '3/4', '5/2 hours', None)
    """
    spelled = text.split()
    for at in range(min(len(spelled), 4)):
        if "-" in spelled[at] and (at < 2 or spelled[at].rpartition("-")[2].casefold() in PARTS):
            spelled[at : at + 1] = spelled[at].split("-")
    if [word.casefold() for word in spelled[:2]] in HALF_A:
        del spelled[1]
    words = [word.casefold() for word in spelled]
    if not words or not (words[0] in STARTS or words[0].isdigit()):
        return None
    if words[0] in ("minus", "negative"):
        rest = " ".join(spelled[1:])
        amount = rest if rest[:1].isdigit() or rest[:1] in PRICED else in_figures(rest)
        return f"-{amount}" if amount else None
    if "point" in words[:8]:
        decimal = _decimal(spelled, words)
        if decimal or words[0] == "point":
            return decimal
    value, used = _cardinal(words)
    part, more = _part(words, used)
    if part is None:
        bare = not used or words[0].isdigit() or (used == 1 and words[0] in ("a", "an"))
        return None if bare or words[used : used + 1] in ORDINAL_WORDS else " ".join([str(value), *spelled[used:]])
    whole = value + part if words[used : used + 1] == ["and"] else part * (value if used else 1)
    return None if words[more : more + 1] in NOT_AFTER_A_PART else " ".join([str(whole), *spelled[more:]])


def _decimal(spelled: list[str], words: list[str]) -> str | None:
    """ "two point five" as "2.5", "point five" as "0.5"; the words behind it stay."""
    at = words.index("point")
    value, used = _cardinal(words)
    digits = []
    for word in words[at + 1 :]:
        if not 0 <= WORDS.get(word, -1) <= 9:
            break
        digits.append(str(WORDS[word]))
    if used != at or not digits:
        return None
    return " ".join([f"{value}.{''.join(digits)}", *spelled[at + 1 + len(digits) :]])


def _cardinal(words: list[str]) -> tuple[int, int]:
    """(value, words used) of the longest cardinal at the start; (0, 0) for none. "a" and "an" count as one."""
    total = used = 0
    limit = 10**15
    while used < len(words):
        at = used + (1 if used and words[used] == "and" else 0)
        group, more = _below_thousand(words, at)
        if not more:
            break
        scale = SCALES.get(words[more], 1) if more < len(words) else 1
        if scale >= limit:
            break
        total, used, limit = total + group * scale, more + (scale > 1), scale
        if scale == 1:
            break
    return total, used


def _below_thousand(words: list[str], at: int) -> tuple[int, int]:
    """(value, index behind it) of a number below a thousand at index `at`; index 0 when there is none."""
    value, behind = _below_hundred(words, at)
    scale = {"hundred": 100, "dozen": 12}.get(words[behind], 0) if behind and behind < len(words) else 0
    if not scale and not behind and words[at : at + 1] in (["hundred"], ["dozen"]):
        value, behind, scale = 1, at, {"hundred": 100, "dozen": 12}[words[at]]
    if not scale or value >= 100:
        return value, behind
    value, behind = value * scale, behind + 1
    low, after = _below_hundred(words, behind + (words[behind : behind + 1] == ["and"])) if scale == 100 else (0, 0)
    return (value + low, after) if after and words[after - 1] not in ("a", "an") else (value, behind)


def _below_hundred(words: list[str], at: int) -> tuple[int, int]:
    if at >= len(words):
        return 0, 0
    word = words[at]
    if word in ("a", "an"):
        return 1, at + 1
    if word.isdigit() and len(word) < 4 and word.isascii():
        return int(word), at + 1
    if "-" in word:
        tens, _, ones = word.partition("-")
        return (TENS[tens] + WORDS[ones], at + 1) if tens in TENS and 0 < WORDS.get(ones, 0) < 10 else (0, 0)
    if word in TENS and at + 1 < len(words) and 0 < WORDS.get(words[at + 1], 0) < 10:
        return TENS[word] + WORDS[words[at + 1]], at + 2
    return (WORDS[word], at + 1) if word in WORDS else (0, 0)


def _part(words: list[str], used: int) -> tuple[Fraction | None, int]:
    """(fraction, index behind it) of "thirds" after its numerator, or of "and a half" after a whole number."""
    if used and words[used - 1] in TENS and " ".join(words[used : used + 1]) in ORDINALS[:9]:
        return None, used  # twenty-third is 23rd; only the plural is a part
    if used < len(words) and words[used] in PARTS and (used or words[used] == "half"):
        return Fraction(1, PARTS[words[used]]), used + 1
    if used and words[used : used + 1] == ["and"]:
        above, behind = _below_hundred(words, used + 1)
        if behind and behind < len(words) and words[behind] in PARTS:
            return Fraction(above, PARTS[words[behind]]), behind + 1
    return None, used
