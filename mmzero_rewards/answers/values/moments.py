"""Dates, decades and clock times in short answers: "5th of May 2024" is "2024-05-05", "5 PM" is "17:00".

A date is read only where its order is not in doubt: month by name, year first, or a day above twelve; 05/06/2024 stays
text. A clock time without am or pm is of the 24-hour clock, and its half of the day may be missing: 5:00 equals
5:00 pm, and 17:00 does, but 5:00 is not 17:00. A quarter or half of a year is "q1 2020". A weekday before a date says
nothing more. Not covered: time zones, weekdays alone.
"""

import re
from dataclasses import dataclass

from mmzero_rewards.answers.values.periods import read_period
from mmzero_rewards.answers.values.words import COMPOUND_ORDINALS, ORDINAL_FORMS, ORDINALS

MONTH_NAMES = """
    january february march april may june july august september october november december
"""
MONTHS = MONTH_NAMES.split()
MONTH_NUMBERS = {name[:3]: number for number, name in enumerate(MONTHS, 1)} | {"sept": 9}
MONTH_NUMBERS |= {name: number for number, name in enumerate(MONTHS, 1)}
_MONTH = rf"(?P<month>{'|'.join(sorted(MONTH_NUMBERS, key=len, reverse=True))})\b\.?"
ORDINAL_FIGURES = ORDINAL_FORMS | COMPOUND_ORDINALS
ORDINAL_WORD = re.compile(
    rf"\b(?:(?:twenty|thirty)[ -](?:{'|'.join(ORDINALS[:9])})|{'|'.join(ORDINAL_FORMS)})\b"
)  # the seventh of March
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
MONTH_FIRST = (
    rf"{_MONTH}\s*(?:the\s+)?{_DAY}(?:\s*,\s*|\s+){_YEAR}",
    rf"{_MONTH}(?:\s*,\s*|\s+of\s+|\s*){_YEAR}",
    rf"{_MONTH}\s*(?:the\s+)?{_DAY}",
    rf"{_MONTH}\s*'(?P<short>\d\d)",
)
FIGURES_FIRST = (
    rf"{_DAY}\s*(?:of\s+|-)?{_MONTH}(?:\s*,\s*|\s+|-){_YEAR}",
    rf"{_DAY}\s*(?:of\s+|-)?{_MONTH}",
    rf"{_YEAR}\s+{_MONTH}(?:\s+{_DAY})?",
)
NAMED_DATES = [[re.compile(pattern) for pattern in patterns] for patterns in (FIGURES_FIRST, MONTH_FIRST)]
HAS_MONTH = re.compile(_MONTH)
YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
YEAR_MONTH = re.compile(r"([12]\d{3})[-/](0[1-9]|1[0-2])")
MONTH_YEAR = re.compile(r"(0[1-9])[-/]([12]\d{3})")  # 10-1999 may be a range, 10/1999 a quotient
WEEKDAY = re.compile(r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?[,.]?\s+(?:the\s+)?(?=.*\d)")
YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
DECADE = re.compile(r"([12]\d\d0|'[015-9]0)'?s", re.IGNORECASE)  # '20s to '40s may be of two centuries
CLOCK = re.compile(
    r"(\d{1,2})(?:[:.]([0-5]\d)(?::([0-5]\d))?)?\s*([ap])\.?\s?m\b\.?"
    r"|(\d{1,2}):([0-5]\d)(?::([0-5]\d))?(?:\s*(?:h|hrs?|hours|o'clock))?"
)
MILITARY = re.compile(r"(0\d)([0-5]\d)\s*(?:h|hrs?|hours)")
PART_OF_DAY = re.compile(r"(?:\s+o'clock)?\s+(?:in (?:the )?(morning|afternoon|evening)|at (night))\Z")
NAMED_TIMES = {"noon": "12:00 pm", "12 noon": "12:00 pm", "midnight": "12:00 am", "12 midnight": "12:00 am"}
NAMED_TIMES |= {"12:00 noon": "12:00 pm", "12:00 midnight": "12:00 am"}
HALF_DAY = 12 * 3600


@dataclass(frozen=True)
class Moment:
    """kind: date | clock | decade. core: normal form. half: am, pm or ""."""

    kind: str
    core: str
    half: str = ""


def read_moment(text: str) -> Moment | None:
    """The whole text as a date, a decade or a time of day, or None."""
    text = text.casefold()
    if text in NAMED_TIMES:
        text = NAMED_TIMES[text]
    if len(text) > 40 or not text[:1].isalnum():
        return None
    if "q" in text or " half" in text or (len(text) > 4 and "h" in text[:2]):
        period = read_period(text)
        if period:
            return Moment("date", period)
    if not any(map(str.isdigit, text)):
        return None
    if text[-1] == "s" and (decade := read_decade(text)):
        return Moment("decade", decade)
    return _clock(text.removesuffix("o'clock").rstrip() + ":00" if text.endswith("o'clock") else text) or _date(text)


def read_decade(text: str) -> str:
    """1990s, also of "1990's" and "'90s"; "" for anything else."""
    match = DECADE.fullmatch(text)
    if not match:
        return ""
    years = match.group(1).replace("'", "20" if match.group(1)[1] in "01" else "19")
    return f"{years}s"


def _clock(text: str) -> Moment | None:
    if "i" in text or "a" in text:
        part = PART_OF_DAY.search(text)
        if part:
            hour = text[: part.start()].partition(":")[0]
            half = "am" if part.group(1) == "morning" or (part.group(2) and hour in ("12", "1", "2", "3")) else "pm"
            text = f"{text[: part.start()]} {half}"
    if ":" not in text and "m" not in text:
        match = MILITARY.fullmatch(text) if text[0] == "0" else None
        return Moment("clock", f"{int(match.group(1))}:{match.group(2)}") if match else None
    match = CLOCK.fullmatch(text)
    if not match:
        return None
    hour, minute, second, half = match.group(5), match.group(6), match.group(7), match.group(4) or ""
    if half:
        hour, minute, second = match.group(1), match.group(2), match.group(3)
    if int(hour) > (12 if half else 24) or (half and int(hour) == 0):
        return None
    core = f"{int(hour)}:{minute or '00'}" + (f":{second}" if second else "")
    return Moment("clock", core, half and half + "m")


def _date(text: str) -> Moment | None:
    text = WEEKDAY.sub("", text, count=1) if text[0] in "mtwfs" else text
    if "t" in text:
        text = ORDINAL_WORD.sub(lambda match: ORDINAL_FIGURES[match.group().replace(" ", "-")], text)
    if HAS_MONTH.match(text) if text[0].isalpha() else HAS_MONTH.search(text):
        for pattern in NAMED_DATES[text[0].isalpha()]:
            match = pattern.fullmatch(text)
            if match:
                found = match.groupdict()
                year = found.get("year") or (found.get("short") and f"20{found['short']}")
                return _checked(year, MONTH_NUMBERS[found["month"]], found.get("day"))
        return None
    match = YEAR_FIRST.fullmatch(text)
    if match:
        return _checked(match.group(1), int(match.group(3)), match.group(4))
    match = YEAR_MONTH.fullmatch(text)
    if match and match.group(2) <= match.group(1)[2:]:  # 2010-11 may be two years
        return _checked(match.group(1), int(match.group(2)), None)
    match = MONTH_YEAR.fullmatch(text)
    if match:
        return _checked(match.group(2), int(match.group(1)), None)
    match = YEAR_LAST.fullmatch(text)
    if match:
        first, second = int(match.group(1)), int(match.group(3))
        if (first > 12) != (second > 12) or first == second:
            return _checked(match.group(4), min(first, second), str(max(first, second)))
    return None


def _checked(year: str | None, month: int, day: str | None) -> Moment | None:
    """The date in words ("5 may 2024"), which read as themselves; None for a day that its month does not have."""
    if not 1 <= month <= 12 or (day and not 1 <= int(day) <= DAYS[month - 1]):
        return None
    return Moment("date", " ".join(filter(None, (day and str(int(day)), MONTHS[month - 1], year))))


def same_time(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Are two clock times, as (core, half), the same? The half of the day may be missing on one side."""
    if bool(one[1]) == bool(other[1]):
        return _seconds(*one) == _seconds(*other)
    told, bare = (one, other) if one[1] else (other, one)
    first, second = _seconds(*told), _seconds(*bare)
    return first == second or (first % HALF_DAY == second % HALF_DAY and 1 <= int(bare[0].partition(":")[0]) <= 12)


def _seconds(core: str, half: str) -> int:
    """Seconds since midnight; 24:00 is midnight."""
    hour, minute, second = map(int, (core + ":0").split(":")[:3])
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return (hour % 24) * 3600 + minute * 60 + second
