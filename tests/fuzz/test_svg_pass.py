"""Any text where a style, an attribute or a document is expected: no exception but the documented one, in bounded time.

`FUZZ_SECONDS=900 python -m pytest tests/fuzz` searches longer than the few seconds of an ordinary run.
"""

import contextlib
import os
import time
import traceback
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmzero_env.config import RenderConfig
from mmzero_env.draw.errors import Refused
from mmzero_env.draw.svg.css import apply_css
from mmzero_env.draw.svg.css.properties import GEOMETRY, PROPERTIES, TEXT_ATTRIBUTES
from mmzero_env.draw.svg.effects.steps import STEPS
from mmzero_env.draw.svg.renderer import SvgRenderer

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
# Generous for a machine that does other things too; the longest inputs here take a tenth of it.
LIMIT_S = 30.0
WORDS = (
    "var(--a)",
    "var(--b, ",
    "calc(",
    "min(1px, 2em",
    "url(#g)",
    "hsl(120 100% 25% / 50%)",
    "rgb(1,2,3",
    "color-mix(in srgb, red, blue)",
    "rotate(45deg)",
    "translate(10%, 1e400px)",
    "matrix(1 0 0 1 0 0)",
    "none",
    "inherit",
    "currentColor",
    "--a: var(--b); --b: var(--a)",
    "!important",
    "12px",
    "-1.5rem",
    "50%",
    "1e999",
    "nan",
    "0.25turn",
    "bold 12px/1 serif",
    "path('M0 0')",
    "auto",
    "round(up, 7px, 2px)",
    "calc(9px * cos(60deg))",
    "atan2(1px, 2px)",
    "polygon(0 0, 50% 50%, 9px 1e9px)",
    "circle(5px at center)",
    "inset(1px 2px round 3px)",
    "linear-gradient(to top left, red, blue 40%, #0f08)",
    "radial-gradient(circle, red, blue)",
    "oklch(from red calc(l - .2) c h)",
    "color-mix(in oklch, red 20%, blue)",
    "M0 0A5 5 0 0 1 9 9a1 2 30 10 5 5z",
    "vertical-rl",
    "stroke fill",
    "underline overline",
    "multiply",
    "url(#f)",
    "drop-shadow(1px 2px 3px",
    "blur(2em)",
    "SourceAlpha",
    "objectBoundingBox",
    "userSpaceOnUse",
)
NAMES = (*PROPERTIES, *GEOMETRY, *TEXT_ATTRIBUTES, "transform", "transform-origin", "translate", "font", "marker")
NAMES += ("--a", "--b", "offset", "orient", "viewBox", "points", "pathLength", "gradientTransform", "transform-box")
NAMES += ("background", "textLength", "lengthAdjust", "clipPathUnits", "word-spacing", "markerUnits")
TAGS = (
    "rect",
    "circle",
    "ellipse",
    "line",
    "path",
    "polygon",
    "text",
    "tspan",
    "g",
    "use",
    "marker",
    "mask",
    "pattern",
)
TAGS += ("linearGradient", "stop", "symbol", "svg", "clipPath", "filter", "a", "defs", "textPath", "foreignObject")
STEP_TAGS = (*STEPS, "feImage", "feMergeNode", "feFuncR", "feFuncA", "fePointLight", "feSpotLight", "feDistantLight")
STEP_NAMES = ("in", "in2", "result", "x", "y", "width", "height", "dx", "dy", "stdDeviation", "radius", "scale", "type")
STEP_NAMES += (
    "operator",
    "k1",
    "k4",
    "mode",
    "values",
    "tableValues",
    "exponent",
    "baseFrequency",
    "numOctaves",
    "seed",
)
STEP_NAMES += ("order", "kernelMatrix", "divisor", "bias", "targetX", "edgeMode", "preserveAlpha")
STEP_NAMES += ("surfaceScale", "specularExponent", "elevation", "z", "flood-color", "flood-opacity", "lighting-color")
FILTER_NAMES = ("x", "y", "width", "height", "filterUnits", "primitiveUnits", "color-interpolation-filters")
NUMBERS = ("opacity", "fill-opacity", "stroke-opacity", "stop-opacity", "stroke-miterlimit", "font-size")
value = st.one_of(
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=6)), max_size=5).map(" ".join),
    st.text(alphabet="().,%-+*/ 019aeprtx#;:{}", max_size=40),
    st.floats().map(str),
)
attributes = st.dictionaries(st.sampled_from(NAMES), value, max_size=5)
style = st.lists(st.tuples(st.sampled_from(NAMES), value), max_size=5).map(
    lambda pairs: ";".join(f"{name}:{text}" for name, text in pairs)
)
selector = st.sampled_from(
    (
        "*",
        "rect",
        ".a",
        "#g",
        "g > *",
        ":root",
        "@media screen",
        "@layer x",
        "a:has(b)",
        "&",
        "& > rect",
        "@media (width <= 90px)",
    )
)
sheet = st.lists(st.tuples(selector, style), max_size=4).map(
    lambda rules: " ".join(f"{head}{{{body}}}" for head, body in rules)
)


