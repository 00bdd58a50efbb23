"""The user units inside an element: its viewBox, and what percentages refer to."""

import math
import re

from mmzero_env.draw.svg.boxes import Box
from mmzero_env.draw.svg.css.values.calc import is_number
from mmzero_env.draw.svg.css.values.lengths import Units, length_px


def view_box(text: str | None) -> Box | None:
    """Left, top, width and height; None where a `viewBox` is missing or has no area.

    >>> view_box("0 0 10px,20"), view_box("0 0 0 5"), view_box(None)
    ((0.0, 0.0, 10.0, 20.0), None, None)
    """
    view = read_view_box(text)
    return view if view and min(view[2:]) > 0 else None


def read_view_box(text: str | None) -> Box | None:
    """Left, top, width and height, which may be 0; None where a `viewBox` is missing or not valid.

    `px` in it is read over: what is meant is clear.
    """
    try:
        numbers = tuple(map(float, re.split(r"[\s,]+", (text or "").replace("px", "").strip())))
    except ValueError:
        return None
    return numbers if len(numbers) == 4 and min(numbers[2:]) >= 0 and all(map(is_number, numbers)) else None


def is_root(tag: str, units: Units) -> bool:
    """`units`: of what an element inherits."""
    return tag == "svg" and units.view == (0.0, 0.0)  # no parent gave it a viewport


def view_of(attributes: dict[str, str], units: Units) -> tuple[float, float]:
    """Width and height inside an element that makes a viewport, in its user units."""
    view = view_box(attributes.get("viewBox"))
    if view is not None:
        return view[2:]
    sides = [
        length_px(attributes[name], units, whole) if name in attributes else whole
        for name, whole in zip(("width", "height"), units.view, strict=True)
    ]
    found = tuple(whole if side is None else side for side, whole in zip(sides, units.view, strict=True))
    return found if all(map(math.isfinite, found)) else units.view
