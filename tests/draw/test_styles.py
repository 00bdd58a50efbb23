"""What the walk over styles does beyond single pictures: what is left out, what is refused, what costs too much."""

import doctest
import importlib
import itertools
import pkgutil
from importlib import resources
from xml.etree import ElementTree

import pytest

import mmzero_env.draw
from mmzero_env import RenderEnv, RenderRequest
from mmzero_env.config import RenderConfig
from mmzero_env.draw.errors import Refused
from mmzero_env.draw.python.snippet import LIBRARIES
from mmzero_env.draw.svg.checks import check_svg
from mmzero_env.draw.svg.css import apply_css
from mmzero_env.draw.svg.css.properties import COLOURS, SHARES
from mmzero_env.draw.svg.renderer import read, style
from mmzero_env.draw.svg.weight import check_weight
from mmzero_env.results import RenderStatus
from tests.bench.render_inputs import svg_drawings, tiny_drawings

PLAIN = svg_drawings(24) + tiny_drawings(6)
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="400" height="200"'


def svg(body: str, more: str = "") -> str:
    return f"{HEAD}{more}>{body}</svg>"


def styled(body: str) -> tuple[list[dict], list[str]]:
    """Attributes of all elements but the root, and notes."""
    root = ElementTree.fromstring(svg(body))
    page = apply_css(root, (400.0, 200.0))
    return [dict(element.attrib) for element in list(root.iter())[1:]], page.notes


@pytest.mark.parametrize(
    "name", [module.name for module in pkgutil.walk_packages(mmzero_env.draw.__path__, "mmzero_env.draw.")]
)
def test_examples_in_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("code", PLAIN, ids=range(len(PLAIN)))
def test_a_plain_document_means_the_same_afterwards(code):
    """Nothing in it needs to be rewritten but the rules of a style sheet and markers without a box."""
    before = ElementTree.fromstring(code)
    after = ElementTree.fromstring(code)
    assert apply_css(after, (800.0, 600.0)).notes == []
    kept = [element for element in before.iter() if not element.tag.endswith("style")]
    for old, new in zip(kept, after.iter(), strict=True):
        assert old.attrib.items() <= new.attrib.items()
        assert new.attrib.keys() - old.attrib.keys() <= {"fill", "stroke", "viewBox"}


def test_styles_are_written_as_attributes_and_gone():
    (rect,), notes = styled('<rect style="fill: hsl(0 100% 50%); width: 2rem; margin: 3px" class="a"/>')
    assert rect == {"class": "a", "fill": "#ff0000", "width": "32"} and not notes
    (group, rect), _ = styled('<g style="font-size: 20px"><rect style="stroke-width: calc(1em / 4)"/></g>')
    assert group == {"font-size": "20"} and rect == {"stroke-width": "5"}


@pytest.mark.parametrize(
    "body, note",
    [
        ('<rect style="fill: color(rec2020 1 0 0)"/>', "fill: color(rec2020 1 0 0) is not drawn"),
        ('<rect clip-path="xywh(1px 1px 5px 5px)"/>', "clip-path: xywh(1px 1px 5px 5px) is not drawn"),
        ('<text word-spacing="9">a b</text>', "word-spacing: 9 is not drawn"),
        ('<text style="font-variant: small-caps">a</text>', "font-variant: small-caps is not drawn"),
        (
            "<rect><animate attributeName='x' to='9'/></rect>",
            "animations are not played: the picture shows the state without them",
        ),
        ('<rect style="fill: var(--missing)"/>', "fill: var(--missing) has no value (--missing)"),
        ('<text font-size="huge">a</text>', "font-size: 'huge' is not understood, 16 px is used"),
        ('<rect transform="turn(3)"/>', "transform: turn(3) is not understood"),
        ('<rect style="rotate: 1e999"/>', "transform: 1e999 is not understood"),
    ],
)
def test_what_is_not_drawn_is_said(body, note):
    assert styled(body)[1] == [note]


