"""Style sheets and `style` attributes: which declarations an element has, in the order of the cascade."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import cssselect2
import tinycss2

from mmzero_env.draw.svg.css.styles.media import applies
from mmzero_env.draw.svg.css.values.calc import split

SVG = "{http://www.w3.org/2000/svg}"
DEEPEST = 8  # of rules within rules

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
        matchers: dict[str, cssselect2.Matcher] = {}  # by layer, weakest first
        elements = [element for element in root.iter() if element.tag in ("style", f"{SVG}style")]
        for element in elements:
            if element.get("type", "text/css").strip().lower() in ("text/css", "") and applies(
                element.get("media", ""), window
            ):
                for layer, selectors, found in self._rules(
                    tinycss2.parse_stylesheet("".join(element.itertext()), True, True), "", None, 0
                ):
                    _add(matchers.setdefault(layer, cssselect2.Matcher()), selectors, found)
        if matchers:
            matchers[""] = matchers.pop("", cssselect2.Matcher())  # what is in no layer is the strongest
            for wrapper in cssselect2.ElementWrapper.from_xml_root(root).iter_subtree():
                found = [payload for matcher in matchers.values() for *_, payload in matcher.match(wrapper)]
                if found:
                    self.matches[wrapper.etree_element] = found

    def _rules(self, rules, layer: str, around: str | None, depth: int) -> Iterator[tuple[str, str, list[Declaration]]]:
        """Rules that apply: the name of their layer, selectors, declarations. `around`: the selectors of the rule that
        they stand in."""
        for rule in rules:
            if rule.type == "qualified-rule":
                selectors = _within(_plain(rule.prelude), around)
                yield layer, selectors, declarations(rule.content)
                if depth < DEEPEST and any(token.type in ("{} block", "at-keyword") for token in rule.content):
                    yield from self._rules(_inner(rule.content), layer, selectors, depth + 1)
            elif rule.type == "at-rule":
                keyword = rule.lower_at_keyword
                self.animated |= keyword.endswith("keyframes")
                condition = _plain(rule.prelude)
                holds = keyword == "layer" or (keyword == "supports" and not condition.lower().startswith("not"))
                if keyword == "media":
                    holds = applies(condition, self._window)
                if keyword == "layer" and rule.content is None:  # the order of layers, before their rules
                    yield from ((f"{layer}.{name.strip()}", "", []) for name in condition.split(","))
                if holds and rule.content is not None and depth < DEEPEST:
                    inner = f"{layer}.{condition}" if keyword == "layer" else layer
                    if around is not None:
                        yield inner, around, declarations(rule.content)
                    yield from self._rules(_inner(rule.content), inner, around, depth + 1)


def _inner(content):
    """The rules in a block, which may hold declarations too."""
    return tinycss2.parse_blocks_contents(content, True, True)


def _within(selectors: str, around: str | None) -> str:
    """The selectors of a rule inside another one (https://www.w3.org/TR/css-nesting-1/).

    >>> _within(".b, &:hover", ".a"), _within("> text", "g, svg"), _within("rect", None)
    (':is(.a) .b,:is(.a):hover', ':is(g, svg) > text', 'rect')
    """
    if around is None:
        return selectors.replace("&", ":root")
    parts = [tinycss2.serialize(part).strip() for part in split(tinycss2.parse_component_value_list(selectors), ",")]
    outer = f":is({around})"
    return ",".join(part.replace("&", outer) if "&" in part else f"{outer} {part}" for part in parts)


def _add(matcher: cssselect2.Matcher, selectors: str, found: list[Declaration]) -> None:
    if not found:
        return
    try:
        compiled = cssselect2.compile_selector_list(selectors)
    except cssselect2.SelectorError:
        return  # a rule with a selector that is not known does not apply
    for selector in compiled:
        if selector.pseudo_element is None and not selector.never_matches:
            matcher.add_selector(selector, found)


def _plain(tokens) -> str:
    """Without comments."""
    return "".join(token.serialize() for token in tokens if token.type != "comment").strip()
