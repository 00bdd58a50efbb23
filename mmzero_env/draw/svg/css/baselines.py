"""`baseline-shift` (superscripts and subscripts) as the `dy` that CairoSVG knows."""

from dataclasses import replace
from xml.etree.ElementTree import Element

from mmzero_env.draw.svg.css.values.lengths import Units, length_px, shown

# What stands out by `super` and `sub`, in the size of the shifted letters: half the height of a line, as browsers do.
SHIFTS = {"super": 0.58, "sub": -0.58}
# Marks pieces that moved up or down without leaving their line.
SHIFTED = "data-shifted"


def baselines(text: Element, units: Units) -> None:
    """Superscripts and subscripts among the pieces of a text, from the last to the first: pieces may be added.

    `units`: of the text.
    """
    for index in reversed(range(len(text))):
        kind = text[index].attrib.pop("baseline-shift", None)
        if kind is not None:
            size = float(text[index].get("font-size", units.font))
            up = shift_px(kind, replace(units, font=size))
            if up:
                shift(text, index, up)


def shift_px(text: str, units: Units) -> float:
    """How far up, in px; 0 for `baseline` and what is not understood."""
    word = text.strip().lower()
    if word in SHIFTS:
        return SHIFTS[word] * units.font
    return length_px(word, units, units.font) or 0.0


def shift(parent: Element, index: int, up: float) -> None:
    """Move the child number `index` up, and what follows it in the text down again."""
    child = parent[index]
    _move(child, -up)
    if child.tail and (child.tail.strip() or index + 1 == len(parent)):
        rest = Element(child.tag.rpartition("}")[0] + "}tspan" if "}" in child.tag else "tspan")
        rest.text, child.tail = child.tail, None
        parent.insert(index + 1, rest)
        _move(rest, up)
    elif index + 1 < len(parent) and "y" not in parent[index + 1].attrib:
        _move(parent[index + 1], up)


def _move(element: Element, down: float) -> None:
    first, _, others = element.get("dy", "0").strip().replace(",", " ").partition(" ")
    try:
        moved = shown(float(first.removesuffix("px")) + down)
    except ValueError:
        return  # in a unit of its own: it moves to another line anyway
    element.set("dy", f"{moved} {others}".strip())
    element.set(SHIFTED, "yes")
