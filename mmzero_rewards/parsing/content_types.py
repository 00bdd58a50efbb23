"""Which of the seven picture classes a proposal belongs to: its tag, else keywords in its caption (method.md §2.1).

The reference matches keywords as substrings, so a "roadmap" is a map; the default matches whole words.
"""

import re

from mmzero_rewards.config import CONTENT_TYPES

KEYWORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "diagram",
        (
            "flowchart",
            "flow chart",
            "network diagram",
            "org diagram",
            "state diagram",
            "circuit diagram",
            "block diagram",
        ),
    ),
    (
        "data_chart",
        (
            "bar chart",
            "line chart",
            "pie chart",
            "area chart",
            "radar chart",
            "bubble chart",
            "scatter",
            "histogram",
            "stacked",
            "heatmap",
            "treemap",
        ),
    ),
    (
        "geometry",
        (
            "angle",
            "triangle",
            "circle",
            "radius",
            "coordinate",
            "geometry",
            "perpendicular",
            "chord",
            "polygon",
            "rectangle",
        ),
    ),
    ("timeline", ("timeline", "schedule", "gantt")),
    ("map", ("map", "region", "geographic", "country")),
    ("table", ("table", "grid")),
)
"""Caption keywords of each class, tried in this order (docs/method.md §2.1)."""

LOOKED_UP_CHARS = 50_000
"""Keywords are looked for in this much of a caption: twice the longest a Proposer can write."""

BREAKS = re.compile(r"[\s-]+")
"""Between the words of a keyword: a line may end there, and bar-chart is a bar chart."""

PLURALS = {"radius": "radii", "country": "countries", "geometry": "geometries"}


def _whole_word(form: str) -> re.Pattern:
    """`form` between non-letters; starts with the literal, which `re` finds fast in long text."""
    return re.compile(rf"{re.escape(form)}(?<![^\W_]{re.escape(form)})(?![^\W_])")


WORD_PATTERNS = tuple(
    (kind, tuple((form, _whole_word(form)) for word in words for form in (word, PLURALS.get(word, word + "s"))))
    for kind, words in KEYWORDS
)


def content_type(tag: str, caption: str, fallback: str = "word") -> str:
    """Class of a proposal: the tag if it is on the list, else the first caption keyword, else `other`.

    Args:
        tag: body of <content_type>; case, outer blanks and blank-for-underscore are forgiven.
        fallback: `word` (whole words, plural allowed), `substring` (as the reference) or `none`.
    """
    name = "_".join(tag.lower().split())
    if name in CONTENT_TYPES and name != "other":
        return name
    lowered = caption[:LOOKED_UP_CHARS].lower()
    if fallback == "substring":
        return next((kind for kind, words in KEYWORDS if any(word in lowered for word in words)), "other")
    if fallback == "word":
        lowered = BREAKS.sub(" ", lowered)
        for kind, patterns in WORD_PATTERNS:
            if any(form in lowered and pattern.search(lowered) for form, pattern in patterns):
                return kind
    return "other"
