"""One walk over a document: every element's styles are computed and written as attributes that CairoSVG understands."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element

from mmzero_env.draw.svg.css import properties
from mmzero_env.draw.svg.css.background import ground
from mmzero_env.draw.svg.css.baselines import baselines
from mmzero_env.draw.svg.css.drawn import hidden, hide, settle
from mmzero_env.draw.svg.css.functions import Functions
from mmzero_env.draw.svg.css.geometry.arcs import without_arcs
from mmzero_env.draw.svg.css.geometry.clips import Clips
from mmzero_env.draw.svg.css.geometry.moves import MOVING, place
from mmzero_env.draw.svg.css.geometry.viewports import is_root, view_of
from mmzero_env.draw.svg.css.instances import Instances
from mmzero_env.draw.svg.css.properties import (
    AXES,
    GEOMETRY,
    HAS_GEOMETRY,
    INITIAL,
    NOT_DRAWN,
    PLAIN,
    PLAIN_OF,
    PROPERTIES,
    TEXT_ATTRIBUTES,
)
from mmzero_env.draw.svg.css.references import References
from mmzero_env.draw.svg.css.repairs import REGROUPING, SPECIAL, regrouped, repair, vertical
from mmzero_env.draw.svg.css.styles.cascade import KEYWORDS, MARKERS, Cascade, Page
from mmzero_env.draw.svg.css.styles.stylesheet import SVG, Declaration
from mmzero_env.draw.svg.css.values.lengths import Units

SPACE = "{http://www.w3.org/XML/1998/namespace}space"
TEXT = frozenset(("text", "tspan", "textPath", "tref"))
# Their lengths are parts of the box of whatever refers to them, unless they say otherwise.
BOX_UNITS = {
    "linearGradient": "gradientUnits",
    "radialGradient": "gradientUnits",
    "pattern": "patternUnits",
    "mask": "maskUnits",
    "filter": "filterUnits",
}
ATTRIBUTES = properties.ATTRIBUTES | PROPERTIES | GEOMETRY
LOOKED_AT = (ATTRIBUTES.keys() | TEXT_ATTRIBUTES.keys() | {"orient", "offset", "marker"}) - {"font-size", "d"}
VIEWS = frozenset(("svg", "symbol", "pattern", "marker"))
HANDED_DOWN = frozenset(("viewBox", "color", "fill", "stroke", "text-transform", "white-space"))
KEPT_WHITE_SPACE = ("pre", "pre-wrap", "break-spaces")
CASES = {"uppercase": str.upper, "lowercase": str.lower, "capitalize": str.title}
ANIMATIONS = frozenset(("animate", "animateTransform", "animateMotion", "set"))
NOT_PLAYED = "animations are not played: the picture shows the state without them"
SIDES = ("width", "height")
FUNCTION = re.compile(r"[a-z-]+\(", re.IGNORECASE)


@dataclass(frozen=True)
class _State:
    """What children inherit."""

    units: Units
    variables: dict[str, str] = field(default_factory=dict)
    current: frozenset[str] = frozenset()  # paints that are currentColor
    case: str = "none"
    painted: frozenset[str] = frozenset(("fill",))  # those of fill and stroke that are not none


def apply_css(root: Element, window: tuple[float, float] | None = None) -> Page:
    """Compute the styles of a document and write them as attributes; `<style>` and `style` are gone afterwards.

    Args:
        window: width and height of the picture in px, for `vw` and its like; None if not known.
    """
    references = References(root)
    walk = _Walk(root, window)
    walk.visit(root, _State(Units(window=window)))
    references.write()
    walk.clips.write()
    walk.functions.write()
    ground(root, walk.declared, window, walk.page)
    if walk.cascade.sheets.animated:
        walk.page.note(NOT_PLAYED)
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in ("style", f"{SVG}style")]:
            parent.remove(child)
    return walk.page


class _Walk:
    def __init__(self, root: Element, window: tuple[float, float] | None):
        self.root = root
        self.page = Page()
        self.cascade = Cascade(root, window, self.page)
        self.instances = Instances(root, self.cascade.sheets)
        self.clips = Clips(root, self.page)
        self.functions = Functions(root)
        self.has_markers = any(element.tag in ("marker", f"{SVG}marker") for element in root.iter())

    def visit(self, element: Element, parent: _State) -> _State:
        """Returns what its children inherit."""
        attributes = element.attrib
        tag = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
        declared, variables = self.cascade.of(element, parent.variables)
        state = parent if variables is parent.variables else replace(parent, variables=variables)
        if declared or "font-size" in attributes:
            state = self._font(attributes, declared, state)
        self._attributes(tag, attributes, state)
        moves = self._properties(tag, attributes, declared, state) if declared else {}
        if moves or "transform" in attributes or "transform-origin" in attributes:
            self.page.note(place(element, tag, moves, state.units))
        settle(element, tag)
        if tag in SPECIAL or "pathLength" in attributes:
            repair(element, tag, state.units)
        if tag in VIEWS or parent.current or not attributes.keys().isdisjoint(HANDED_DOWN):
            state = self._inherited(tag, attributes, parent, state)
        if tag in ANIMATIONS:
            self.page.note(NOT_PLAYED)
        if "clip-path" in attributes:
            self._clip(element, tag, state)
        if tag == "path" and self.has_markers and "d" in attributes:
            attributes["d"] = without_arcs(attributes["d"])
        if tag == "text" and "textLength" in attributes and len(element):
            self.page.note("textLength of a text of several pieces is not drawn")
        if tag == "text" and "writing-mode" in attributes:
            self.page.note(vertical(element))
        if tag in TEXT and state.case in CASES:
            _spell(element, CASES[state.case])
        if element is self.root:
            self.declared = declared
            self.root_variables = state.variables
            state = replace(state, units=replace(state.units, root_font=state.units.font))
        if tag == "use" and state.variables != self.root_variables:
            copy = self.instances.own(element)
            if copy is not None:
                self.visit(copy, state)
        for child in list(element):
            painted = self.visit(child, state).painted
            if hidden(child):
                hide(element, child)
            elif not child.attrib.keys().isdisjoint(REGROUPING):
                element[list(element).index(child)] = regrouped(child, painted)
        if tag in TEXT and len(element):
            baselines(element, state.units)
        return state

    def _font(self, attributes: dict, declared: list[Declaration], state: _State) -> _State:
        """With the font size of the element, which its other lengths may refer to."""
        texts = [attributes[name] for name in ("font-size",) if name in attributes]
        texts += [value for name, value, _ in declared if name == "font-size"]
        if not texts:
            return state
        size = state.units.font
        for text in texts:
            if "var(" in text.lower():
                text = self.cascade.replaced("font-size", text, state.variables)
            if text in KEYWORDS:
                size = 16.0 if text == "initial" else state.units.font
                continue
            found = properties.font_px(text, state.units)
            if found is None:
                self.page.note(f"font-size: {text[:40]!r} is not understood, {size:g} px is used")
            else:
                size = found
        attributes["font-size"] = format(size, ".10g")
        return replace(state, units=replace(state.units, font=size))

    # --- values -------------------------------------------------------------------------------------------------------

    def _attributes(self, tag: str, attributes: dict, state: _State) -> None:
        for name, text in list(attributes.items()):
            # A path is as it is: only the property writes path("...").
            if name in NOT_DRAWN:
                self._undrawn(name, text)
                continue
            plain = PLAIN_OF.get(name, PLAIN)
            if name not in LOOKED_AT or plain.match(text) or (name in SIDES and is_root(tag, state.units)):
                continue
            if "var(" in text.lower():
                text = self.cascade.replaced(name, text, state.variables)
                if text == "unset":
                    del attributes[name]
                    continue
            if name == "marker":
                for part in MARKERS:
                    attributes.setdefault(part, properties.PROPERTIES[part](text, state.units, None) or "none")
                del attributes[name]
            elif text != "inherit":
                self._write(attributes, name, self._canonical(tag, attributes, name, text, state), text)

    def _properties(self, tag: str, attributes: dict, declared: list[Declaration], state: _State) -> dict[str, str]:
        """Write the declarations as attributes. Returns those that move the element."""
        moves = {}
        for name, text, _ in declared:
            if name in MOVING:
                moves[name] = text
            elif name in NOT_DRAWN:
                self._undrawn(name, text)
            elif name in GEOMETRY and tag in HAS_GEOMETRY[name]:
                if name in SIDES and is_root(tag, state.units):
                    attributes[name] = text
                    continue
                found = self._canonical(tag, attributes, name, text, state)
                if found is not None:
                    attributes[name] = found
                elif text.lower() == "auto":
                    attributes.pop(name, None)
            elif name in PROPERTIES:
                if text.lower() in KEYWORDS:
                    self._keyword(attributes, name, text.lower())
                    continue
                found = self._canonical(tag, attributes, name, text, state)
                if found is None:
                    self._not_understood(name, text)
                else:
                    attributes[name] = found
        return moves

    def _keyword(self, attributes: dict, name: str, keyword: str) -> None:
        attributes.pop(name, None)
        if keyword == "inherit":
            attributes[name] = keyword
        elif keyword == "initial" and name in INITIAL:
            attributes[name] = INITIAL[name]

    def _canonical(self, tag: str, attributes: dict, name: str, text: str, state: _State) -> str | None:
        if name == "orient":
            return properties.ORIENT(text, state.units, None)
        if name == "filter" and FUNCTION.match(text) and not properties.URL.match(text):
            return self.functions.reference(text, state.units, attributes.get("color", "black"))
        if name == "offset":
            return properties.OFFSET(text, state.units, None) or "0"
        canonical = TEXT_ATTRIBUTES.get(name) if tag in TEXT else None
        canonical = canonical or ATTRIBUTES.get(name)
        if canonical is None:
            return text
        base = state.units.base(AXES.get(name, ""))
        if tag in BOX_UNITS and attributes.get(BOX_UNITS[tag]) != "userSpaceOnUse":
            base = 1.0
        found = canonical(text, state.units, base)
        if name in MARKERS and found not in (None, "none") and found[5:-1] not in self._ids():
            return "none"  # CairoSVG takes it for granted that a marker exists
        return found

    def _write(self, attributes: dict, name: str, found: str | None, text: str) -> None:
        if found is None:
            self._not_understood(name, text)
            del attributes[name]
        else:
            attributes[name] = found

    def _not_understood(self, name: str, text: str) -> None:
        """Typing errors are ignored as a browser does; what a browser would draw is said."""
        if FUNCTION.match(text) and not text.startswith("url("):
            self.page.note(f"{name}: {text[:60]} is not drawn")

    def _clip(self, element: Element, tag: str, state: _State) -> None:
        value = element.get("clip-path", "none")
        name = properties.URL.match(value)
        if name is not None or properties.SHAPE.search(value):
            self.clips.note(element, tag, state.units, name[1] if name else value)

    def _undrawn(self, name: str, text: str) -> None:
        if text.strip().lower() not in NOT_DRAWN[name]:
            self.page.note(f"{name}: {text[:60]} is not drawn")

    def _ids(self) -> set[str]:
        if not hasattr(self, "_all_ids"):
            self._all_ids = {element.get("id") for element in self.root.iter()}
        return self._all_ids

    # --- what children inherit ----------------------------------------------------------------------------------------

    def _inherited(self, tag: str, attributes: dict, parent: _State, state: _State) -> _State:
        view = state.units.view
        if tag in ("svg", "symbol", "pattern", "marker") or "viewBox" in attributes:
            view = view_of(attributes, state.units)
        if view != state.units.view:
            state = replace(state, units=replace(state.units, view=view))
        current, painted = set(parent.current), set(parent.painted)
        for name in ("fill", "stroke"):
            if name in attributes:
                (painted.discard if attributes[name] in ("none", "transparent") else painted.add)(name)
                (current.add if attributes[name] == "currentColor" else current.discard)(name)
            elif name in current and "color" in attributes:
                attributes[name] = "currentColor"  # inherited as the word, not as the colour of the parent
        if (current, painted) != (parent.current, parent.painted):
            state = replace(state, current=frozenset(current), painted=frozenset(painted))
        case = attributes.pop("text-transform", None)
        if case is not None:
            state = replace(state, case=case)
        if attributes.pop("white-space", None) in KEPT_WHITE_SPACE:
            attributes[SPACE] = "preserve"
        return state


def _spell(element: Element, case: Callable[[str], str]) -> None:
    element.text = case(element.text or "")
    for child in element:
        child.tail = case(child.tail or "")
