"""Two of CairoSVG's helpers that cost more than what they do, called for every element; same results.

They make up for the time that styling a document (css/) takes.
"""

import functools
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlparse

import cairosvg.bounding_box
import cairosvg.defs
import cairosvg.path
import cairosvg.surface
import cairosvg.text
import cairosvg.url

USERS = (cairosvg.bounding_box, cairosvg.defs, cairosvg.path, cairosvg.surface, cairosvg.text)
NO_URL = urlparse("")


def install() -> None:
    """For the life of this process."""
    parse = functools.lru_cache(maxsize=1024)(cairosvg.url.parse_url)

    def parse_url(url: Any, base: Any = None) -> Any:
        return parse(url, base) if url else NO_URL

    for module in USERS:
        module.parse_url = parse_url
    # What `draw` copies: the pen's place and how far it has moved.
    cairosvg.surface.copy = SimpleNamespace(deepcopy=copied)


def copied(cursor: tuple) -> tuple:
    """
    >>> copied(([1, 2], (3, 4), 5))
    ([1, 2], (3, 4), 5)
    """
    return tuple(list(part) if isinstance(part, list) else part for part in cursor)
