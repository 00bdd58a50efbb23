"""What is declared for an element, weakest first, with shorthands written out and variables replaced."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from mmzero_env.draw.svg.css.properties import font_parts
from mmzero_env.draw.svg.css.styles.stylesheet import Declaration, StyleSheets, declarations
from mmzero_env.draw.svg.css.styles.variables import Invalid, Substitution

MARKERS = ("marker-start", "marker-mid", "marker-end")
KEYWORDS = frozenset(("inherit", "initial", "unset", "revert", "revert-layer"))
MOST_NOTES = 10


@dataclass
class Page:
    """What was found out about a document. `notes`: one line each, what could not be drawn as asked for. `background`:
    a colour for the whole picture."""

    notes: list[str] = field(default_factory=list)
    background: str | None = None

    def note(self, line: str | None) -> None:
        if line and line not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(line)


class Cascade:
    """The style sheets of a document and its variables."""

    def __init__(self, root: Element, window: tuple[float, float] | None, page: Page):
        self.page = page
        self.sheets = StyleSheets(root, window)
        self._substitution = Substitution()

    def of(self, element: Element, inherited: Mapping[str, str]) -> tuple[list[Declaration], Mapping[str, str]]:
        """Declarations, and the values of all variables; takes the `style` attribute away."""
        style = element.attrib.pop("style", None)
        rules = self.sheets.matches.get(element)
        if not rules and not style:
            return [], inherited
        found = [declaration for rule in rules or () for declaration in rule]
        if style:
            found += declarations(style)
        found.sort(key=lambda declaration: declaration[2])  # !important last; otherwise in order
        own = {name: value for name, value, _ in found if name.startswith("--")}
        variables = self._substitution.resolve(own, inherited) if own else inherited
        return self._written_out(found, variables), variables

    def replaced(self, name: str, value: str, variables: Mapping[str, str]) -> str:
        """A value with its variables; `unset` where one is missing, as for every declaration that turns out invalid."""
        try:
            return self._substitution.replace(value, variables)
        except Invalid as problem:
            self.page.note(f"{name}: {value[:60]} has no value ({problem})")
            return "unset"

    def _written_out(self, declared: list[Declaration], variables: Mapping[str, str]) -> list[Declaration]:
        found = []
        for name, value, important in declared:
            if name.startswith("--"):
                continue
            if "var(" in value.lower():
                value = self.replaced(name, value, variables)
            if name == "font" and value not in KEYWORDS:
                found += [(part, text, important) for part, text in (font_parts(value) or {}).items()]
            elif name == "text-decoration-line":
                found.append(("text-decoration", value, important))
            elif name == "marker":
                found += [(part, value, important) for part in MARKERS]
            else:
                found.append((name, value, important))
        return found
