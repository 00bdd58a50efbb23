"""What an SVG must not contain, found in one pass of expat before anything is rendered.

Refused: DOCTYPE and entities; references other than `#id` (`href`, `url()`), `<image>`, `@import`, `<script>`,
`<foreignObject>` and their like; more elements or deeper nesting than the limits, where a reference counts as much as
what it draws, and a marker as often as its lines repeat it, so that a short document that draws millions of elements is
refused at once instead of ending at the CPU limit.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

from mmzero_env.config import RenderConfig
from mmzero_env.draw.errors import Refused
from mmzero_env.results import RenderStatus

FORBIDDEN_TAGS = frozenset(
    ("image", "feimage", "script", "foreignobject", "iframe", "object", "embed", "audio", "video", "canvas", "handler")
)
REFERRING_TAGS = ("use", "tref")
# Elements drawn through references, as a multiple of max_elements: a gradient shared by every bar of a chart is normal.
EXPANSION = 4
MAX_CHAIN = 250
NUMBER = re.compile(r"\d+\.?\d*|\.\d+")
MARKER_RULES = re.compile(r"(marker[-a-z]*)\s*:([^;}]*)")
ONCE_PER_SHAPE = ("marker-start", "marker-end")  # the others are drawn at every point
TARGETS = re.compile(r"url\s*\(\s*[\"']?\s*#([^\"'()]*?)\s*[\"']?\s*\)", re.IGNORECASE)
URL = re.compile(r"url\s*\(\s*(?:\"\s*#[^\"]*\"|'\s*#[^']*'|#[^\"'()]*)\s*\)", re.IGNORECASE)
ANY_URL = re.compile(r"(?:url|src|image|image-set)\s*\(", re.IGNORECASE)


@dataclass
class _Element:
    """`shapes` and `points`: how many lines and (at most) vertices it and its children have. `weight`: how many
    elements it draws, itself included; computed once per element."""

    id: str | None
    parent: "_Element | None"
    refers_to: list[str] = field(default_factory=list)
    markers: list[tuple[str, str]] = field(default_factory=list)  # property, id
    shapes: int = 0
    points: int = 0
    children: list["_Element"] = field(default_factory=list)
    weight: int | None = None
    open: bool = False


class _Checker:
    def __init__(self, config: RenderConfig):
        self.config = config
        self.root: _Element | None = None
        self.here: _Element | None = None
        self.by_id: dict[str, _Element] = {}
        self.depth = self.count = 0
        self.in_style = 0
        self.css: list[str] = []

    def start(self, name: str, attributes: list[str]) -> None:
        tag = _local(name)
        self.count += 1
        self.depth += 1
        if self.count == 1 and tag != "svg":
            raise Refused(RenderStatus.SYNTAX_ERROR, f"the root element is <{tag[:40]}>, not <svg>")
        if self.depth > self.config.max_depth:
            raise Refused(RenderStatus.TOO_LARGE, f"nested deeper than render.max_depth={self.config.max_depth}")
        if self.count > self.config.max_elements:
            raise Refused(RenderStatus.TOO_LARGE, f"more elements than render.max_elements={self.config.max_elements}")
        if tag.lower() in FORBIDDEN_TAGS:
            raise Refused(RenderStatus.FORBIDDEN, f"<{tag}> is not allowed")
        element = _Element(None, self.here)
        if tag == "line":
            element.shapes, element.points = 1, 2
        for key, value in zip(attributes[::2], attributes[1::2], strict=True):
            self._attribute(element, tag, _local(key), value)
        if self.here is not None:
            self.here.children.append(element)
        else:
            self.root = element
        self.here = element
        if tag == "style":
            self.in_style += 1

    def end(self, name: str) -> None:
        self.depth -= 1
        ended, self.here = self.here, self.here.parent
        if self.here is not None:
            self.here.shapes += ended.shapes
            self.here.points += ended.points
        if _local(name) == "style":
            self.in_style -= 1
            css = "".join(self.css)
            check_css(css)
            self.root.markers += _markers(css)
            self.css.clear()

    def text(self, data: str) -> None:
        if self.in_style:
            self.css.append(data)

    def _attribute(self, element: _Element, tag: str, key: str, value: str) -> None:
        if key in ("d", "points"):
            element.shapes += 1
            element.points += len(NUMBER.findall(value))
        elif key == "id":
            element.id = value
            self.by_id.setdefault(value, element)
        elif key == "href":
            if not value.strip().startswith("#"):
                raise Refused(RenderStatus.FORBIDDEN, f"<{tag} href> may only be #id, got {value.strip()[:60]!r}")
            if tag in REFERRING_TAGS:
                element.refers_to.append(value.strip()[1:])
        elif key == "style":
            check_css(value)
            element.refers_to += TARGETS.findall(value)
            element.markers += _markers(value)
        elif "(" in value:
            check_urls(value)
            element.refers_to += TARGETS.findall(value)
            if key.startswith("marker"):
                element.markers += [(key, name) for name in TARGETS.findall(value)]


def check_svg(code: str, config: RenderConfig) -> None:
    """Raises Refused with the first thing that is not allowed, or where the XML is not well-formed."""
    checker = _Checker(config)
    parser = expat.ParserCreate("utf-8", " ")
    parser.ordered_attributes = True
    parser.buffer_text = True
    parser.StartElementHandler = checker.start
    parser.EndElementHandler = checker.end
    parser.CharacterDataHandler = checker.text
    parser.StartDoctypeDeclHandler = _refuse("DOCTYPE is not allowed")
    parser.EntityDeclHandler = _refuse("entities are not allowed")
    parser.ExternalEntityRefHandler = _refuse("entities are not allowed")
    parser.ProcessingInstructionHandler = _refuse("processing instructions are not allowed")
    try:
        parser.Parse(code.encode("utf-8"), True)
    except expat.ExpatError as error:
        raise Refused(RenderStatus.SYNTAX_ERROR, f"not well-formed XML: {error}") from None
    limit = EXPANSION * config.max_elements
    if _weight(checker.root, checker.by_id, limit, 0) > limit:
        raise Refused(
            RenderStatus.TOO_LARGE,
            f"references draw more than {EXPANSION} times render.max_elements={config.max_elements}",
        )


def check_css(css: str) -> None:
    """Raises Refused for rules and values that would fetch something."""
    if "\\" in css:
        raise Refused(RenderStatus.FORBIDDEN, "backslash escapes in CSS are not allowed")
    plain = re.sub(r"/\*.*?(\*/|$)", "", css, flags=re.DOTALL)
    if "@import" in plain.lower() or "@font-face" in plain.lower():
        raise Refused(RenderStatus.FORBIDDEN, "@import and @font-face are not allowed")
    check_urls(plain)


def check_urls(value: str) -> None:
    """Raises Refused for url(...) other than url(#id)."""
    if ANY_URL.search(URL.sub("", value)):
        raise Refused(RenderStatus.FORBIDDEN, f"url() may only be url(#id), got {value.strip()[:60]!r}")


def _weight(element: _Element, by_id: dict[str, _Element], limit: int, depth: int) -> int:
    """Elements drawn by `element`, references followed; stops counting above `limit`.

    Raises Refused for a reference that contains itself, and for chains that the renderer's recursion cannot follow.
    """
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


def _markers(css: str) -> list[tuple[str, str]]:
    return [(key, name) for key, value in MARKER_RULES.findall(css) for name in TARGETS.findall(value)]


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _refuse(message: str) -> Callable:
    def handler(*_):
        raise Refused(RenderStatus.FORBIDDEN, message)

    return handler
