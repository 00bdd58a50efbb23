"""How durations and values are written in lines for a person; every part of the recipe uses these."""

SHORT = 60


def clock(seconds: float | None, unknown: str = "unknown") -> str:
    """A duration as h:mm:ss, rounded to seconds.

    >>> clock(59.6), clock(3700), clock(360_000), clock(None)
    ('0:01:00', '1:01:40', '100:00:00', 'unknown')
    """
    if seconds is None:
        return unknown
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def short(value: object, limit: int = SHORT) -> str:
    """Any value on one line of at most `limit` characters.

    >>> short([1, 2]), short("a" * 80, 10)
    ('[1, 2]', 'aaaaaaa...')
    """
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