@pytest.mark.parametrize(
    "body, note",
    [
        ("<foreignObject><p>One <b>two</b></p></foreignObject>", "<foreignObject> is not drawn: 'One two'"),
        ('<a href="https://example.com/a#b">x</a>', "<a href> is left out: 'https://example.com/a#b'"),
        ('<a xlink:href="mailto:a@example.com">x</a>', "<a href> is left out: 'mailto:a@example.com'"),
        ("<style>@import url('//fonts.example.com/x');</style>", "@import is left out: '//fonts.example.com/x'"),
        (
            '<style>@import "https://example.com/x.css" screen;</style>',
            "@import is left out: 'https://example.com/x.css'",
        ),
        ("<style>@font-face{src:local(Arial)}</style>", "@font-face is left out"),
        (
            "<style>@font-face{src:url(data:font/woff2;base64,AA==)}</style>",
            "@font-face is left out: 'data:font/woff2;base64,AA=='",
        ),
    ],
)
def test_harmless_things_are_left_out(body, note):
    assert check_svg(svg(body), RenderConfig()) == [note]


@pytest.mark.parametrize(
    "body",
    [
        "<foreignObject><iframe src='https://example.com/'/></foreignObject>",
        "<foreignObject><p style='background:url(https://example.com/)'/></foreignObject>",
        "<foreignObject><a href='file:///etc/passwd'/></foreignObject>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='http://localhost/'>x</a>",
        "<a href='https://10.0.0.1/'>x</a>",
        "<a href='https://example.com:8080/'>x</a>",
        "<a href='https://user@example.com/'>x</a>",
        "<a href='other.svg'>x</a>",
        "<use href='https://example.com/x.svg#a'/>",
        "<image href='https://example.com/x.png'/>",
        "<style>@import '/etc/passwd';</style>",
        "<style>@import url(https://127.0.0.1/x.css);</style>",
        "<style>@import url(https://example.com/a); @import url(file:///b);</style>",
        "<style>@font-face{src:url(https://example.com/a),url(/etc/passwd)}</style>",
        "<style>@font-face{src:url(https://example.com/a)</style>",
        "<style>rect{fill:url(https://example.com/x.svg#a)}</style>",
    ],
)
def test_everything_else_stays_refused(body):
    with pytest.raises(Refused) as caught:
        check_svg(svg(body), RenderConfig())
    assert caught.value.status is RenderStatus.FORBIDDEN


def test_doctype_that_declares_nothing():
    plain = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n'
    assert check_svg(plain + svg(""), RenderConfig()) == [] and read(plain + svg(""), []) is not None
    for declares in (
        "<!DOCTYPE svg [<!ENTITY a 'b'>]>",
        "<!DOCTYPE svg [<!ATTLIST svg a CDATA 'b'>]>",
        "<!DOCTYPE svg []>",
    ):
        with pytest.raises(Refused) as caught:
            check_svg(declares + svg(""), RenderConfig())
        assert caught.value.status is RenderStatus.FORBIDDEN
    with pytest.raises(Refused) as caught:
        check_svg(plain + svg("<text>&nbsp;</text>"), RenderConfig())
    assert caught.value.status is RenderStatus.SYNTAX_ERROR


MANY = '<rect id="m0" width="1" height="1"/>' * 900


@pytest.mark.parametrize(
    "body",
    [
        f'<style>:root{{--m:url(#m)}}line{{marker-end:var(--m)}}</style><marker id="m">{MANY}</marker>'
        + "<line x2='9'/>" * 900,
        f'<style>line{{marker:url(#m)}}</style><marker id="m">{MANY}</marker>' + "<line x2='9'/>" * 900,
        f'<style>.p{{fill:url(#p)}}</style><pattern id="p">{MANY}</pattern>' + "<rect class='p'/>" * 900,
    ],
    ids=("variable", "shorthand", "rule"),
)
def test_references_made_by_styles_weigh_as_much(body):
    config = RenderConfig()
    root = read(svg(body), [])
    style(root, config)
    with pytest.raises(Refused) as caught:
        check_weight(root, config)
    assert caught.value.status is RenderStatus.TOO_LARGE


