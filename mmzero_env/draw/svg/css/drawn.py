"""What of an element is drawn at all, where CairoSVG 2.9 draws more than browsers do.

Something with `display: none` is drawn when it is a `<use>` or carries markers, a box without a size as a line, and
numbers that are none count as 0. Here the first becomes a definition, so that others can still refer to what is in it
(https://www.w3.org/TR/SVG2/render.html#VisibilityControl), and data end before their first error
(https://www.w3.org/TR/SVG2/paths.html#PathDataErrorHandling).
"""

import re
from xml.etree.ElementTree import Element

from mmzero_env.draw.svg.css.geometry.arcs import COUNTS, STEP
from mmzero_env.draw.svg.css.styles.stylesheet import SVG
from mmzero_env.draw.svg.css.values.calc import is_number
from mmzero_env.draw.svg.css.values.lengths import NUMBER
from mmzero_env.draw.svg.elements import TEXT_PIECES, cut

# `display` says nothing about these: they are drawn only where something refers to them.
DEFINITIONS = frozenset(
    ("clipPath", "defs", "filter", "linearGradient", "marker", "mask", "pattern", "radialGradient", "stop")
)
# CairoSVG hides what has a width or height of 0, these too.
WITHOUT_BOX = frozenset(("a", "circle", "ellipse", "g", "line", "path", "polygon", "polyline", "text", "tspan"))
NO_PATH = re.compile(r"[^\d\s,.+\-eEmMlLhHvVcCsSqQtTaAzZ]")
NO_POINTS = re.compile(r"[^\d\s,.+\-eE]")
FIGURES = re.compile(NUMBER)
HUGE = re.compile(r"[eE]\+?\d\d|\d{39}")  # what a number beyond single precision has in it


def settle(element: Element, tag: str) -> None:
    """Rewrite an element whose styles are computed to what is drawn of it."""
    attributes = element.attrib
    attributes.pop("font", None)  # a property that is no attribute
    if tag in WITHOUT_BOX:
        attributes.pop("width", None)
        attributes.pop("height", None)
        if tag == "path" and "d" in attributes:
            attributes["d"] = until_error(attributes["d"])
        elif "points" in attributes and NO_POINTS.search(attributes["points"]):
            attributes["points"] = ""
    elif tag in DEFINITIONS:
        attributes.pop("display", None)
    if tag == "tspan" and not element.text and not len(element):
        attributes.pop("dy", None)  # nothing is written there
    if attributes.get("visibility") == "collapse":
        attributes["visibility"] = "hidden"


def hidden(element: Element) -> bool:
    """Is nothing of it drawn, whatever is in it?"""
    attributes = element.attrib
    if attributes.get("display") == "none":
        return True
    return element.tag == f"{SVG}rect" and not ("width" in attributes and "height" in attributes)


def hide(parent: Element, child: Element) -> None:
    """Take a hidden child out of the drawing."""
    if child.tag.rpartition("}")[2] in TEXT_PIECES:
        cut(parent, child)
    else:
        child.tag = f"{SVG}defs"


def until_error(data: str) -> str:
    """The data of a path up to the first thing that is none.

    >>> until_error("M10,90 L100,90 L130,undefined L190,90"), until_error("L10 10 L100 50"), until_error("M0 0h1e1")
    ('M10,90 L100,90 ', '', 'M0 0h1e1')
    >>> until_error("M1 1 H9 L5 1e40 Z")
    'M1 1 H9 '
    """
    if data.lstrip()[:1] not in ("M", "m"):
        return ""
    wrong = _first_error(data)
    if wrong is None:
        return data
    *_, last = STEP.finditer(data, 0, wrong)
    needed = COUNTS[last[1].upper()]
    if not needed:
        return data[:wrong]
    numbers = list(FIGURES.finditer(data, last.start(2), wrong))
    whole = len(numbers) // needed * needed
    return data[: numbers[whole - 1].end() if whole else last.start()]


def _first_error(data: str) -> int | None:
    """Where something begins that is neither a letter of a path nor a number."""
    words = [NO_PATH.search(data)]
    if HUGE.search(data):
        words += [figure for figure in FIGURES.finditer(data) if not is_number(float(figure[0]))]
    return min((word.start() for word in words if word), default=None)
