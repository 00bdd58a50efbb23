"""Style sheets and `style` attributes: which declarations an element has, in the order of the cascade."""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import cssselect2
import tinycss2

SVG = "{http://www.w3.org/2000/svg}"
SHOWN_ON = re.compile(r"(?:only\s+)?(?:all|screen)\Z")
SIDE = re.compile(r"\(\s*(min|max)-(width|height)\s*:\s*([\d.]+)px\s*\)\Z")
FLAT_RULES = ("layer", "supports", "media")

# name, value, whether it is !important
Declaration = tuple[str, str, bool]


def declarations(css) -> list[Declaration]:
    """The declarations of a block or of a `style` attribute; what is not well-formed is left out.

    >>> declarations("Fill: RED; --Main:1px ; stroke: blue!important; nonsense")
    [('fill', 'RED', False), ('--Main', '1px', False), ('stroke', 'blue', True)]
    """
    found = []
    for node in tinycss2.parse_blocks_contents(css, skip_comments=True, skip_whitespace=True):
        if node.type == "declaration":
            name = node.name if node.name.startswith("--") else node.lower_name
            found.append((name, _plain(node.value), node.important))
    return found


class StyleSheets:
    """All `<style>` elements of a document. `matches`: element -> its rules' declarations, weakest first."""

    def __init__(self, root: Element, window: tuple[float, float] | None):
        self.matches: dict[Element, list[list[Declaration]]] = {}
        self.animated = False
        self._window = window
        matcher = cssselect2.Matcher()
        elements = [element for element in root.iter() if element.tag in ("style", f"{SVG}style")]
        for element in elements:
            if element.get("type", "text/css").strip().lower() in ("text/css", "") and self._applies(
                element.get("media", "")
            ):
                for rule in self._rules(tinycss2.parse_stylesheet("".join(element.itertext()), True, True), 0):
                    _add(matcher, rule)
        if matcher.order:
            for wrapper in cssselect2.ElementWrapper.from_xml_root(root).iter_subtree():
                found = matcher.match(wrapper)
                if found:
                    self.matches[wrapper.etree_element] = [payload for *_, payload in found]

    def _rules(self, rules, depth: int) -> Iterator:
        for rule in rules:
            if rule.type == "qualified-rule":
                yield rule
            elif rule.type == "at-rule":
                keyword = rule.lower_at_keyword
                self.animated |= keyword.endswith("keyframes")
                condition = _plain(rule.prelude)
                applies = keyword == "layer" or (keyword == "supports" and not condition.lower().startswith("not"))
                if keyword == "media":
                    applies = self._applies(condition)
                if applies and rule.content is not None and depth < 8:
                    yield from self._rules(tinycss2.parse_rule_list(rule.content, True, True), depth + 1)

    def _applies(self, media: str) -> bool:
        """A list of media queries, for a screen of the picture's size with a light theme."""
        queries = [query.strip().lower() for query in media.split(",")]
        return queries == [""] or any(
            all(self._holds(part.strip()) for part in re.split(r"\band\b", query)) for query in queries
        )

    def _holds(self, feature: str) -> bool:
        if SHOWN_ON.match(feature) or re.fullmatch(r"\(\s*prefers-color-scheme\s*:\s*light\s*\)", feature):
            return True
        match = SIDE.match(feature)
        if match is None or self._window is None:
            return False
        side = self._window[0 if match[2] == "width" else 1]
        return side >= float(match[3]) if match[1] == "min" else side <= float(match[3])


def _add(matcher: cssselect2.Matcher, rule) -> None:
    found = declarations(rule.content)
    try:
        selectors = cssselect2.compile_selector_list(rule.prelude)
    except cssselect2.SelectorError:
        return  # a rule with a selector that is not known does not apply
    for selector in selectors:
        if found and selector.pseudo_element is None and not selector.never_matches:
            matcher.add_selector(selector, found)


def _plain(tokens) -> str:
    """Without comments."""
    return "".join(token.serialize() for token in tokens if token.type != "comment").strip()
