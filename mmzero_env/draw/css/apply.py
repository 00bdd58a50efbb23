"""One walk over a document: every element's styles are computed and written as attributes that CairoSVG understands."""

import math
import re
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element

from mmzero_env.draw.css import properties
from mmzero_env.draw.css.baselines import shift, shift_px
from mmzero_env.draw.css.cascade import KEYWORDS, MARKERS, Cascade, Page
from mmzero_env.draw.css.colours import colour
from mmzero_env.draw.css.instances import Instances
from mmzero_env.draw.css.lengths import Units, length_px
from mmzero_env.draw.css.moves import MOVING, OF_PAINTS, place, place_paint
from mmzero_env.draw.css.properties import (
    AXES,
    GEOMETRY,
    HAS_GEOMETRY,
    INITIAL,
    PLAIN,
    PROPERTIES,
    TEXT_ATTRIBUTES,
)
from mmzero_env.draw.css.stylesheet import SVG, Declaration

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
KEPT_WHITE_SPACE = ("pre", "pre-wrap", "break-spaces")
CASES = {"uppercase": str.upper, "lowercase": str.lower, "capitalize": str.title}
FUNCTION = re.compile(r"[a-z-]+\(", re.IGNORECASE)


@dataclass(frozen=True)
class _State:
    """What children inherit."""

    units: Units
    variables: dict[str, str] = field(default_factory=dict)
    current: frozenset[str] = frozenset()  # paints that are currentColor
    case: str = "none"


def apply_css(root: Element, window: tuple[float, float] | None = None) -> Page:
    """Compute the styles of a document and write them as attributes; `<style>` and `style` are gone afterwards.

    Args:
        window: width and height of the picture in px, for `vw` and its like; None if not known.
    """
    walk = _Walk(root, window)
    walk.visit(root, _State(Units(window=window)))
    if walk.cascade.sheets.animated:
        walk.page.note("CSS animations are not played: the picture shows the state without them")
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

    def visit(self, element: Element, parent: _State) -> None:
        attributes = element.attrib
        tag = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
        declared, variables = self.cascade.of(element, parent.variables)
        state = parent if variables is parent.variables else replace(parent, variables=variables)
        state = self._font(element, attributes, declared, state)
        self._attributes(tag, attributes, state)
        moves = self._properties(tag, attributes, declared, state)
        self.page.note(place(element, tag, moves, state.units))
        if tag in OF_PAINTS:
            place_paint(attributes, OF_PAINTS[tag], state.units)
        state = self._inherited(tag, attributes, parent, state)
        if tag in TEXT:
            _spell(element, attributes, state.case)
        if element is self.root:
            self._ground(declared)
            self.root_variables = state.variables
            state = replace(state, units=replace(state.units, root_font=state.units.font))
        if tag == "use" and state.variables != self.root_variables:
            copy = self.instances.own(element)
            if copy is not None:
                self.visit(copy, state)
        for child in list(element):
            self.visit(child, state)
        if tag in TEXT:
            self._baselines(element, state)

    def _font(self, element: Element, attributes: dict, declared: list[Declaration], state: _State) -> _State:
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
            if name not in ATTRIBUTES and name not in TEXT_ATTRIBUTES and name not in ("orient", "offset", "marker"):
                continue
            if PLAIN.match(text) or name == "font-size" or (tag == "svg" and name in ("width", "height")):
                continue
            if name == "d":
                continue  # a path as it is; the property writes path("...")
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
            elif name in GEOMETRY and tag in HAS_GEOMETRY[name]:
                if tag == "svg" and name in ("width", "height"):
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

    def _ids(self) -> set[str]:
        if not hasattr(self, "_all_ids"):
            self._all_ids = {element.get("id") for element in self.root.iter()}
        return self._all_ids

    # --- what children inherit ----------------------------------------------------------------------------------------

    def _inherited(self, tag: str, attributes: dict, parent: _State, state: _State) -> _State:
        view = state.units.view
        if tag in ("svg", "symbol", "pattern", "marker") or "viewBox" in attributes:
            view = _view(attributes, state.units)
        if view != state.units.view:
            state = replace(state, units=replace(state.units, view=view))
        current = set(parent.current)
        for name in ("fill", "stroke"):
            if name in attributes:
                (current.add if attributes[name] == "currentColor" else current.discard)(name)
            elif name in current and "color" in attributes:
                attributes[name] = "currentColor"  # inherited as the word, not as the colour of the parent
        if current != parent.current:
            state = replace(state, current=frozenset(current))
        case = attributes.pop("text-transform", None)
        if case is not None:
            state = replace(state, case=case)
        if tag == "marker" and "viewBox" not in attributes:
            # CairoSVG would scale what the marker draws to fill its box.
            sides = [attributes.get(name, "3").removesuffix("px") for name in ("markerWidth", "markerHeight")]
            if all(map(PLAIN.match, sides)):
                attributes["viewBox"] = f"0 0 {sides[0]} {sides[1]}"
        if attributes.pop("white-space", None) in KEPT_WHITE_SPACE:
            attributes[SPACE] = "preserve"
        return state

    def _baselines(self, text: Element, state: _State) -> None:
        """Superscripts and subscripts among the pieces of a text, from the last to the first: pieces may be added."""
        for index in reversed(range(len(text))):
            kind = text[index].attrib.pop("baseline-shift", None)
            if kind is not None:
                size = float(text[index].get("font-size", state.units.font))
                up = shift_px(kind, replace(state.units, font=size))
                if up:
                    shift(text, index, up)

    def _ground(self, declared: list[Declaration]) -> None:
        """The background of the root, which browsers paint over the whole picture."""
        for name, value, _ in declared:
            if name in ("background", "background-color") and value.lower() not in KEYWORDS:
                found = colour(value) or next(filter(None, map(colour, _words(value))), None)
                if found is None and value.lower() != "none":
                    self.page.note(f"{name}: {value[:60]} of the root is not drawn")
                elif found != "currentColor":
                    self.page.background = found


def _words(value: str) -> list[str]:
    """Parts between blanks outside brackets."""
    return re.findall(r"(?:[^\s(]|\([^)]*\))+", value)


def _view(attributes: dict, units: Units) -> tuple[float, float]:
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


def _spell(element: Element, attributes: dict, case: str) -> None:
    if case in CASES:
        element.text = CASES[case](element.text or "")
        for child in element:
            child.tail = CASES[case](child.tail or "")
