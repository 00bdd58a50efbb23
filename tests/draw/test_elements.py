"""Which elements of a document are drawn, and what is said of the others."""

from xml.etree import ElementTree

import pytest

from mmzero_env.config import RenderConfig
from mmzero_env.draw.errors import Refused
from mmzero_env.draw.svg.css import apply_css
from mmzero_env.draw.svg.elements import MOST_NOTES
from mmzero_env.draw.svg.renderer import read, style

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:i="http://example.org/i"'


def settled(body: str) -> tuple[list[str], str, list[str]]:
    """The tags below the root, its words, and the notes."""
    notes: list[str] = []
    root = read(f"{HEAD}>{body}</svg>", notes)
    return [element.tag.rpartition("}")[2] for element in list(root.iter())[1:]], "".join(root.itertext()), notes


def test_an_unknown_element_hides_what_it_holds_and_one_note_says_so():
    tags, _, notes = settled("<layer><Rect width='9'/><rect width='9'/></layer><flowRoot><b>Hi  you</b></flowRoot>")
    assert tags == ["defs", "defs", "rect", "defs", "defs"]
    assert notes == [
        "<layer> is no element of SVG and not drawn",
        "<flowRoot> is no element of SVG and not drawn: 'Hi you'",
    ]


def test_other_programs_elements_are_silent():
    assert settled("<i:grid><i:line x='1'/></i:grid>") == (["defs", "defs"], "", [])


@pytest.mark.parametrize("left_out", ["<b>lost</b>", "<foreignObject>lost</foreignObject>"])
def test_the_text_behind_stays(left_out):
    tags, words, _ = settled(f"<text>one{left_out} two<tspan>3</tspan>{left_out} four</text>")
    assert words == "one two3 four" and tags == ["text", "tspan"]


def test_what_stands_in_a_shape_is_not_drawn():
    tags, _, notes = settled("<rect><title>t</title><text>a</text><animate/></rect>")
    assert tags == ["rect", "title", "defs", "animate"] and notes == ["<text> in <rect> is not drawn: 'a'"]


def test_conditions_hold_as_in_browsers():
    root = read(f'{HEAD}><g requiredFeatures="x"/><g systemLanguage="de, en-GB"/><g systemLanguage="de"/></svg>', [])
    assert [dict(child.attrib) for child in root] == [{}, {}, {"systemLanguage": "de"}]


def test_notes_end():
    assert len(settled("<layer a='1'/>" * 300)[2]) == MOST_NOTES


def test_a_view_box_that_is_none():
    sized = ElementTree.fromstring(f'{HEAD} width="400" height="200" viewBox="0 0 400"/>')
    page, user, _ = style(sized, RenderConfig())
    assert user == (400.0, 200.0) and page.notes == [
        "viewBox '0 0 400' is not four numbers with a positive size: ignored"
    ]
    with pytest.raises(Refused):
        style(ElementTree.fromstring(f'{HEAD} width="100%" height="200" viewBox="0 0 400"/>'), RenderConfig())


def test_what_of_text_is_not_drawn_is_said():
    said = 'style="text-shadow: 1px 1px red; text-orientation: upright"'
    root = ElementTree.fromstring(f"{HEAD}><text {said}>a</text></svg>")
    assert apply_css(root).notes == ["text-shadow: 1px 1px red is not drawn", "text-orientation: upright is not drawn"]
    root = ElementTree.fromstring(f'{HEAD}><text style="text-shadow: none; text-orientation: mixed">a</text></svg>')
    assert apply_css(root).notes == []


@pytest.mark.parametrize(
    "view_box, left",
    [
        ("0 0 10px 10px", "0 0 10 10"),
        ("bad", None),
        ("0 0 -5 5", None),
        ("0 0 10", None),
        ("0 0 1 1 1", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("tag", ["svg", "symbol", "marker", "pattern"])
def test_a_view_box_inside_that_is_none(tag, view_box, left):
    notes = []
    root = read(f'{HEAD}><{tag} viewBox="{view_box}"><rect/></{tag}></svg>', notes)
    assert root[0].get("viewBox") == left and root[0][0].tag.endswith("rect")
    assert notes == ([] if left or not view_box else [f"viewBox '{view_box}' is not four numbers: ignored"])


def test_nothing_is_drawn_in_a_view_box_without_area():
    tags, _, notes = settled('<svg viewBox="0 0 0 5"><rect/><circle/></svg>')
    assert tags == ["svg", "defs", "rect", "circle"] and notes == []


def test_an_empty_preserve_aspect_ratio_is_none():
    assert "preserveAspectRatio" not in read(f'{HEAD}><svg preserveAspectRatio=" "/></svg>', [])[0].attrib
