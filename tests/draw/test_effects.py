"""Filters: what a step does to pixels, and that no document makes them expensive. What whole filters look like is in
tests/corpus/pictures (the values there are Chromium's)."""

import io
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from mmzero_env import RenderConfig, RenderEnv, RenderRequest
from mmzero_env.draw.svg.effects import colours, neighbours, noise, primitives
from mmzero_env.draw.svg.effects.reading import read, region_px
from mmzero_env.draw.svg.effects.steps import STEPS, Frame, kernel_of, reach

NONE = (0.0, 0.0, 0.0, 0.0)
TOO_MUCH = "too much work"
PAGE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1024 1024"><defs>{defs}</defs>{body}</svg>'


def premultiplied(pixels: np.ndarray) -> np.ndarray:
    return np.minimum(pixels, pixels[..., 3:])


PIXELS = arrays(np.uint8, (3, 4, 4)).map(premultiplied)


@given(above=PIXELS, below=PIXELS)
@pytest.mark.parametrize(
    "operator, formula",
    [
        ("over", lambda a, b, x, y: x + y * (1 - a)),
        ("in", lambda a, b, x, y: x * b),
        ("out", lambda a, b, x, y: x * (1 - b)),
        ("atop", lambda a, b, x, y: x * b + y * (1 - a)),
        ("xor", lambda a, b, x, y: x * (1 - b) + y * (1 - a)),
        ("lighter", lambda a, b, x, y: np.minimum(x + y, 1)),
        ("no operator", lambda a, b, x, y: x + y * (1 - a)),
    ],
)
def test_composites_are_those_of_porter_and_duff(operator, formula, above, below):
    x, y = above / 255, below / 255
    wanted = 255 * formula(x[..., 3:], y[..., 3:], x, y)
    assert np.abs(primitives.composite(above, below, operator, NONE) - wanted).max() <= 1.01


@given(above=PIXELS, below=PIXELS, factors=st.tuples(*[st.floats(-2, 2)] * 4))
def test_arithmetic_leaves_colours_within_their_alpha(above, below, factors):
    done = primitives.composite(above, below, "arithmetic", factors)
    assert (done <= done[..., 3:]).all()


@given(above=PIXELS, below=PIXELS)
@pytest.mark.parametrize("mode", [*colours.BLENDS, "normal"])
def test_blends_leave_colours_within_their_alpha_and_what_is_alone_as_it_is(mode, above, below):
    done = colours.blended(above, below, mode)
    assert (done <= done[..., 3:]).all()
    nothing = np.zeros_like(above)
    assert np.abs(colours.blended(above, nothing, mode).astype(int) - above).max() <= 1
    assert np.abs(colours.blended(nothing, below, mode).astype(int) - below).max() <= 1


@given(pixels=PIXELS)
def test_what_changes_no_colour_changes_nothing(pixels):
    same = colours.by_matrix(pixels, colours.SAME), colours.by_tables(pixels, [colours.LEVELS] * 4)
    turned = colours.by_matrix(colours.by_matrix(pixels, colours.saturate(1.0)), colours.rotate_hue(360.0))
    for done in (*same, turned):
        assert np.abs(done.astype(int) - pixels).max() <= 1
    assert primitives.blur(pixels, 0, 0) is pixels


@pytest.mark.parametrize("reach_px", [(1, 0), (0, 2), (2, 3), (9, 9)])
@pytest.mark.parametrize("thinner", [True, False])
def test_widened_is_the_extreme_of_a_rectangle(reach_px, thinner):
    pixels = premultiplied(np.random.default_rng(0).integers(0, 256, (6, 7, 4), dtype=np.uint8))
    across, down = reach_px
    pick = np.min if thinner else np.max
    across, down = min(across, 7), min(down, 6)
    padded = np.pad(pixels, ((down, down), (across, across), (0, 0)))
    wanted = [
        [pick(padded[y : y + 2 * down + 1, x : x + 2 * across + 1], axis=(0, 1)) for x in range(7)] for y in range(6)
    ]
    assert (primitives.widened(pixels, *reach_px, thinner) == np.array(wanted)).all()


