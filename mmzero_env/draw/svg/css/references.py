"""Gradients and patterns that take what they lack from another one (`href`), and ids that stand twice.

CairoSVG 2.9 follows an href each time that a paint is used, and finds nothing from the second time on. Here each gets
what it refers to before anything is drawn. Of two elements with one id CairoSVG takes the last, browsers the first.
https://www.w3.org/TR/SVG2/pservers.html#LinearGradientElementHrefAttribute
"""

from copy import deepcopy
from xml.etree.ElementTree import Element

HREF = ("href", "{http://www.w3.org/1999/xlink}href")
# Elements that all copies of one kind in a document may have together.
MOST_COPIED = 5000
GRADIENTS = frozenset(("linearGradient", "radialGradient"))
OWN = frozenset(("id", "class", "style", *HREF))


class References:
    """Which paint takes what from which; found before any style is computed."""

    def __init__(self, root: Element):
        self._root = root
        self._pairs: list[tuple[Element, Element]] = []
        paints = [element for element in root.iter() if _kind(element)]
        by_id: dict[str, Element] = {}
        for element in paints:
            if element.get("id"):
                by_id.setdefault(element.get("id"), element)
        self._target = {element: by_id[name] for element in paints if (name := target(element)) in by_id}
        done: set[Element] = set()
        for element in list(self._target):
            self._follow(element, done, [])

    def _follow(self, element: Element, done: set[Element], chain: list[Element]) -> None:
        """Take attributes over, those of the last in a chain first. A chain that meets itself ends there."""
        other = self._target.get(element)
        if other is None or element in done:
            return
        done.add(element)
        for name in HREF:
            element.attrib.pop(name, None)
        if other in (element, *chain) or _kind(other) != _kind(element):
            return
        self._follow(other, done, [*chain, element])
        for name, value in other.attrib.items():
            if name not in OWN:
                element.attrib.setdefault(name, value)
        if not len(element):
            self._pairs.append((element, other))

    def write(self) -> None:
        """Take children over, their styles computed; then let each id stand once."""
        left = MOST_COPIED
        for element, other in self._pairs:
            left -= sum(1 for _ in other.iter())
            if left < 0:
                break
            element.extend(deepcopy(child) for child in other)
        seen: set[str] = set()
        for element in self._root.iter():
            name = element.get("id")
            if name in seen:
                del element.attrib["id"]
            elif name is not None:
                seen.add(name)


def _kind(element: Element) -> str:
    tag = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
    return "gradient" if tag in GRADIENTS else tag if tag == "pattern" else ""


def target(element: Element) -> str:
    """The id that an element refers to by `href`, "" for none."""
    return (element.get(HREF[0]) or element.get(HREF[1]) or "").strip().removeprefix("#")
