"""Texts as they are drawn: letters of other fonts, chunks, boxes, and which of them are reported."""

import cairocffi as cairo
import pytest

from mmzero_env import RenderConfig, RenderEnv, RenderRequest
from mmzero_env.draw import glyphs

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