@pytest.mark.parametrize(
    "step, kept", [((2, 0), (3, 1)), ((-1, -1), (0, 0)), ((0, 9), None), ((1e6, 0), None), ((0.4, -0.4), (1, 1))]
)
def test_offset_moves_by_whole_pixels(step, kept):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[1, 1] = 255
    wanted = np.zeros_like(pixels)
    if kept:
        wanted[kept[1], kept[0]] = 255
    assert (primitives.offset(pixels, *step) == wanted).all()


@pytest.mark.parametrize("colour", [(0, 0, 0), (1, 0.5, 0)])
def test_a_blur_spreads_and_loses_nothing(colour):
    pixels = np.zeros((60, 60, 4), np.uint8)
    pixels[20:40, 20:40] = primitives.flood((1, 1), (*colour, 1.0))
    done = primitives.blur(pixels, 4, 0)
    assert done[30, 14, 3] > 0 and not done[:20].any() and not done[40:].any(), "only across"
    assert done.sum() == pytest.approx(pixels.sum(), rel=0.02)
    spread = done[30, :, 3] / done[30, :, 3].sum()
    box = (20**2 - 1) / 12
    assert (spread * (np.arange(60) - 29.5) ** 2).sum() == pytest.approx(4**2 + box, rel=0.05)


def test_noise_of_a_seed_is_smooth_and_the_same_every_time():
    rows, columns = np.indices((40, 50), np.float32)
    one, again, other = (noise.noise(columns, rows, (0.05, 0.05), 2, seed, True) for seed in (3, 3, 4))
    assert (one == again).all() and (one != other).any()
    assert 0 <= one.min() < 0.45 and 0.55 < one.max() <= 1
    assert np.abs(np.diff(one, axis=1)).max() < 0.1
    assert noise.noise(columns, rows, (0.05, 0.05), 2, 3, False).mean() < one.mean()


def test_lengths_and_directions_follow_the_element():
    frame = Frame((9, 9), (5, 5), (0.0, 2.0, -3.0, 0.0, 10.0, 20.0))  # turned by 90 degrees, and scaled
    assert frame.sizes(1, 0) == (0, 2) and frame.sizes(0, 1) == (3, 0)
    assert frame.way(1, 0) == (0, 2) and frame.way(0, 1) == (-3, 0)
    assert frame.place(0, 0, 1)[:2] == (5, 15)
    x, y = frame.points()
    assert (x[0, 0], y[0, 0]) == pytest.approx(((5.5 - 20) / 2, (5.5 - 10) / -3))


@pytest.mark.parametrize(
    "area, in_boxes, wanted",
    [
        (("-10%", "-10%", "120%", "120%"), True, [-10, 35, 240, 60]),
        (("-0.1", "0", "1.2", "1"), True, [-10, 40, 240, 50]),
        (("5", "10%", "20", None), False, [5, 30, 20, None]),
        (("?", "0", "1", "1"), True, [None, 40, 200, 50]),
    ],
)
def test_regions_are_shares_of_the_box_or_lengths(area, in_boxes, wanted):
    assert region_px(area, (10.0, 40.0, 200.0, 50.0), in_boxes, (400.0, 300.0)) == pytest.approx(wanted)


@pytest.mark.parametrize("tag", STEPS)
def test_no_numbers_break_a_step(tag):
    """Missing, empty, huge and senseless ones; the result has the shape of the input, and its colours are colours."""
    frame = Frame((5, 6), (0, 0), (1.0, 0.0, 0.0, 1.0, 0.0, 0.0))
    pixels = premultiplied(np.random.default_rng(1).integers(0, 256, (5, 6, 4), dtype=np.uint8))
    names = (
        *("dx", "dy", "stdDeviation", "radius", "scale", "baseFrequency", "numOctaves", "seed", "surfaceScale", "k1"),
        *("specularExponent", "values", "type", "operator", "k2", "mode", "diffuseConstant", "flood-opacity"),
        *("order", "kernelMatrix", "divisor", "bias", "targetX", "edgeMode", "preserveAlpha"),
    )
    for value in ("", "nonsense", "-5", "1e308", "0 0", "1e-300", "NaN"):
        words = " ".join(f'{name}="{value}"' for name in names)
        child = f'<feFuncR type="gamma" exponent="{value}"/><feSpotLight x="{value}" specularExponent="{value}"/>'
        element = fromstring(f"<{tag} {words}>{child}</{tag}>")
        assert reach(element, frame) >= 0
        with np.errstate(all="ignore"):
            done = STEPS[tag](element, [pixels, pixels], frame)
        assert done.shape == (5, 6, 4) and done.dtype == np.uint8 and (done <= done[..., 3:]).all()


