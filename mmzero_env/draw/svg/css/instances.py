"""`<use>` of something that has variables: each use may give them other values, so each gets a copy of its own."""

from copy import deepcopy
from xml.etree.ElementTree import Element

from mmzero_env.draw.svg.css.references import HREF, MOST_COPIED, target
from mmzero_env.draw.svg.css.styles.stylesheet import SVG, StyleSheets


class Instances:
    """Copies of what is used, taken before any style is applied."""

    def __init__(self, root: Element, sheets: StyleSheets):
        self._sheets = sheets
        self._left = MOST_COPIED
        self._originals: dict[str, Element] = {}
        self._copies: Element | None = None
        self._root = root
        wanted = _targets(root)
        for element in root.iter() if wanted else ():
            name = element.get("id")
            if name in wanted and name not in self._originals and self._has_variables(element):
                self._originals[name] = self._copy(element)
        endless = [name for name in self._originals if self._contains_itself(name)]  # weight.py refuses them
        for name in endless:
            del self._originals[name]

    def own(self, use: Element) -> Element | None:
        """Let `use` refer to a new copy of its target, and return that; None if the target has no variables."""
        original = self._originals.get(target(use))
        if original is None:
            return None
        copy = self._copy(original)
        self._left -= sum(1 for _ in copy.iter())
        if self._left < 0:
            return None
        if self._copies is None:
            self._copies = Element(f"{SVG}defs")
            self._root.append(self._copies)
        copy.set("id", f"use-{len(self._copies)}-of-{target(use)}")
        self._copies.append(copy)
        for name in HREF:
            use.attrib.pop(name, None)
        use.set(HREF[0], f"#{copy.get('id')}")
        return copy

    def _contains_itself(self, name: str) -> bool:
        reached: set[str] = set()
        open_ = [name]
        while open_:
            new = (_targets(self._originals[open_.pop()]) & self._originals.keys()) - reached
            reached |= new
            open_ += new
        return name in reached

    def _has_variables(self, element: Element) -> bool:
        return any(
            any("var(" in value for value in part.attrib.values())
            or any("var(" in value for rule in self._sheets.matches.get(part, ()) for _, value, _ in rule)
            for part in element.iter()
        )

    def _copy(self, element: Element) -> Element:
        """A copy that the same rules match."""
        copy = deepcopy(element)
        for old, new in zip(element.iter(), copy.iter(), strict=True):
            if old in self._sheets.matches:
                self._sheets.matches[new] = self._sheets.matches[old]
        return copy


def _targets(root: Element) -> set[str]:
    """What the uses in an element refer to."""
    return {target(element) for element in root.iter() if element.tag in ("use", f"{SVG}use")}