def profile(examples: int):
    return settings(
        max_examples=examples if not SECONDS else 10**9,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )


def clean(text: str) -> str:
    """Without what no XML may contain."""
    return "".join(letter for letter in text if letter in "\t\n\r" or (letter >= " " and letter.isprintable()))


@st.composite
def documents(draw, depth: int = 2) -> str:
    def element(left: int) -> str:
        tag = draw(st.sampled_from(TAGS))
        own = {key: clean(text) for key, text in draw(attributes).items() if not key.startswith("--")}
        own |= {"class": "a", "style": clean(draw(style))}
        if draw(st.booleans()):
            own["id"] = draw(st.sampled_from(("g", "h", "i")))
        if tag in ("use", "textPath"):
            own["href"] = draw(st.sampled_from(("#g", "#h", "#nowhere")))
        written = "".join(f" {key}={quoteattr(text)}" for key, text in own.items())
        inner = "".join(element(left - 1) for _ in range(draw(st.integers(0, 2)))) if left else "word"
        return f"<{tag}{written}>{inner}</{tag}>"

    def part(tag: str, names: tuple[str, ...], inner: str) -> str:
        own = draw(st.dictionaries(st.sampled_from(names), value, max_size=5))
        return f"<{tag}{''.join(f' {key}={quoteattr(clean(text))}' for key, text in own.items())}>{inner}</{tag}>"

    def step(left: int) -> str:
        inner = "".join(step(left - 1) for _ in range(draw(st.integers(0, 2)))) if left else ""
        return part(draw(st.sampled_from(STEP_TAGS)), STEP_NAMES, inner)

    steps = "".join(step(1) for _ in range(draw(st.integers(0, 4))))
    filter_ = part('filter id="f"', FILTER_NAMES, steps).replace('</filter id="f">', "</filter>")
    css = clean(draw(sheet)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    body = "".join(element(depth) for _ in range(draw(st.integers(1, 3))))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60" viewBox="0 0 80 60"><style>{css}</style>'
        f'<linearGradient id="q"><stop offset="1"/></linearGradient>{filter_}{body}'
        '<g filter="url(#f)"><rect width="40" height="30" fill="teal"/><text y="40">ab</text></g></svg>'
    )


class Clock:
    """Ends a search when its time is over, and each input after LIMIT_S."""

    def __init__(self):
        self.end = time.monotonic() + SECONDS

    def __enter__(self) -> None:
        if SECONDS and time.monotonic() > self.end:
            pytest.skip("the time for searching is over")
        self.start = time.process_time()

    def __exit__(self, *_: object) -> None:
        assert time.process_time() - self.start < LIMIT_S


def test_styles_raise_nothing():
    clock = Clock()

    @profile(300)
    @given(documents())
    def search(code):
        with clock:
            root = ElementTree.fromstring(code)
            apply_css(root, (80.0, 60.0))
            assert not any("style" in element.attrib for element in root.iter())
            for name in NUMBERS:
                for element in root.iter():
                    if element.get(name, "inherit") != "inherit":
                        float(element.get(name))

    search()


def test_documents_draw_or_say_why_not():
    clock, draw = Clock(), SvgRenderer(RenderConfig())

    @profile(150)
    @given(documents())
    def search(code):
        with clock:
            try:
                draw(code)
            except Refused as refused:
                assert refused.message
            except Exception as error:  # CairoSVG's own, which becomes RUNTIME_ERROR
                *_, last = traceback.extract_tb(error.__traceback__)
                assert "mmzero_env" not in last.filename, f"{type(error).__name__}: {error}"

    search()


@pytest.mark.parametrize(
    "css",
    [
        "rect{fill:" + "calc(" * 5000,
        "rect{width:calc(" + "1px + " * 5000 + "1px)}",
        ":root{" + ";".join(f"--v{n}:var(--v{n + 1})var(--v{n + 1})" for n in range(2000)) + "}rect{fill:var(--v0)}",
        ":root{--a:" + "var(--b," * 3000 + "}rect{fill:var(--a)}",
        "rect{transform:" + "rotate(1deg)" * 5000 + "}",
        "rect{fill:" + "color-mix(in srgb,red," * 2000 + "}",
        "@media screen{" * 3000,
        "rect{stroke-dasharray:" + "1px " * 15000 + "}",
        ".a" * 20000 + "{fill:red}",
        "rect:not(" * 2000 + "{}",
    ],
    ids=("calc", "sum", "doubling", "fallbacks", "transforms", "mixes", "media", "dashes", "classes", "nots"),
)
def test_long_styles_end(css):
    """What grows with a power of two or a square does not end within a minute, whatever the machine does besides."""
    root = ElementTree.fromstring(
        '<svg xmlns="http://www.w3.org/2000/svg"><style/>' + '<rect class="a"/>' * 50 + "</svg>"
    )
    root[0].text = css
    start = time.process_time()
    with contextlib.suppress(RecursionError):  # renderer.py makes a refusal of it
        apply_css(root, (80.0, 60.0))
    assert time.process_time() - start < 60
