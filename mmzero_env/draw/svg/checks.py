"""What an SVG must not contain, found in one pass of expat before anything is rendered.

Refused: entities and a DOCTYPE that declares something; references other than `#id` (`href`, `url()`), `<image>`,
`@import`, `<script>` and their like; more elements or deeper nesting than the limits.

Left out of the drawing with a note, because nothing is fetched and the rest still draws: `<foreignObject>` (what it
contains is checked all the same), the target of an `<a href>`, and `@import` and `@font-face` of fonts, where they name
a public web address (`https://` or `http://` and a host name; `@font-face` also `data:`). A path, an address by number,
a port or another scheme is refused there too: only code that probes its surroundings has those. A DOCTYPE that declares
nothing is ignored.
"""

import re
from collections.abc import Callable
from xml.parsers import expat

from mmzero_env.config import RenderConfig
from mmzero_env.draw.errors import Refused
from mmzero_env.results import RenderStatus

FORBIDDEN_TAGS = frozenset(
    ("image", "feimage", "script", "iframe", "object", "embed", "audio", "video", "canvas", "handler")
)
LEFT_OUT = "foreignobject"
URL = re.compile(r"url\s*\(\s*(?:\"\s*#[^\"]*\"|'\s*#[^']*'|#[^\"'()]*)\s*\)", re.IGNORECASE)
ANY_URL = re.compile(r"(?:url|src|image|image-set)\s*\(", re.IGNORECASE)
WEB = re.compile(r"(?:https?:)?//(?:[a-z0-9-]+\.)+[a-z]{2,}(?:[/?#]|\Z)", re.IGNORECASE)
LINK = re.compile(rf"{WEB.pattern}|mailto:", re.IGNORECASE)
FONT_SOURCE = re.compile(rf"{WEB.pattern}|data:", re.IGNORECASE)
IMPORT = re.compile(r"@import\s*(?:url\s*\(\s*)?[\"']?\s*([^\"')\s;]*)[^;]*(?:;|\Z)", re.IGNORECASE)
FONT_FACE = re.compile(r"@font-face\s*\{([^{}]*)\}", re.IGNORECASE)
SOURCE = re.compile(r"url\s*\(\s*[\"']?\s*([^\"')\s]*)", re.IGNORECASE)
SHOWN_TEXT = 60


class _Checker:
    def __init__(self, config: RenderConfig):
        self.config = config
        self.depth = self.count = 0
        self.in_style = 0
        self.css: list[str] = []
        self.left_out = 0  # how many elements that are left out are open
        self.words: list[str] = []
        self.notes: list[str] = []

    def start(self, name: str, attributes: list[str]) -> None:
        tag = name.rpartition(" ")[2]
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
        for key, value in zip(attributes[::2], attributes[1::2], strict=True):
            if key == "style":
                self.notes += check_css(value)
            elif key == "href" or key.endswith(" href"):
                self._reference(tag, value.strip())
            elif "(" in value:
                check_urls(value)
        if tag == "style":
            self.in_style += 1
        self.left_out += tag.lower() == LEFT_OUT

    def end(self, name: str) -> None:
        self.depth -= 1
        tag = name.rpartition(" ")[2]
        if tag == "style":
            self.in_style -= 1
            self.notes += check_css("".join(self.css))
            self.css.clear()
        elif tag.lower() == LEFT_OUT:
            self.left_out -= 1
            words = " ".join("".join(self.words).split())
            self.words.clear()
            self.notes.append(f"<{tag}> is not drawn" + (f": {words[:SHOWN_TEXT]!r}" if words else ""))

    def text(self, data: str) -> None:
        if self.in_style:
            self.css.append(data)
        elif self.left_out:
            self.words.append(data)

    def _reference(self, tag: str, target: str) -> None:
        if target.startswith("#"):
            return
        if tag == "a" and LINK.match(target):
            self.notes.append(f"<a href> is left out: {target[:SHOWN_TEXT]!r}")
        else:
            raise Refused(RenderStatus.FORBIDDEN, f"<{tag} href> may only be #id, got {target[:SHOWN_TEXT]!r}")


def check_svg(code: str, config: RenderConfig) -> list[str]:
    """One line for each thing that is left out of the drawing.

    Raises:
        Refused: the first thing that is not allowed, or where the XML is not well-formed.
    """
    checker = _Checker(config)
    parser = expat.ParserCreate("utf-8", " ")
    parser.ordered_attributes = True
    parser.buffer_text = True
    parser.StartElementHandler = checker.start
    parser.EndElementHandler = checker.end
    parser.CharacterDataHandler = checker.text
    parser.StartDoctypeDeclHandler = _doctype
    parser.EntityDeclHandler = _refuse("entities are not allowed")
    parser.ExternalEntityRefHandler = _refuse("entities are not allowed")
    parser.SkippedEntityHandler = _undefined
    parser.ProcessingInstructionHandler = _refuse("processing instructions are not allowed")
    try:
        parser.Parse(code.encode("utf-8"), True)
    except expat.ExpatError as error:
        raise Refused(RenderStatus.SYNTAX_ERROR, f"not well-formed XML: {error}") from None
    return checker.notes


def check_css(css: str) -> list[str]:
    """Notes on what is left out. Raises Refused for rules and values that would fetch something."""
    if "\\" in css:
        raise Refused(RenderStatus.FORBIDDEN, "backslash escapes in CSS are not allowed")
    notes: list[str] = []
    plain = re.sub(r"/\*.*?(\*/|$)", "", css, flags=re.DOTALL)
    if "@" in plain:
        plain = IMPORT.sub(lambda match: _left_out("@import", [match[1]], WEB, notes), plain)
        plain = FONT_FACE.sub(
            lambda match: _left_out("@font-face", SOURCE.findall(match[1]), FONT_SOURCE, notes), plain
        )
        if "@import" in plain.lower() or "@font-face" in plain.lower():
            raise Refused(RenderStatus.FORBIDDEN, "@import and @font-face are not allowed")
    check_urls(plain)
    return notes


def check_urls(value: str) -> None:
    """Raises Refused for url(...) other than url(#id)."""
    if ANY_URL.search(URL.sub("", value)):
        raise Refused(RenderStatus.FORBIDDEN, f"url() may only be url(#id), got {value.strip()[:SHOWN_TEXT]!r}")


def _left_out(rule: str, targets: list[str], allowed: re.Pattern, notes: list[str]) -> str:
    for target in targets:
        if not allowed.match(target):
            raise Refused(RenderStatus.FORBIDDEN, f"{rule} is not allowed: {target[:SHOWN_TEXT]!r}")
    notes.append(f"{rule} is left out" + (f": {targets[0][:SHOWN_TEXT]!r}" if targets else ""))
    return ""


def _doctype(name: str, system: str | None, public: str | None, declares: int) -> None:
    if declares:
        raise Refused(RenderStatus.FORBIDDEN, "a DOCTYPE that declares something is not allowed")


def _undefined(name: str, is_parameter: int) -> None:
    raise Refused(RenderStatus.SYNTAX_ERROR, f"not well-formed XML: undefined entity {name[:40]!r}")


def _refuse(message: str) -> Callable:
    def handler(*_):
        raise Refused(RenderStatus.FORBIDDEN, message)

    return handler