@pytest.mark.parametrize("divisor", ["0", "1e-300", "-1e300", ""])
@pytest.mark.parametrize("bias", ["0", "1e300", "-1"])
def test_no_divisor_breaks_a_convolution(divisor, bias):
    words = f'order="2" kernelMatrix="1e300 -1e300 1e300 -1" divisor="{divisor}" bias="{bias}"'
    kernel = kernel_of(fromstring(f"<feConvolveMatrix {words}/>"))
    for pixels in (np.zeros((3, 3, 4), np.uint8), np.full((3, 3, 4), 255, np.uint8)):
        done = neighbours.convolved(pixels, kernel)
        assert done.shape == pixels.shape and (done <= done[..., 3:]).all()


@pytest.mark.parametrize(
    "words",
    [
        'kernelMatrix="1 2 3"',
        'order="0" kernelMatrix=""',
        'order="-1" kernelMatrix="1"',
        'order="1" kernelMatrix="1" targetX="1"',
        'order="1" kernelMatrix="1" targetY="-1"',
        f'order="99" kernelMatrix="{"1 " * 99 * 99}"',
        "",
    ],
)
def test_numbers_that_do_not_belong_together_are_no_kernel(words):
    assert kernel_of(fromstring(f"<feConvolveMatrix {words}/>")) is None


@given(pixels=PIXELS, data=st.data())
@pytest.mark.parametrize("edge, mode", [("duplicate", "edge"), ("wrap", "wrap"), ("none", "constant")])
def test_a_convolution_is_the_sum_of_the_specification(edge, mode, pixels, data):
    """Σ source[x - targetX + j, y - targetY + i] kernel[orderX - 1 - j, orderY - 1 - i] / divisor"""
    columns, rows = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    target = data.draw(st.integers(0, columns - 1)), data.draw(st.integers(0, rows - 1))
    weights = np.array(data.draw(st.lists(st.integers(-2, 2), min_size=columns * rows, max_size=columns * rows)))
    weights, divisor = weights.reshape(rows, columns), data.draw(st.sampled_from([1, 2, -1]))
    around = np.pad(pixels.astype(float), ((9, 9), (9, 9), (0, 0)), mode=mode)
    wanted = np.zeros(pixels.shape)
    for y, x in np.ndindex(pixels.shape[:2]):
        for i, j in np.ndindex(rows, columns):
            place = 9 + y - target[1] + i, 9 + x - target[0] + j
            wanted[y, x] += around[place] * weights[rows - 1 - i, columns - 1 - j] / divisor
    done = neighbours.convolved(pixels, neighbours.Kernel(weights, 1 / divisor, target, edge=edge))
    wanted = np.clip(wanted, 0, 255)
    assert np.abs(done - np.minimum(wanted, wanted[..., 3:])).max() <= 1


def test_a_convolution_that_keeps_alpha_takes_colours_without_it():
    pixels = np.zeros((3, 3, 4), np.uint8)
    pixels[1, 1] = primitives.flood((1, 1), (0.2, 0.4, 0.6, 0.5))
    same = np.zeros((3, 3))
    same[1, 1] = 1
    kernel = neighbours.Kernel(same, 2.0, (1, 1), keep_alpha=True)
    done = neighbours.convolved(pixels, kernel)[1, 1]
    assert np.abs(done.astype(int) - (128, 102, 51, 128)).max() <= 1


@pytest.mark.parametrize("left, top, right, bottom", [(1, 0, 3, 2), (-2, 1, 1, 2), (0, 0, 9, 9), (-5, -5, 20, 20)])
def test_a_tile_repeats_from_its_corner(left, top, right, bottom):
    pixels = np.random.default_rng(2).integers(1, 256, (5, 6, 4), dtype=np.uint8)
    around = np.pad(pixels, ((30, 30), (30, 30), (0, 0)))
    done = neighbours.tiled(pixels, (left, top, right, bottom))
    for y, x in np.ndindex(5, 6):
        row, column = top + (y - top) % (bottom - top), left + (x - left) % (right - left)
        assert (done[y, x] == around[30 + row, 30 + column]).all()


