"""How much a document draws: a reference counts as much as what it refers to, and a marker as often as lines repeat it.

So a short document that draws millions of elements is refused at once instead of ending at the CPU limit.
"""

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from mmzero_env.config import RenderConfig
from mmzero_env.draw.errors import Refused
from mmzero_env.draw.svg.css.references import HREF
from mmzero_env.results import RenderStatus

REFERRING_TAGS = ("use", "tref")
# Elements drawn through references, as a multiple of max_elements: a gradient shared by every bar of a chart is normal.
EXPANSION = 4
MAX_CHAIN = 250
NUMBER = re.compile(r"\d+\.?\d*|\.\d+")
ONCE_PER_SHAPE = ("marker-start", "marker-end")  # the others are drawn at every point
TARGETS = re.compile(r"url\s*\(\s*[\"']?\s*#([^\"'()]*?)\s*[\"']?\s*\)", re.IGNORECASE)


@dataclass
class _Weighed:
    """`shapes` and `points`: how many lines and (at most) vertices an element and its children have. `weight`: how many
    elements it draws, itself included; computed once per element."""

    refers_to: list[str] = field(default_factory=list)
    markers: list[tuple[str, str]] = field(default_factory=list)  # property, id
    shapes: int = 0
    points: int = 0
    children: list["_Weighed"] = field(default_factory=list)
    weight: int | None = None
    open: bool = False


def check_weight(root: Element, config: RenderConfig) -> None:
    """Raises Refused for a document that draws too much, a reference that contains itself, and chains that the
    renderer's recursion cannot follow. Takes styles for attributes: they must have been applied before."""
    if not any(_refers(element) for element in root.iter()):
        return  # it draws its own elements, which have been counted
    by_id: dict[str, _Weighed] = {}
    limit = EXPANSION * config.max_elements
    if _weight(_weighed(root, by_id), by_id, limit, 0) > limit:
        raise Refused(
            RenderStatus.TOO_LARGE,
            f"references draw more than {EXPANSION} times render.max_elements={config.max_elements}",
        )


def _refers(element: Element) -> bool:
    attributes = element.attrib
    return HREF[0] in attributes or HREF[1] in attributes or any("(" in value for value in attributes.values())


def _weighed(element: Element, by_id: dict[str, _Weighed]) -> _Weighed:
    found = _Weighed()
    tag = element.tag.rpartition("}")[2]
    if tag == "line":
        found.shapes, found.points = 1, 2
    for key, value in element.attrib.items():
        if key in ("d", "points"):
            found.shapes += 1
            found.points += len(NUMBER.findall(value))
        elif key == "id":
            by_id.setdefault(value, found)
        elif key in HREF and tag in REFERRING_TAGS:
            found.refers_to.append(value.strip()[1:])
        elif "(" in value:
            names = TARGETS.findall(value)
            found.refers_to += names
            if key.startswith("marker"):
                found.markers += [(key, name) for name in names]
    for child in element:
        below = _weighed(child, by_id)
        found.children.append(below)
        found.shapes += below.shapes
        found.points += below.points
    return found


def _weight(element: _Weighed, by_id: dict[str, _Weighed], limit: int, depth: int) -> int:
    """Elements drawn by `element`, references followed; stops counting above `limit`."""
    if element.weight is not None:
        return element.weight
    if element.open:
        raise Refused(RenderStatus.FORBIDDEN, "a reference contains itself")
    if depth > MAX_CHAIN:
        raise Refused(RenderStatus.TOO_LARGE, "references are nested too deep")
    element.open = True
    total = 1
    targets = [by_id[name] for name in element.refers_to if name in by_id]
    for part in (*element.children, *targets):
        total += _weight(part, by_id, limit, depth + 1)
        if total > limit:
            break
    for key, name in element.markers:
        if name in by_id and total <= limit:
            times = element.shapes if key in ONCE_PER_SHAPE else element.points
            total += times * _weight(by_id[name], by_id, limit, depth + 1)
    element.open = False
    element.weight = total
    return total
