"""What percentages inside an element refer to."""

import math
import re

from mmzero_env.draw.css.lengths import Units, length_px


def is_root(tag: str, units: Units) -> bool:
    """`units`: of what an element inherits."""
    return tag == "svg" and units.view == (0.0, 0.0)  # no parent gave it a viewport


def view_of(attributes: dict[str, str], units: Units) -> tuple[float, float]:
    """Width and height inside an element that makes a viewport, in its user units."""
    numbers = re.split(r"[\s,]+", attributes.get("viewBox", "").strip())
    try:
        found = float(numbers[2]), float(numbers[3])
    except (IndexError, ValueError):
        sides = [
            length_px(attributes[name], units, whole) if name in attributes else whole
            for name, whole in zip(("width", "height"), units.view, strict=True)
        ]
        found = tuple(whole if side is None else side for side, whole in zip(sides, units.view, strict=True))
    return found if all(map(math.isfinite, found)) else units.view