def test_a_tile_of_no_size_draws_nothing():
    assert not neighbours.tiled(np.full((2, 2, 4), 255, np.uint8), (1, 0, 1, 2)).any()


def test_a_turned_filter_paints_within_its_turned_region():
    flood = '<filter id="f" x="0" y="0" width="1" height="1"><feFlood flood-color="red"/></filter>'
    body = '<rect x="400" y="400" width="224" height="224" filter="url(#f)" transform="rotate(45 512 512)"/>'
    with RenderEnv(RenderConfig(workers=1)) as env:
        drawn = Image.open(io.BytesIO(env.render(RenderRequest(PAGE.format(defs=flood, body=body), "svg")).png))
    assert [drawn.convert("RGB").getpixel(place) for place in ((512, 370), (420, 420))] == [
        (255, 0, 0),
        (255, 255, 255),
    ]


def test_functions_of_elements_with_another_colour_or_font_are_other_filters():
    """A shadow without a colour has the element's; an em is the element's."""
    body = "".join(
        f'<rect x="{x}" width="200" height="200" fill="navy" font-size="{size}" color="{colour}" '
        'style="filter:drop-shadow(0 2em)"/>'
        for x, size, colour in ((0, 50, "red"), (300, 50, "lime"), (600, 100, "red"))
    )
    with RenderEnv(RenderConfig(workers=1)) as env:
        drawn = Image.open(io.BytesIO(env.render(RenderRequest(PAGE.format(defs="", body=body), "svg")).png))
    places = ((100, 250), (400, 250), (700, 350), (100, 350))
    assert [drawn.convert("RGB").getpixel(place) for place in places] == [
        (255, 0, 0),
        (0, 255, 0),
        (255, 0, 0),
        (255, 255, 255),
    ]


def test_every_input_of_a_step_has_a_name():
    effect = read(
        fromstring('<f><feMerge><feMergeNode in="a"/><x/><feMergeNode/></feMerge><feBlend in2="b"/><text/></f>')
    )
    assert [step.inputs for step in effect.steps] == [("a", ""), ("", "b")]


BLUR = '<filter id="f" x="-1" y="-1" width="3" height="3"><feGaussianBlur stdDeviation="{}"/></filter>'
WIDE = '<rect width="1024" height="1024" fill="teal" filter="url(#f)"/>'


@pytest.mark.parametrize(
    "defs, body",
    [
        (BLUR.format(50), WIDE * 300),
        (BLUR.format(200), '<g filter="url(#f)">' * 50 + WIDE + "</g>" * 50),
        ('<filter id="f"><feTurbulence baseFrequency="0.1" numOctaves="99"/></filter>', WIDE * 50),
        (f'<filter id="f"><feConvolveMatrix order="10" kernelMatrix="{"1 " * 100}"/></filter>', WIDE * 50),
        (BLUR.format(9), "".join(f'<text y="{i}" font-size="900" filter="url(#f)">W</text>' for i in range(900, 999))),
    ],
    ids=["many", "nested", "noise", "kernels", "texts"],
)
def test_more_work_than_two_seconds_is_left_out_and_said(defs, body):
    with RenderEnv(RenderConfig(workers=1, timeout_s=60)) as env:  # a busy machine may take longer
        result = env.render(RenderRequest(PAGE.format(defs=defs, body=body + '<circle r="200" fill="red"/>'), "svg"))
    assert result.ok and TOO_MUCH in result.note


def test_filters_of_many_small_elements_are_all_drawn():
    marks = "".join(
        f'<rect x="{40 * (i % 25)}" y="{40 * (i // 25)}" width="20" height="20" fill="teal" filter="url(#f)"/>'
        f'<text x="{40 * (i % 25)}" y="{40 * (i // 25)}" filter="url(#f)">{i}</text>'
        for i in range(500)
    )
    shadow = '<filter id="f"><feDropShadow dx="2" dy="2" stdDeviation="2"/></filter>'
    with RenderEnv(RenderConfig(workers=1)) as env:
        result = env.render(RenderRequest(PAGE.format(defs=shadow, body=marks), "svg"))
    assert result.ok and TOO_MUCH not in result.note
