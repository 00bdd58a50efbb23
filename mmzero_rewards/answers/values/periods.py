"""Quarters and halves of a year, and short spans of years: "Q1 2020", "2019-20".

>>> read_period("1q20"), read_period("first quarter of 2020"), read_period("2h"), full_years("2019/20")
('q1 2020', 'q1 2020', '', '2019 to 2020')
"""

import re

from mmzero_rewards.answers.values.words import ORDINAL_FORMS

YEAR = r"(?:\s*(?:of|in|,|-|/)?\s*(?P<year{0}>[12]\d{{3}})|\s?(?:-|'|\s)\s?(?P<short{0}>\d\d))?"
FORMS = (
    re.compile(r"(?:(?P<year>[12]\d{3})[\s,-]*)?(?P<letter>[qh])\s?(?P<part>[1-4])"),
    re.compile(r"(?P<letter>[qh])\s?(?P<part>[1-4])" + YEAR.format("")),
    re.compile(r"(?P<part>[1-4])\s?(?P<letter>[qh])\s?'?(?:(?P<year>[12]\d{3})|(?P<short>\d\d))?"),
    re.compile(r"(?P<part>[1-4])(?:st|nd|rd|th)\s+(?P<letter>quarter|half)" + YEAR.format("")),
    re.compile(r"(?P<letter>quarter)\s+(?P<part>[1-4])" + YEAR.format("")),
)
SPAN = re.compile(r"(1[5-9]\d\d|20\d\d)\s?[-/]\s?'?(\d\d)")


def read_period(text: str) -> str:
    """Normal form of a quarter or half of a year, in lower case; its year may be absent. "" for anything else."""
    first, _, rest = text.partition(" ")
    text = f"{ORDINAL_FORMS[first]} {rest}" if first in ORDINAL_FORMS else text
    for form in FORMS:
        match = form.fullmatch(text)
        if match:
            found = match.groupdict()
            letter, year, short = found["letter"][0], found.get("year"), found.get("short")
            if letter == "h" and (int(found["part"]) > 2 or not year):
                return ""  # 2h is two hours, "first half" may be of a game
            return f"{letter}{found['part']} {year or (short and f'20{short}') or ''}".rstrip()
    return ""


def full_years(text: str) -> str:
    """2019-20 as "2019 to 2020"; "" where it does not rise or may be a month (2010-11)."""
    match = SPAN.fullmatch(text)
    if not match or int(match.group(2)) <= max(12, int(match.group(1)) % 100):
        return ""
    return f"{match.group(1)} to {match.group(1)[:2]}{match.group(2)}"
