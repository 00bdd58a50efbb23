"""Media queries, for a screen of the picture's size with a light theme, a mouse and no wish for less motion.

https://www.w3.org/TR/mediaqueries-5/; a query that is not understood does not apply.
"""

import re

from mmzero_env.draw.svg.css.values.lengths import Units, length_px

Window = tuple[float, float]
KINDS = ("all", "screen")
OTHER_KINDS = ("print", "speech")
# What is wanted by default; in brackets without a value, only those that are not "none" hold.
PREFERENCES = {
    "prefers-color-scheme": ("light",),
    "prefers-reduced-motion": ("no-preference",),
    "prefers-contrast": ("no-preference",),
    "prefers-reduced-transparency": ("no-preference",),
    "forced-colors": ("none",),
    "hover": ("hover",),
    "any-hover": ("hover",),
    "pointer": ("fine",),
    "any-pointer": ("fine",),
    "scripting": ("none",),
    "color-gamut": ("srgb",),
    "update": ("fast",),
}
SIDES = ("width", "height")
OPPOSITE = {"<": ">", ">": "<", "=": "="}
PLAIN = re.compile(r"(?:(min|max)-)?(width|height)\s*:\s*(.+)\Z")
RANGE = re.compile(r"(width|height)\s*([<>]=?|=)\s*(.+)\Z")
REVERSED = re.compile(r"(.+?)\s*([<>]=?|=)\s*(width|height)(?:\s*([<>]=?)\s*(.+))?\Z")
SHAPE = re.compile(r"orientation\s*:\s*(portrait|landscape)\Z")
PARTS = re.compile(r"\s*(?:\band\b)?\s*(\((?:[^()]|\([^()]*\))*\)|[a-z]+)")


def applies(media: str, window: Window | None) -> bool:
    """Whether one of the queries between commas holds; an empty list does.

    >>> applies("screen and (min-width: 100px)", (200, 100)), applies("print, (width < 300px)", (200, 100))
    (True, True)
    >>> applies("not print", None), applies("(100px <= width <= 150px)", (200, 100))
    (True, False)
    """
    queries = [query.strip().lower() for query in media.split(",")]
    return queries == [""] or any(_holds(query, window) is True for query in queries)


def _holds(query: str, window: Window | None) -> bool | None:
    """None if it is not understood."""
    if " or " in query and query.startswith("("):
        return any(_holds(part.strip(), window) is True for part in query.split(" or "))
    denied = query.startswith("not ") or query.startswith("not(")
    query = query.removeprefix("not").strip() if denied else query.removeprefix("only ").strip()
    place, answers = 0, []
    while match := PARTS.match(query, place):
        answers.append(_part(match[1], window))
        place = match.end()
    if not answers or None in answers or query[place:].strip():
        return None
    return all(answers) is not denied


def _part(part: str, window: Window | None) -> bool | None:
    if not part.startswith("("):
        return True if part in KINDS else False if part in OTHER_KINDS else None
    inner = part[1:-1].strip()
    if inner.startswith("(") or inner.startswith("not"):
        return _holds(inner, window)
    name, colon, value = (word.strip() for word in inner.partition(":"))
    if name in PREFERENCES:
        return value in PREFERENCES[name] if colon else PREFERENCES[name][0] not in ("none", "no-preference")
    if window is None:
        return None
    if match := SHAPE.match(inner):
        return (match[1] == "landscape") is (window[0] > window[1])
    if match := PLAIN.match(inner):
        return _compare(match[2], {"min": ">=", "max": "<="}.get(match[1], "="), match[3], window)
    if match := RANGE.match(inner):
        return _compare(*match.groups(), window)
    if match := REVERSED.match(inner):
        low = _compare(match[3], OPPOSITE[match[2][0]] + match[2][1:], match[1], window)
        high = _compare(match[3], match[4], match[5], window) if match[4] else True
        return None if None in (low, high) else low and high
    return None


def _compare(side: str, sign: str, text: str, window: Window) -> bool | None:
    value = length_px(text, Units(window=window))
    if value is None:
        return None
    found = window[SIDES.index(side)]
    return (sign[0] == "<" and found < value) or (sign[0] == ">" and found > value) or ("=" in sign and found == value)
