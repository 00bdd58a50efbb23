"""Which elements of a document are drawn: what CairoSVG takes for a group, or fails on, is put out of its way.

As in browsers, an element that SVG does not know draws nothing, nor does what it contains (`<flowRoot>`, `<layer>`,
`<Rect>`), nor does a text or shape in a shape or text; definitions in it can still be referred to. A note says so,
where it is not of another program's namespace. Conditions (`requiredFeatures`, which SVG 2 dropped, and
`systemLanguage` for readers of English) hold as in browsers; a viewBox that is none is none.
"""

from xml.etree.ElementTree import Element

from mmzero_env.draw.svg.checks import LEFT_OUT
from mmzero_env.draw.svg.css.geometry.viewports import read_view_box

SVG = "{http://www.w3.org/2000/svg}"
TEXT_PIECES = ("tspan", "textPath", "tref")
TEXT_TAGS = ("text", *TEXT_PIECES)
SHOWN_TEXT = 60
LANGUAGE = "en"
MOST_NOTES = 20
# https://www.w3.org/TR/SVG11/eltindex.html, without `a`, the pieces of a text and what checks.py refuses.
NAMES = frozenset(
    """
animate animateColor animateMotion animateTransform circle clipPath cursor defs desc discard ellipse feBlend
feColorMatrix feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight
feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode feMorphology feOffset
fePointLight feSpecularLighting feSpotLight feTile feTurbulence filter font font-face g glyph line linearGradient marker
mask metadata missing-glyph mpath path pattern polygon polyline radialGradient rect set stop style svg switch symbol
text title use view
""".split()  # noqa: SIM905
)
SHAPES = frozenset(SVG + name for name in ("rect", "circle", "ellipse", "line", "path", "polygon", "polyline"))
DRAWN = SHAPES | {SVG + name for name in ("text", "g", "use", "svg", "switch")}
# They hold no shapes and no other texts.
CLOSED = SHAPES | {SVG + name for name in TEXT_TAGS}
KNOWN = NAMES | {SVG + name for name in NAMES}


def settle(root: Element, notes: list[str]) -> None:
    """Rewrite a document that has been read to what is drawn of it; adds to `notes`."""
    unseen: set[Element] = set()  # in something that is not drawn and has been noted
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag not in KNOWN:
                note = _settle(parent, child)
                if note and parent not in unseen and len(notes) < MOST_NOTES:
                    notes.append(note)
                    unseen.update(child.iter())
            elif parent.tag in CLOSED and child.tag in DRAWN:
                shape, tag = (element.tag.rpartition("}")[2] for element in (parent, child))
                if parent not in unseen and len(notes) < MOST_NOTES:
                    notes.append(f"<{tag}> in <{shape}> is not drawn: {_words(child)!r}")
                if parent.tag in SHAPES:
                    child.tag = f"{SVG}defs"
                else:
                    cut(parent, child)
            _hold(child.attrib)
            if "viewBox" in child.attrib:
                note = _view(child)
                if note and len(notes) < MOST_NOTES:
                    notes.append(note)


def _settle(parent: Element, child: Element) -> str | None:
    """Rewrite one child that is none of KNOWN. Returns a note on what is lost, or None."""
    namespace, _, tag = child.tag.rpartition("}")
    in_text = parent.tag.rpartition("}")[2] in TEXT_TAGS
    words = _words(child)
    if tag.lower() == LEFT_OUT:
        cut(parent, child)  # checks.py has noted it
    elif tag == "a":
        child.tag = SVG + ("tspan" if in_text else "g")
    elif tag in TEXT_PIECES:
        if not in_text:
            cut(parent, child)  # as browsers do; CairoSVG fails on it
            return f"<{tag}> outside <text> is not drawn: {words!r}"
    else:
        if in_text:
            cut(parent, child)
        else:
            child.tag = f"{SVG}defs"
        if namespace in ("", SVG[:-1]) and (words or child.attrib or len(child)):
            return f"<{tag[:40]}> is no element of SVG and not drawn" + (f": {words!r}" if words else "")
    return None


def _view(element: Element) -> str | None:
    """A viewBox as browsers take it: one that is not valid is none, one without an area lets nothing be drawn."""
    text = element.attrib.pop("viewBox")
    view = read_view_box(text)
    if view is None:
        return f"viewBox {text[:60]!r} is not four numbers: ignored" if text.strip() else None
    if min(view[2:]) > 0:
        element.set("viewBox", text.replace("px", ""))
    else:
        unseen = Element(f"{SVG}defs")  # what is defined in it can still be referred to
        unseen.extend(element)
        element[:] = [unseen]
    return None


def _words(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())[:SHOWN_TEXT]


def cut(parent: Element, child: Element) -> None:
    """Take a child away and leave the text behind it."""
    place = list(parent).index(child)
    if place:
        before = parent[place - 1]
        before.tail = (before.tail or "") + (child.tail or "")
    else:
        parent.text = (parent.text or "") + (child.tail or "")
    parent.remove(child)


def _hold(attributes: dict[str, str]) -> None:
    if not attributes.get("preserveAspectRatio", "none").strip():
        del attributes["preserveAspectRatio"]
    attributes.pop("requiredFeatures", None)
    languages = attributes.get("systemLanguage", "").split(",")
    if any(language.strip().lower().startswith(LANGUAGE) for language in languages):
        del attributes["systemLanguage"]
