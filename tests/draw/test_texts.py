"""Texts as they are drawn: letters of other fonts, chunks, boxes, and which of them are reported."""

import cairocffi as cairo
import pytest

from mmzero_env import RenderConfig, RenderEnv, RenderRequest
from mmzero_env.draw.svg import glyphs

ARIAL = ("Arial", cairo.FONT_SLANT_NORMAL, cairo.FONT_WEIGHT_NORMAL)


@pytest.fixture(scope="module")
def env():
    with RenderEnv(RenderConfig(workers=1, timeout_s=20.0)) as one:
        yield one


@pytest.fixture
def context():
    if glyphs.stand_in(ARIAL, "△") in (ARIAL, None):
        pytest.skip("what is drawn for Arial has all letters, or nothing else is installed")
    context = cairo.Context(cairo.ImageSurface(cairo.FORMAT_A8, 1, 1))
    context.select_font_face(*ARIAL)
    context.set_font_size(20)
    return context


def drawn(env, body: str, width: int = 200, height: int = 100):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
    result = env.render(RenderRequest(f'{head}<path id="line" d="M10 50H190" stroke="#ddd"/>{body}</svg>', "svg"))
    assert result.ok, result
    return result


def test_letters_are_measured_in_the_font_that_draws_them(context):
    missing: dict[str, None] = {}
    with glyphs.completed(context, missing):
        whole = context.text_extents("H₂ △")
        assert whole[4] == pytest.approx(sum(context.text_extents(letter)[4] for letter in "H₂ △"))
        own, other = context.text_extents("H")[4], context.text_extents("△")[4]
        assert context.text_extents("\u200b\ufe0f")[4] == 0.0 and not missing
    context.select_font_face("DejaVu Sans")
    assert context.text_extents("△")[4] == other and context.text_extents("H")[4] != own
    context.select_font_face(*ARIAL)
    assert context.text_extents("H₂")[:5] == pytest.approx(glyphs.joined([context.text_extents(x) for x in "H₂"])[:5])


def test_without_a_font_that_has_a_letter_the_font_asked_for_is_left(context, monkeypatch):
    monkeypatch.setattr(glyphs, "FALLBACKS", ("Liberation Sans",))
    glyphs.stand_in.cache_clear()
    missing: dict[str, None] = {}
    with glyphs.completed(context, missing):
        context.show_text("H"), context.show_text("△")
    assert list(missing) == ["△"] and context.get_font_face().get_family() == "Arial"
    glyphs.stand_in.cache_clear()


def test_marks_stand_on_their_letters(env):
    """As high above a capital as above a small letter, in its middle, and without room of their own."""

    def ink(text: str) -> tuple[int, int, int, int]:
        body = f'<text x="50" y="90" font-size="60" font-family="DejaVu Sans">{text}</text>'
        return drawn(env, body, 200, 110).image().convert("L").point(lambda level: 255 * (level < 128)).getbbox()

    low, high, arrow, capital = ink("x"), ink("H"), ink("x\u20d7"), ink("H\u20d7")
    assert arrow[1] < low[1] and capital[1] - high[1] == pytest.approx(arrow[1] - low[1], abs=1)
    assert capital[0] == high[0] and capital[2] == pytest.approx(high[2], abs=2)
    assert ink("H\u20d7I")[2] == ink("HI")[2]


@pytest.mark.parametrize(
    "text, found",
    [
        ("<tspan>Hello</tspan> <tspan>World</tspan>", ("Hello World",)),
        ("\n<tspan>Total:</tspan>\n<tspan>42</tspan>\n<tspan>units</tspan>\n", ("Total: 42 units",)),
        ('<tspan x="5">One</tspan> <tspan x="5" dy="15">Two</tspan>', ("One", "Two")),
        ("<tspan>H</tspan><tspan>2</tspan>O", ("H2O",)),
    ],
)
def test_blanks_between_pieces_part_words(env, text, found):
    assert drawn(env, f'<text x="5" y="20" font-size="12">{text}</text>').text == found


def test_texts_on_paths_are_judged_by_where_they_are(env):
    path = '<textPath href="#line"><tspan dy="-10">Above</tspan></textPath>'
    beyond = '<textPath href="#line" startOffset="5000">Beyond</textPath>'
    result = drawn(env, f"<text>{path}</text><text>{beyond}</text>")
    assert result.text == ("Above",) and "'Beyond'" in result.note


@pytest.mark.parametrize(
    "shape, found",
    [
        ('<clipPath id="c"><rect width="50" height="50"/></clipPath><g clip-path="url(#c)">{}</g>', ("In",)),
        ('<svg x="0" y="0" width="60" height="60">{}</svg>', ("In",)),
        ('<g transform="scale(0)">{}</g>', ()),
        ('<g opacity="0.5">{}</g>', ("In", "Far")),
    ],
)
def test_a_text_that_is_cut_off_is_not_reported(env, shape, found):
    texts = '<text x="5" y="20" font-size="12">In</text><text x="120" y="20" font-size="12">Far</text>'
    result = drawn(env, shape.format(texts))
    assert result.text == found and ("'Far'" in result.note) == ("Far" not in found)


def test_each_piece_of_a_text_is_judged_by_its_own_place(env):
    result = drawn(env, '<text x="-99" y="20">Off<tspan x="9">On</tspan></text><text x="190" y="20">W</text>')
    assert result.text == ("On", "W") and "'Off'" in result.note
