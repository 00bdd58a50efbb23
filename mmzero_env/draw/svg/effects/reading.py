"""A `<filter>` element as steps: what is read of it before anything is drawn."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from mmzero_env.draw.svg.css.functions import UNLIMITED
from mmzero_env.draw.svg.css.values.lengths import Units, length_px
from mmzero_env.draw.svg.masks import REGION

NUMBERS = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
LARGEST = 1e6  # of numbers, and of pixels: nothing is seen from there


@dataclass(frozen=True)
class Step:
    """One primitive. `inputs`: names of results, "" is the one before; `area`: x, y, width and height, None where the
    filter's region decides; `linear`: it works in linear light."""

    element: Element
    tag: str
    inputs: tuple[str, ...]
    result: str
    area: tuple[str | None, ...]
    linear: bool


@dataclass(frozen=True)
class Effect:
    """`region`: x, y, width and height, None without limit. `in_boxes`: these are shares of the element's box, as the
    numbers of the steps are if `steps_in_boxes`."""

    steps: tuple[Step, ...]
    region: tuple[str, ...] | None
    in_boxes: bool
    steps_in_boxes: bool


def effects_of(root: Element) -> dict[str, Effect]:
    """By id, the first of each, as references find them."""
    found: dict[str, Effect] = {}
    for element in root.iter():
        if name_of(element) == "filter" and element.get("id"):
            found.setdefault(element.get("id"), read(element))
    return found


def read(element: Element) -> Effect:
    """
    >>> from xml.etree.ElementTree import fromstring
    >>> effect = read(fromstring('<filter><feFlood result="a"/><feOffset in="SourceAlpha" dx="3"/></filter>'))
    >>> [(step.tag, step.inputs, step.result) for step in effect.steps], effect.region
    ([('feFlood', (), 'a'), ('feOffset', ('SourceAlpha',), '')], ('-10%', '-10%', '120%', '120%'))
    """
    space = element.get("color-interpolation-filters")
    steps = []
    for child in element:
        tag = name_of(child)
        if tag.startswith("fe"):
            own = child.get("color-interpolation-filters", space)
            area = tuple(child.get(side) for side in REGION)
            steps.append(Step(child, tag, _inputs(child, tag), child.get("result", ""), area, own != "sRGB"))
    region = tuple(element.get(side, usual) for side, usual in REGION.items())
    return Effect(
        tuple(steps),
        None if element.get(UNLIMITED) else region,
        element.get("filterUnits") != "userSpaceOnUse",
        element.get("primitiveUnits") == "objectBoundingBox",
    )


WITHOUT_INPUT = frozenset(("feFlood", "feTurbulence", "feImage"))
WITH_TWO = frozenset(("feComposite", "feBlend", "feDisplacementMap"))


def _inputs(element: Element, tag: str) -> tuple[str, ...]:
    if tag in WITHOUT_INPUT:
        return ()
    if tag == "feMerge":
        return tuple(node.get("in", "") for node in element if name_of(node) == "feMergeNode")
    names = (element.get("in", ""),)
    return (*names, element.get("in2", "")) if tag in WITH_TWO else names


def name_of(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def numbers(text: str | None) -> list[float]:
    """
    >>> numbers("1, -.5 2e1"), numbers(None)
    ([1.0, -0.5, 20.0], [])
    """
    return [bounded(float(word)) for word in NUMBERS.findall(text or "")]


def bounded(value: float) -> float:
    return max(-LARGEST, min(LARGEST, value))


def number(element: Element, name: str, usual: float) -> float:
    """A number, `usual` where there is none."""
    return next(iter(numbers(element.get(name))), usual)


def pair(element: Element, name: str, usual: float) -> tuple[float, float]:
    """One or two numbers: the second is like the first where it is missing."""
    found = numbers(element.get(name)) or [usual]
    return found[0], found[1] if len(found) > 1 else found[0]


def region_px(
    area: Iterable[str | None], box: tuple[float, float, float, float], in_boxes: bool, view: tuple[float, float]
) -> list[float | None]:
    """x, y, width and height in user units; None for what is not said.

    Args:
        box: of the element, what shares and percentages refer to if `in_boxes`.
        view: width and height of the viewport, what percentages refer to otherwise.
    """
    found: list[float | None] = []
    for index, text in enumerate(area):
        side = (box[2], box[3])[index % 2] if in_boxes else view[index % 2]
        start = box[index] if in_boxes and index < 2 else 0.0
        if text is None:
            found.append(None)
        elif in_boxes and "%" not in text:
            share = next(iter(numbers(text)), None)
            found.append(None if share is None else start + share * side)
        else:
            length = length_px(text, Units(), side)
            found.append(None if length is None else start + length)
    return found