def test_copies_for_uses_with_variables_end():
    steps = "".join(
        f'<g id="a{n}" fill="var(--c)">' + f'<use href="#a{n - 1}" style="--c:#00{n}"/>' * 9 + "</g>"
        for n in range(1, 9)
    )
    root = read(svg(f'<rect id="a0" fill="var(--c)"/>{steps}<use href="#a8" style="--c:red"/>'), [])
    with pytest.raises(Refused):
        style(root, RenderConfig())
        check_weight(root, RenderConfig())
    assert sum(1 for _ in root.iter()) < 20_000


@pytest.mark.parametrize(
    "body",
    [
        '<g id="a"><rect fill="var(--c)"/><use href="#a" style="--c:red"/></g>',
        '<g id="a"><rect fill="var(--c)"/><use href="#b" style="--c:red"/></g>'
        '<g id="b"><rect fill="var(--c)"/><use href="#a" style="--c:blue"/></g>',
    ],
)
def test_uses_with_variables_of_what_holds_them_are_refused(body):
    """As uses without variables are; copying would never end."""
    root = ElementTree.fromstring(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 60">{body}</svg>')
    apply_css(root, (80.0, 60.0))
    with pytest.raises(Refused, match="contains itself") as refused:
        check_weight(root, RenderConfig())
    assert refused.value.status is RenderStatus.FORBIDDEN


@pytest.mark.parametrize(
    "names, values",
    [
        ((*SHARES, "stroke-miterlimit"), ("0px", ".5px", " 5 px", "#000000", "#fff")),
        (("fill", "stroke", *COLOURS), ("12", "12px", "0", "#12", "#1234567")),
        (("width", "stroke-width", "x", "font-size", "stroke-dashoffset"), ("#000000", "#fff")),
    ],
)
@pytest.mark.parametrize("written", ["{}='{}'", "style='{}:{}'"])
def test_values_of_another_kind_are_ignored(names, values, written):
    for name, value in itertools.product(names, values):
        _is_ignored(written.format(name, value))


def _is_ignored(written):
    root = ElementTree.fromstring(f"<svg xmlns='http://www.w3.org/2000/svg'><rect {written}/></svg>")
    apply_css(root, (80.0, 60.0))
    assert root[0].attrib.keys() <= {"font-size"}, written


@pytest.mark.parametrize("tag", ["marker", "use", "text", "g", "symbol", "pattern", "linearGradient", "defs"])
def test_a_shape_as_clip_of_whatever_raises_nothing(tag):
    body = f'<{tag} style="clip-path:polygon(0 0, 50% 50%, 9px 9px)"><g><{tag}/></g></{tag}>'
    apply_css(ElementTree.fromstring(f'<svg xmlns="http://www.w3.org/2000/svg">{body}</svg>'), (80.0, 60.0))


@pytest.mark.parametrize("points", ["", "points=''", "points='5'", "points='1 2 3'", "points='x'"])
@pytest.mark.parametrize("tag", ["polygon", "polyline"])
def test_shapes_without_points_draw_nothing_and_cost_nothing(points, tag):
    """Whatever asks for their box: a clip, a gradient, a pattern, a mask, a filter."""
    paints = ("clip-path='circle(40%)'", "fill='url(#g)'", "stroke='url(#p)'", "mask='url(#m)'", "filter='blur(2px)'")
    shapes = "".join(f"<{tag} {points} {paint}/>" for paint in paints)
    code = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 80 60'><linearGradient id='g'><stop/></linearGradient>"
        f"<pattern id='p' width='.5' height='.5'/><mask id='m'/>{shapes}<rect width='40' height='60' fill='red'/></svg>"
    )
    with RenderEnv(RenderConfig(workers=1)) as env:
        result = env.render(RenderRequest(code, "svg"))
    assert result.ok, result.message


@pytest.mark.parametrize("name", ["coder_python.txt", "coder_svg_python.txt"])
def test_the_coders_prompt_names_what_may_be_imported(name):
    text = resources.files("recipe.mmzero.config").joinpath("prompts", name).read_text("utf-8")
    assert all(library in text for library in LIBRARIES)
